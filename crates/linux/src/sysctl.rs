//! The host's settings below /proc/sys.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::LinuxError;

/// Reads and writes sysctls below a root: /proc/sys, or a fixture in tests.
///
/// The files below `net` are those of the network namespace of the calling thread.
#[derive(Clone, Debug)]
pub struct Sysctls {
    root: PathBuf,
}

impl Default for Sysctls {
    fn default() -> Self {
        Self::at("/proc/sys")
    }
}

impl Sysctls {
    /// The sysctls below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The value of a sysctl such as `net.core.rmem_max`, without the line's end.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, name: &str) -> Result<String, LinuxError> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim_end().to_owned()),
            Err(source) => Err(LinuxError::Sysctl { operation: "read".to_owned(), path, source }),
        }
    }

    /// The value of a sysctl that is one number.
    ///
    /// # Errors
    /// If it cannot be read, or is no number.
    pub fn read_number(&self, name: &str) -> Result<u64, LinuxError> {
        let text = self.read(name)?;
        text.parse().map_err(|_| LinuxError::Sysctl {
            operation: "read".to_owned(),
            path: self.path(name),
            source: io::Error::new(io::ErrorKind::InvalidData, format!("\"{text}\" is not a number")),
        })
    }

    /// Writes a sysctl.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, value: &str) -> Result<(), LinuxError> {
        let path = self.path(name);
        fs::write(&path, value).map_err(|source| LinuxError::Sysctl {
            operation: format!("write {value} to"),
            path,
            source,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name.replace('.', "/"))
    }
}

//! Where events go, as configurations and options write it.
//!
//! | text | where |
//! |---|---|
//! | `file:PATH` | a file, or a named pipe |
//! | `tcp:HOST:PORT` | a TCP connection, one line an event |
//! | `udp:HOST:PORT` | UDP, one datagram an event |
//! | `unix:PATH` | a Unix stream socket, one line an event |
//! | `unix-datagram:PATH` | a Unix datagram socket, one datagram an event |
//! | `syslog`, `syslog:PATH` | the host's syslog (RFC 3164), at `/dev/log` |
//! | `syslog5424`, `syslog5424:PATH` | the same in the form of RFC 5424 |
//! | `journal`, `journal:PATH` | systemd's journal, in its native protocol |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

const DEV_LOG: &str = "/dev/log";
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventTarget {
    /// A file that grows, or a named pipe.
    File(PathBuf),
    /// A TCP connection.
    Tcp(HostPort),
    /// UDP datagrams.
    Udp(HostPort),
    /// A Unix stream socket.
    Unix(PathBuf),
    /// A Unix datagram socket.
    UnixDatagram(PathBuf),
    /// A syslog's socket.
    Syslog(SyslogForm, PathBuf),
    /// The journal's socket.
    Journal(PathBuf),
}

/// How messages for a syslog are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyslogForm {
    /// RFC 3164, as the C library writes it.
    Bsd,
    /// RFC 5424.
    Ietf,
}

/// A host, by name or address, and a port: `collector.example:14380`, `[2001:db8::1]:514`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort(String);

impl HostPort {
    /// As it is written, and as the resolver takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let expected = "a host and a port, such as collector.example:14380 or [2001:db8::1]:14380";
        let (host, port) = text.rsplit_once(':').ok_or(expected)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_is_valid = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', ' ', '[', ']']),
        };
        let port_is_valid =
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
        if host_is_valid && port_is_valid { Ok(Self(text.to_owned())) } else { Err(expected) }
    }
}

/// A text that names no place for events.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is no place for events: expected {expected}")]
pub struct ParseTargetError {
    text: String,
    expected: &'static str,
}

/// What may stand before the first colon.
const SCHEMES: &str =
    "file:PATH, tcp:HOST:PORT, udp:HOST:PORT, unix:PATH, unix-datagram:PATH, syslog, syslog5424 or journal";

impl EventTarget {
    /// The path of the file or of the Unix socket.
    #[must_use]
    pub const fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path)
            | Self::Unix(path)
            | Self::UnixDatagram(path)
            | Self::Syslog(_, path)
            | Self::Journal(path) => Some(path),
            Self::Tcp(_) | Self::Udp(_) => None,
        }
    }
}

impl FromStr for EventTarget {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let wrong = |expected| ParseTargetError { text: text.to_owned(), expected };
        let (scheme, rest) = text.split_once(':').map_or((text, None), |(scheme, rest)| (scheme, Some(rest)));
        let path = |default: Option<&str>| match (rest, default) {
            (Some(path), _) if !path.is_empty() => Ok(PathBuf::from(path)),
            (None, Some(default)) => Ok(PathBuf::from(default)),
            _ => Err(wrong("a path after the colon")),
        };
        let host = || HostPort::parse(rest.unwrap_or_default()).map_err(wrong);
        Ok(match scheme {
            "file" => Self::File(path(None)?),
            "tcp" => Self::Tcp(host()?),
            "udp" => Self::Udp(host()?),
            "unix" => Self::Unix(path(None)?),
            "unix-datagram" => Self::UnixDatagram(path(None)?),
            "syslog" => Self::Syslog(SyslogForm::Bsd, path(Some(DEV_LOG))?),
            "syslog5424" => Self::Syslog(SyslogForm::Ietf, path(Some(DEV_LOG))?),
            "journal" => Self::Journal(path(Some(JOURNAL))?),
            _ => return Err(wrong(SCHEMES)),
        })
    }
}

impl fmt::Display for EventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, default) = match self {
            Self::File(path) => ("file", path, ""),
            Self::Tcp(HostPort(host)) => return write!(f, "tcp:{host}"),
            Self::Udp(HostPort(host)) => return write!(f, "udp:{host}"),
            Self::Unix(path) => ("unix", path, ""),
            Self::UnixDatagram(path) => ("unix-datagram", path, ""),
            Self::Syslog(SyslogForm::Bsd, path) => ("syslog", path, DEV_LOG),
            Self::Syslog(SyslogForm::Ietf, path) => ("syslog5424", path, DEV_LOG),
            Self::Journal(path) => ("journal", path, JOURNAL),
        };
        if path.as_os_str() == default {
            f.write_str(scheme)
        } else {
            write!(f, "{scheme}:{}", path.display())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for text in [
            "file:/var/log/wad/events.log",
            "file:events: of today.log",
            "tcp:collector.example:14380",
            "tcp:[2001:db8::1]:14380",
            "udp:192.0.2.1:514",
            "unix:/run/collector.sock",
            "unix-datagram:/run/collector.sock",
            "syslog",
            "syslog:/run/log",
            "syslog5424",
            "syslog5424:/run/log",
            "journal",
            "journal:/run/journal",
        ] {
            assert_eq!(text.parse::<EventTarget>().unwrap().to_string(), text);
        }
        assert_eq!("syslog:/dev/log".parse::<EventTarget>().unwrap().to_string(), "syslog");
    }

    #[test]
    fn what_is_no_target_is_refused_with_what_was_expected() {
        for (text, expected) in [
            ("", "file:PATH"),
            ("/var/log/events", "file:PATH"),
            ("http://collector", "file:PATH"),
            ("file:", "a path"),
            ("unix", "a path"),
            ("tcp:collector", "a host and a port"),
            ("tcp:collector:0", "a host and a port"),
            ("tcp:collector:+5", "a host and a port"),
            ("tcp::514", "a host and a port"),
            ("udp:2001:db8::1:514", "a host and a port"),
            ("udp:[collector]:514", "a host and a port"),
        ] {
            let error = text.parse::<EventTarget>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

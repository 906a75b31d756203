//! The progress of a run, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error while a run goes on; nothing where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for a run that is expected to last this long.
    pub(crate) fn new(name: &str, expected: Duration) -> Self {
        let bar = ProgressBar::new(u64::try_from(expected.as_millis()).unwrap_or(u64::MAX));
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:40}] {elapsed:>4}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        bar.set_style(style);
        bar.set_prefix(name.to_owned());
        Self { bar }
    }

    /// Shows what happened.
    pub(crate) fn tell(&self, event: wad_lab::Progress<'_>) {
        match event {
            wad_lab::Progress::Up => self.bar.set_message("hosts and path are up"),
            wad_lab::Progress::Started(name) => self.bar.set_message(format!("{name} started")),
            wad_lab::Progress::Ready(name) => self.bar.set_message(format!("{name} is ready")),
            wad_lab::Progress::Ended(name) => self.bar.set_message(format!("{name} has ended")),
            wad_lab::Progress::Running { elapsed, delivered_bytes } => {
                self.bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
                let megabytes = delivered_bytes.iter().sum::<u64>() / 1_000_000;
                self.bar.set_message(format!("{megabytes} MB delivered"));
            }
        }
    }
}

/// A bar for work in so many parts, with the time that is left.
#[derive(Debug)]
pub(crate) struct Parts {
    bar: ProgressBar,
}

impl Parts {
    /// A bar for parts that together weigh `weight`; parts differ in weight.
    pub(crate) fn new(name: &str, weight: u64) -> Self {
        let bar = ProgressBar::new(weight);
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:40}] {elapsed:>4}, {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        bar.set_style(style);
        bar.set_prefix(name.to_owned());
        Self { bar }
    }

    /// One more part is done.
    pub(crate) fn done(&self, weight: u64, message: String) {
        self.bar.inc(weight);
        self.bar.set_message(message);
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

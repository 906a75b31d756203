//! Flows are observed, and those told who want to know: sinks of events, Prometheus, the log.
//!
//! ```text
//!   main thread --- opens, closes, plan ---> observer's thread ---> sinks, each with a thread
//!   kernel -------- samples, last counters --'      |
//!                                                   '-> totals <--- `GET /metrics`
//! ```
//!
//! The daemon's loop only sends what it knows and never waits. Flows are looked at from a thread of its own, which has an
//! [`Observer`](wad_linux::Observer) of its own: what anybody wants to know about flows never delays what is done for them.
//! Without `[observe]` definitions, `[[events]]` and `[metrics]` there is no such thread.

mod flows;
mod others;
mod plan;
mod tell;
mod watcher;

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use wad_linux::Record;

use crate::DaemonError;
use crate::metrics::Page;
pub(crate) use flows::Growth;
pub(crate) use plan::Plan;
pub use plan::{derived, read_config};
use watcher::Watcher;

/// What the daemon's loop tells.
#[derive(Debug)]
pub(crate) enum News {
    /// A designated flow is there: `how` is "opened", "found" or "adopted".
    Opened { record: Box<Record>, path: String, how: &'static str, set: String },
    /// It is gone; without a summary its final counters are lost.
    Closed { record: Box<Record>, path: String, has_summary: bool },
    /// So many records were lost in all.
    Lost(u64),
    /// Other things are wanted from now on.
    Planned(Box<Plan>),
}

/// The observer's thread. Dropping it ends the thread, which hands over what waits for consumers if that is soon done.
#[derive(Debug)]
pub(crate) struct Observing {
    news: Option<Sender<News>>,
    thread: Option<JoinHandle<()>>,
}

impl Observing {
    /// Starts to observe, beside the daemon's programs, which must be loaded.
    pub(crate) fn start(plan: Plan, page: Arc<Page>) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::System { what: "start the thread that observes flows", source };
        let (news, receiver) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let run = move || match Watcher::begin(plan, receiver, page) {
            Ok(watcher) => {
                // The receiver waits for this.
                let _ = ready.send(Ok(()));
                watcher.run();
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let thread = thread::Builder::new().name("observer".to_owned()).spawn(run).map_err(failed)?;
        match started.recv() {
            Ok(outcome) => outcome?,
            Err(_) => return Err(failed(std::io::Error::other("it ended"))),
        }
        Ok(Self { news: Some(news), thread: Some(thread) })
    }

    /// Tells it something; it never waits.
    pub(crate) fn tell(&self, news: News) {
        if let Some(sender) = &self.news {
            // Its thread ends with this only.
            let _ = sender.send(news);
        }
    }
}

impl Drop for Observing {
    fn drop(&mut self) {
        self.news = None;
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

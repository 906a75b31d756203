//! A consumer of events, its queue and its thread.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use wad_model::{Bytes, Event, EventForm, EventTarget};

use crate::Rotation;
use crate::backoff::Backoff;
use crate::encode::Encoder;
use crate::outlet::{Outlet, outlet};
use crate::queue::{Gap, Item, Queue};

/// The name of the event that says how many are missing in its place.
pub const MISSED: &str = "wad.missed";

/// How many bytes the thread takes out of the queue at a time.
const BATCH: usize = 64 << 10;
/// How often the log says that a consumer is too slow.
const REMINDER: Duration = Duration::from_secs(60);

/// What a sink is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkOptions {
    /// Its name, for logs and metrics.
    pub name: String,
    /// The text form of its events.
    pub form: EventForm,
    /// Where they go.
    pub target: EventTarget,
    /// How much may wait for the consumer.
    pub queue: Bytes,
    /// When a file is put aside.
    pub rotation: Rotation,
}

/// How a sink is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkStatus {
    /// Whether its consumer was there when it was last looked.
    pub connected: bool,
    /// How often it was opened.
    pub opened: u64,
    /// Events that the kernel has taken for the consumer, those about missed ones not counted.
    pub delivered: u64,
    /// Events that are missing: there was no room for them in the queue, they were too large for a datagram, or they
    /// waited when the sink was ended.
    pub missed: u64,
    /// Events that wait.
    pub queued: usize,
    /// The bytes that they take.
    pub queued_bytes: usize,
    /// Why the consumer is not there.
    pub error: Option<String>,
}

/// A consumer of events. Dropping it ends its thread; what waits is then missed. See [`Self::stop`].
pub struct Sink {
    shared: Arc<Shared>,
    encoder: Encoder,
}

struct Shared {
    options: SinkOptions,
    state: Mutex<State>,
    /// Something has come, or the end.
    wake: Condvar,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    status: SinkStatus,
    /// What the thread has taken out of the queue and not handed over.
    in_hand: usize,
    /// Until when the thread may try to hand over what waits.
    stop: Option<Instant>,
    ended: bool,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Sink {
    /// Starts the thread of a sink. That its consumer is not there is no error.
    ///
    /// # Errors
    /// If there is no room for a thread.
    pub fn start(options: SinkOptions) -> io::Result<Self> {
        let encoder = Encoder::new(options.form, &options.target, std::process::id());
        let outlet = outlet(&options.target, options.rotation);
        let capacity = usize::try_from(options.queue.get()).unwrap_or(usize::MAX);
        let state = State {
            queue: Queue::new(capacity),
            status: SinkStatus::default(),
            in_hand: 0,
            stop: None,
            ended: false,
        };
        let shared =
            Shared { options, state: Mutex::new(state), wake: Condvar::new(), ended: Condvar::new() };
        let shared = Arc::new(shared);
        let thread = Deliverer::new(Arc::clone(&shared), encoder, outlet);
        thread::Builder::new().name("events".to_owned()).spawn(move || thread.run())?;
        Ok(Self { shared, encoder })
    }

    /// What it is.
    #[must_use]
    pub fn options(&self) -> &SinkOptions {
        &self.shared.options
    }

    /// Takes an event. It never waits: where there is no room the event is missed, and counted.
    pub fn push(&self, event: &Event) {
        if self.shared.missed(event) {
            return;
        }
        // The text is made while the thread can go on.
        let message = self.encoder.encode(event);
        self.shared.lock().queue.push(message);
        self.shared.wake.notify_one();
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> SinkStatus {
        let state = self.shared.lock();
        let queued = state.queue.len() + state.in_hand;
        SinkStatus { queued, queued_bytes: state.queue.bytes(), ..state.status.clone() }
    }

    /// Ends the sink: what waits is handed over if that is done within `patience`; the rest counts as missed.
    #[must_use]
    pub fn stop(self, patience: Duration) -> SinkStatus {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        state.stop = Some(deadline);
        self.shared.wake.notify_one();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.shared.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if !state.ended {
            // It hangs in a call of the kernel or of the resolver, and ends by itself after that.
            state.give_up();
        }
        state.status.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stop.get_or_insert_with(Instant::now);
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missed(&self, event: &Event) -> bool {
        let mut state = self.lock();
        let is_full = state.queue.is_full();
        if is_full {
            state.queue.miss(event.time);
            state.status.missed += 1;
        }
        is_full
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.stop.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// What waits now will not be delivered.
    fn give_up(&mut self) {
        self.status.missed += (self.queue.len() + self.in_hand) as u64;
        self.queue = Queue::new(0);
        self.in_hand = 0;
        self.status.connected = false;
    }
}

/// The thread: takes events out of the queue and hands them over, whatever happens to the consumer.
struct Deliverer {
    shared: Arc<Shared>,
    encoder: Encoder,
    outlet: Box<dyn Outlet>,
    batch: Batch,
    backoff: Backoff,
    is_open: bool,
    /// How many were missed when the log said so last, and when that was.
    told: (u64, Option<Instant>),
}

/// Messages that are being handed over, and which of them are notes about gaps.
#[derive(Debug, Default)]
struct Batch {
    messages: Vec<Vec<u8>>,
    is_note: Vec<bool>,
}

impl Batch {
    fn push(&mut self, message: Vec<u8>, is_note: bool) {
        self.messages.push(message);
        self.is_note.push(is_note);
    }

    /// Takes the first ones away; how many of them were events.
    fn done(&mut self, count: usize) -> usize {
        self.messages.drain(..count);
        self.is_note.drain(..count).filter(|note| !note).count()
    }

    fn events(&self) -> usize {
        self.is_note.iter().filter(|note| !**note).count()
    }
}

impl Deliverer {
    fn new(shared: Arc<Shared>, encoder: Encoder, outlet: Box<dyn Outlet>) -> Self {
        let (batch, backoff) = (Batch::default(), Backoff::default());
        Self { shared, encoder, outlet, batch, backoff, is_open: false, told: (0, None) }
    }

    fn run(mut self) {
        while self.fill() {
            if let Err(error) = self.deliver() {
                self.failed(&error);
            }
            self.tell_missed();
        }
        let mut state = self.shared.lock();
        state.give_up();
        state.ended = true;
        self.shared.ended.notify_all();
    }

    /// Waits until there is something to hand over; false at the end.
    fn fill(&mut self) -> bool {
        let mut state = self.shared.lock();
        loop {
            if state.is_over() {
                return false;
            }
            self.batch.take(&mut state.queue, &self.encoder, &self.shared.options.name);
            state.in_hand = self.batch.events();
            if !self.batch.messages.is_empty() {
                return true;
            }
            if state.stop.is_some() {
                return false;
            }
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn deliver(&mut self) -> io::Result<()> {
        if !self.is_open {
            self.outlet.open()?;
            self.opened();
        }
        let sent = self.outlet.send(&self.batch.messages);
        let events = self.batch.done(sent.done);
        let mut state = self.shared.lock();
        state.status.delivered += events.saturating_sub(sent.refused) as u64;
        state.status.missed += sent.refused as u64;
        state.in_hand = self.batch.events();
        drop(state);
        if sent.done > 0 {
            self.taken();
        }
        sent.outcome
    }

    /// It is open; whether its consumer takes anything will be seen.
    fn opened(&mut self) {
        self.is_open = true;
        let mut state = self.shared.lock();
        state.status.opened += 1;
        state.status.connected = state.status.error.is_none();
    }

    fn taken(&mut self) {
        self.backoff.succeeded();
        let mut state = self.shared.lock();
        state.status.connected = true;
        let (came_back, missed) = (state.status.error.take().is_some(), state.status.missed);
        drop(state);
        if came_back {
            let SinkOptions { name, target, .. } = &self.shared.options;
            info!(sink = name, %target, missed, "events are taken again");
        }
    }

    /// Waits before the next attempt.
    fn failed(&mut self, error: &io::Error) {
        self.is_open = false;
        let mut state = self.shared.lock();
        let was_there = state.status.error.is_none();
        state.status.connected = false;
        state.status.error = Some(error.to_string());
        if was_there {
            let SinkOptions { name, target, .. } = &self.shared.options;
            warn!(sink = name, %target, %error, "events are not taken: they wait, and are missed when the queue is full");
        }
        let until = Instant::now() + self.backoff.failed();
        while state.stop.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        // At the end there is one attempt.
        if !was_there {
            state.stop = Some(Instant::now());
        }
    }

    fn tell_missed(&mut self) {
        let missed = self.shared.lock().status.missed;
        let (told, when) = self.told;
        if missed > told && when.is_none_or(|when| when.elapsed() >= REMINDER) {
            self.told = (missed, Some(Instant::now()));
            let SinkOptions { name, target, .. } = &self.shared.options;
            warn!(sink = name, %target, missed = missed - told, "events missed: their consumer is too slow, or away");
        }
    }
}

impl Batch {
    /// Takes more out of the queue, up to its size.
    fn take(&mut self, queue: &mut Queue, encoder: &Encoder, sink: &str) {
        let mut bytes: usize = self.messages.iter().map(Vec::len).sum();
        while bytes < BATCH && !queue.is_empty() {
            match queue.pop() {
                Some(Item::Message(message)) => {
                    bytes += message.len();
                    self.push(message, false);
                }
                Some(Item::Gap(gap)) => {
                    let note = encoder.encode(&missed_event(gap, sink));
                    bytes += note.len();
                    self.push(note, true);
                }
                None => return,
            }
        }
    }
}

fn missed_event(gap: Gap, sink: &str) -> Event {
    Event {
        program: Some("wad".to_owned()),
        level: Some("Warning".to_owned()),
        value: Some(gap.count.into()),
        ..Event::new(gap.last, MISSED)
    }
    .with("sink", sink)
    .with("since", gap.first.to_string())
}

//! The sender.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use wad_model::{Bytes, Rate};

use super::{duration, length, pressure::Pressure};

/// What is written at once where nothing else is said.
const BLOCK: usize = 128 * 1024;
/// How long the end of a transfer may take: what no path delivers is given up.
const FAREWELL: Duration = Duration::from_millis(500);
/// A question of two writes, and its answer, as the receiver's `--answer` expects them.
const QUESTION: usize = 100;

/// How a sender behaves. Without more than `to`, it writes as fast as it can.
#[derive(Clone, Debug, clap::Args)]
pub struct Send {
    /// The receiver
    #[arg(long)]
    to: SocketAddr,
    /// How long
    #[arg(long, value_parser = duration, default_value = "5 s")]
    time: Duration,
    /// Fix the send buffer
    #[arg(long)]
    send_buffer: Option<Bytes>,
    /// Let the kernel send no faster than this
    #[arg(long)]
    maximum_rate: Option<Rate>,
    /// Write a few bytes first, and wait a little
    #[arg(long)]
    preamble: bool,
    /// Write so much at a time
    #[arg(long)]
    chunk: Option<Bytes>,
    /// A chunk each so often
    #[arg(long, value_parser = duration, requires = "chunk")]
    every: Option<Duration>,
    /// Have no more than this unconfirmed by the receiving application, which confirms with --confirm
    #[arg(long)]
    window: Option<Bytes>,
    /// Ask in two small writes, and wait for the answer of --answer
    #[arg(long)]
    questions: bool,
    /// Give this process no more memory for TCP
    #[arg(long)]
    tcp_memory: Option<Bytes>,
}

/// Sends until its time is up.
///
/// # Errors
/// There is no receiver, or a setting was refused. A connection that breaks is the end, not an error.
pub fn send(arguments: &Send) -> io::Result<()> {
    let _pressure = arguments.tcp_memory.map(Pressure::new).transpose()?;
    let mut stream = TcpStream::connect(arguments.to)?;
    if let Some(size) = arguments.send_buffer {
        // The kernel doubles what it is asked for.
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, length(size) / 2)?;
    }
    if let Some(rate) = arguments.maximum_rate {
        wad_lab::limit_pacing(stream.as_fd(), rate)?;
    }
    let until = Instant::now() + arguments.time;
    // A path that delivers nothing must not hold the experiment up.
    stream.set_write_timeout(Some(arguments.time))?;
    stream.set_read_timeout(Some(arguments.time))?;
    if arguments.preamble {
        stream.write_all(&[0; QUESTION])?;
        thread::sleep(Duration::from_millis(300));
    }
    let result = transfer(arguments, &mut stream, until);
    tracing::debug!(?result, "the transfer has ended");
    // What ends it is the time or the path; neither is the program's failure.
    let _ = stream.set_read_timeout(Some(FAREWELL));
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 1]);
    Ok(())
}

fn transfer(arguments: &Send, stream: &mut TcpStream, until: Instant) -> io::Result<()> {
    if arguments.questions {
        return ask(stream, until);
    }
    if let Some(window) = arguments.window {
        return send_in_window(stream, until, window);
    }
    let block = vec![0; arguments.chunk.map_or(BLOCK, length)];
    let mut due = Instant::now();
    while Instant::now() < until {
        stream.write_all(&block)?;
        if let Some(every) = arguments.every {
            due += every;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    Ok(())
}

/// Each question is two small writes: the second waits for the acknowledgement of the first (Nagle), which the
/// receiver delays, as it has no answer yet.
fn ask(stream: &mut TcpStream, until: Instant) -> io::Result<()> {
    let half = [0; QUESTION / 2];
    while Instant::now() < until {
        stream.write_all(&half)?;
        stream.write_all(&half)?;
        stream.read_exact(&mut [0; 1])?;
    }
    Ok(())
}

/// As ssh does: each side has a window of its own, above TCP's.
fn send_in_window(stream: &mut TcpStream, until: Instant, window: Bytes) -> io::Result<()> {
    let block = vec![0; length(window) / 4];
    let mut credit = 4;
    while Instant::now() < until {
        while credit > 0 {
            stream.write_all(&block)?;
            credit -= 1;
        }
        stream.read_exact(&mut [0; 1])?;
        credit += 1;
    }
    Ok(())
}

//! The receiver.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use wad_model::Bytes;

use super::pressure::Pressure;
use super::{duration, length};

/// What is read at once where nothing else is said.
const BLOCK: usize = 64 * 1024;

/// How a receiver behaves. Without more than the port, it reads as fast as it can.
#[derive(Clone, Debug, clap::Args)]
pub struct Receive {
    /// Where it listens
    #[arg(long)]
    port: u16,
    /// Fix the receive buffer
    #[arg(long)]
    receive_buffer: Option<Bytes>,
    /// Read so much at a time
    #[arg(long)]
    chunk: Option<Bytes>,
    /// A chunk each so often
    #[arg(long, value_parser = duration, requires = "chunk")]
    every: Option<Duration>,
    /// Compute so long for each chunk
    #[arg(long, value_parser = duration, requires = "chunk")]
    compute: Option<Duration>,
    /// Confirm each so many bytes with one
    #[arg(long)]
    confirm: Option<Bytes>,
    /// Answer each question of 100 bytes with one
    #[arg(long)]
    answer: bool,
    /// Give this process no more memory for TCP
    #[arg(long)]
    tcp_memory: Option<Bytes>,
}

/// Serves connections, each on a thread, until it is ended.
///
/// # Errors
/// The port is taken, or a setting was refused.
pub fn receive(arguments: &Receive) -> io::Result<()> {
    let _pressure = arguments.tcp_memory.map(Pressure::new).transpose()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, arguments.port)))?;
    if let Some(size) = arguments.receive_buffer {
        // Before the first SYN, so that the window scale fits; the kernel doubles what it is asked for.
        rustix::net::sockopt::set_socket_recv_buffer_size(&listener, length(size) / 2)?;
    }
    loop {
        let (stream, _) = listener.accept()?;
        let arguments = arguments.clone();
        thread::spawn(move || {
            let result = serve(&arguments, stream);
            tracing::debug!(?result, "a connection has ended");
        });
    }
}

fn serve(arguments: &Receive, mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; arguments.chunk.map_or(BLOCK, length)];
    let confirm = if arguments.answer { 100 } else { arguments.confirm.map_or(usize::MAX, length) };
    let mut unconfirmed = 0;
    let mut due = Instant::now();
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        unconfirmed += read;
        while unconfirmed >= confirm {
            unconfirmed -= confirm;
            stream.write_all(&[0])?;
        }
        if let Some(time) = arguments.compute {
            compute(time);
        }
        if let Some(every) = arguments.every {
            due += every;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

/// Keeps the processor busy.
fn compute(time: Duration) {
    let until = Instant::now() + time;
    let mut sum = 0u64;
    while Instant::now() < until {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
}

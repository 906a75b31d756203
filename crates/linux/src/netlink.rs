//! Requests to the kernel over netlink, and its answers.

use std::fmt::Debug;
use std::io;

use netlink_packet_core::{
    NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
use netlink_sys::{Socket, SocketAddr};

/// A socket that belongs to the network namespace of the calling thread.
pub(crate) fn open(protocol: isize) -> io::Result<Socket> {
    let socket = Socket::new(protocol)?;
    // Once connected, the socket hears the kernel only.
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Sends a request and reads the answers, up to the acknowledgement, the error or the dump's end.
pub(crate) fn ask<M>(socket: &Socket, request: M, flags: u16) -> io::Result<Vec<M>>
where
    M: NetlinkSerializable + NetlinkDeserializable + Debug,
{
    let mut request = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(request));
    request.header.flags = NLM_F_REQUEST | flags;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut answers = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        if read(&datagram, &mut answers)? == Progress::Complete {
            return Ok(answers);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Complete,
    MoreToCome,
}

/// Appends the answers in a datagram, which may hold several.
fn read<M>(datagram: &[u8], answers: &mut Vec<M>) -> io::Result<Progress>
where
    M: NetlinkDeserializable + Debug,
{
    let mut rest = datagram;
    while !rest.is_empty() {
        let message = NetlinkMessage::<M>::deserialize(rest)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if message.header.flags & NLM_F_DUMP_INTR != 0 {
            return Err(io::Error::other("it changed while it was read"));
        }
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => answers.push(answer),
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
            NetlinkPayload::Done(done) if done.code < 0 => {
                return Err(io::Error::from_raw_os_error(done.code.wrapping_neg()));
            }
            NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(Progress::Complete),
            _ => {}
        }
        let length = usize::try_from(message.header.length).map_err(io::Error::other)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Progress::MoreToCome)
}

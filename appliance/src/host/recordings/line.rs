//! Our side of the socket to a recorder, for notes and answers; media go from the bridge's thread over the same one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use media_tap::{Answer, Body, Frames, MAX_MESSAGE, Message, Note};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket, socketpair,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// One socket. It keeps messages whole; that it is called a stream here means nothing for how it is waited for.
#[derive(Debug)]
pub(super) struct Line {
    socket: UnixStream,
    /// Where the times of notes count from.
    began: Instant,
}

impl Line {
    /// Both ends: ours, and the recorder's standard input.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        Ok((Self::new(ours)?, theirs))
    }

    /// To a recorder that systemd starts for us.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let ours = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
        connect(ours.as_raw_fd(), &UnixAddr::new(path)?)?;
        Self::new(ours)
    }

    fn new(ours: OwnedFd) -> io::Result<Self> {
        let ours = std::os::unix::net::UnixStream::from(ours);
        ours.set_nonblocking(true)?;
        Ok(Self { socket: UnixStream::from_std(ours)?, began: Instant::now() })
    }

    /// Waits until the other side has closed it.
    pub(super) async fn closes(&self) {
        while self.hear().await.is_some() {}
    }

    /// For the bridge.
    pub(super) fn share(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// The tap's clock began.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
    }

    /// Waits until the note fits; an error means that the recorder is gone.
    pub(super) async fn say(&self, note: &Note) -> io::Result<()> {
        let mut message = Message::default();
        if !message.push_note(self.began.elapsed(), note) {
            // Nothing that people can type is so long.
            return Ok(());
        }
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let send = || Ok(send(self.socket.as_raw_fd(), message.as_bytes(), flags)?);
        self.socket.async_io(Interest::WRITABLE, send).await.map(drop)
    }

    /// What the recorder says next; `None` when it has gone.
    pub(super) async fn hear(&self) -> Option<Vec<Answer>> {
        let mut buffer = vec![0; MAX_MESSAGE];
        let receive = || Ok(recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)?);
        let len = self.socket.async_io(Interest::READABLE, receive).await.ok().filter(|len| *len > 0)?;
        Some(answers(buffer.get(..len).unwrap_or_default()))
    }
}

/// What cannot be read is left out: it is of another version.
fn answers(message: &[u8]) -> Vec<Answer> {
    let frames = Frames::new(message).flatten();
    let notes = frames.filter_map(|frame| if let Body::Note(json) = frame.body { Some(json) } else { None });
    notes.filter_map(|json| serde_json::from_slice(json).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn notes_go_one_way_and_answers_the_other() {
        let (line, theirs) = Line::open().unwrap();
        line.say(&Note::End { reason: "over".to_owned() }).await.unwrap();
        let mut buffer = [0; 256];
        let len = recv(theirs.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        let frame = Frames::new(&buffer[..len]).next().unwrap().unwrap();
        assert_eq!(frame.body, Body::Note(br#"{"note":"end","reason":"over"}"#));
        let mut message = Message::default();
        assert!(message.push_note(std::time::Duration::ZERO, &Answer::Ready));
        assert!(message.push_note(std::time::Duration::ZERO, &"of another version"));
        send(theirs.as_raw_fd(), message.as_bytes(), MsgFlags::empty()).unwrap();
        assert_eq!(line.hear().await, Some(vec![Answer::Ready]));
        drop(theirs);
        assert_eq!(line.hear().await, None);
        assert!(line.say(&Note::End { reason: String::new() }).await.is_err());
    }
}

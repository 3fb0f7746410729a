//! The recorder's process, and the bridge's end of its tap.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use media_tap::{Answer, Begin, Body, Frames, Happening, MAX_MESSAGE, Message, Note, Report, VERSION};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, setsockopt, socketpair, sockopt};
use nix::sys::time::TimeVal;
use recorder::manifest::{File, Manifest};

use super::DEADLINE;
use super::media::{Packet, Source};

/// A recorder that runs.
pub struct Recorder {
    pub child: Child,
    socket: OwnedFd,
    message: Message,
    gone: bool,
    pub answers: Vec<Answer>,
    directory: PathBuf,
}

pub fn begin() -> Begin {
    Begin {
        version: VERSION,
        recording: "garden-1".to_owned(),
        room: "garden".to_owned(),
        meeting: "5a1d0e2c".to_owned(),
        unix_ms: 1_764_281_645_000,
        initiator: Some("Alice".to_owned()),
        attempt: 0,
    }
}

impl Recorder {
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, &["--min-free", "0"])
    }

    pub fn start_with(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.arg("record").arg("--directory").arg(directory).args(arguments);
        Self::spawn(directory, command)
    }

    pub fn spawn(directory: &Path, mut command: Command) -> Self {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        setsockopt(&ours, sockopt::ReceiveTimeout, &TimeVal::new(DEADLINE.as_secs() as i64, 0)).unwrap();
        setsockopt(&ours, sockopt::SendTimeout, &TimeVal::new(DEADLINE.as_secs() as i64, 0)).unwrap();
        let child = command.stdin(Stdio::from(theirs)).spawn().unwrap();
        Self {
            child,
            socket: ours,
            message: Message::default(),
            gone: false,
            answers: Vec::new(),
            directory: directory.to_owned(),
        }
    }

    /// Says the first word and waits until it is ready.
    pub fn begun(directory: &Path) -> Self {
        let mut recorder = Self::start(directory);
        recorder.begin(begin());
        recorder
    }

    pub fn begin(&mut self, begin: Begin) {
        self.note(Duration::ZERO, &Note::Begin(begin));
        self.until(|answer| *answer == Answer::Ready);
    }

    pub fn note(&mut self, at: Duration, note: &Note) {
        assert!(self.message.push_note(at, note));
        self.flush();
    }

    pub fn happened(&mut self, at: Duration, happening: Happening) {
        self.note(at, &Note::Happened(happening));
    }

    pub fn stream(&mut self, at: Duration, source: &Source) {
        self.note(at, &Note::Stream(source.note()));
    }

    /// Several frames to a message, as a bridge does.
    pub fn packet(&mut self, packet: &Packet) {
        if !self.message.push_rtp(packet.at, &packet.rtp, &[]) {
            self.flush();
            assert!(self.message.push_rtp(packet.at, &packet.rtp, &[]));
        }
        if self.message.as_bytes().len() > 4000 {
            self.flush();
        }
    }

    /// In the order of their times.
    pub fn packets(&mut self, streams: &[&[Packet]]) {
        let mut all: Vec<&Packet> = streams.iter().copied().flatten().collect();
        all.sort_by_key(|packet| packet.at);
        for packet in all {
            self.packet(packet);
        }
    }

    pub fn report(&mut self, at: Duration, report: Report) {
        assert!(self.message.push_report(at, report));
        self.flush();
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.flush();
        send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL).unwrap();
    }

    pub fn flush(&mut self) {
        if !self.message.is_empty() {
            let sent = send(self.socket.as_raw_fd(), self.message.as_bytes(), MsgFlags::MSG_NOSIGNAL);
            self.gone |= sent == Err(nix::errno::Errno::EPIPE);
            assert!(self.gone || sent.is_ok(), "{sent:?}");
            self.message.clear();
        }
    }

    /// It has ended, which is seen when something is sent.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Waits for an answer.
    pub fn until(&mut self, wanted: impl Fn(&Answer) -> bool) -> Answer {
        self.flush();
        loop {
            let answer = self.answer().expect("the recorder says what is waited for");
            self.answers.push(answer.clone());
            if wanted(&answer) {
                return answer;
            }
        }
    }

    fn answer(&mut self) -> Option<Answer> {
        let mut buffer = vec![0; MAX_MESSAGE];
        let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        let frame = Frames::new(&buffer[..length]).next()?.unwrap();
        let Body::Note(json) = frame.body else { panic!("it says only notes") };
        Some(serde_json::from_slice(json).unwrap())
    }

    /// Waits until all that was sent is read: it asks for a key frame of a stream that has none.
    pub fn until_read(&mut self, at: Duration) {
        let source = Source::new(999, "ffffffff", "ffffffff-v9", media_tap::Codec::Vp8, 100);
        self.stream(at, &source);
        self.packet(&Packet { at, rtp: source.rtp(1, 0, true, &[0x10, 0x01, 0]) });
        self.until(|answer| *answer == Answer::Wish(media_tap::Wish::KeyFrame { ssrc: 999 }));
    }

    /// Ends the recording; the answer is the error, if it has one.
    pub fn end(&mut self, at: Duration) -> Option<String> {
        self.note(at, &Note::End { reason: "The meeting ended.".to_owned() });
        self.done()
    }

    pub fn done(&mut self) -> Option<String> {
        let Answer::Done { error } = self.until(|answer| matches!(answer, Answer::Done { .. })) else { unreachable!() };
        let status = self.child.wait().unwrap();
        assert_eq!(status.success(), error.is_none(), "{status}");
        error
    }

    /// Closes the bridge's end.
    pub fn hang_up(self) -> std::process::ExitStatus {
        let Self { mut child, socket, .. } = self;
        drop(socket);
        child.wait().unwrap()
    }

    pub fn kill(mut self) {
        self.flush();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn folder(&self) -> PathBuf {
        self.directory.join("garden-1")
    }

    pub fn manifest(&self) -> Manifest {
        manifest(&self.folder())
    }

    /// The only file of a source.
    pub fn file(&self, source: &str) -> (File, PathBuf) {
        let mut files = self.files(source);
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    pub fn files(&self, source: &str) -> Vec<(File, PathBuf)> {
        let folder = self.folder();
        let files = self.manifest().files.into_iter().filter(|file| file.source == source);
        files.map(|file| (file.clone(), folder.join(&file.file))).collect()
    }
}

/// The recorder's program; for examples, beside their folder.
pub fn program() -> PathBuf {
    let beside = || std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("moothall-recorder");
    option_env!("CARGO_BIN_EXE_moothall-recorder").map_or_else(beside, PathBuf::from)
}

pub fn manifest(folder: &Path) -> Manifest {
    Manifest::from_json(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

//! Files that are being written: frames become pieces here, and one thread writes the pieces of all of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::depacketize::Format;
use crate::job::{FileId, Sample};
use crate::mux::{Muxer, Piece};

/// What waits for the disk in each file.
const MAX_WAITING: usize = 2 << 20;

/// The thread that writes. It ends after the last [`Writer`].
#[derive(Debug, Clone)]
pub(crate) struct Files {
    work: Sender<Work>,
}

/// A file that is being written: frames of one codec in, a container out.
#[derive(Debug)]
pub(crate) struct Writer {
    muxer: Muxer,
    target: Arc<Target>,
    files: Files,
}

/// How a file ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// All was written.
    Whole,
    Failed(io::Error),
}

#[derive(Debug)]
struct Target {
    id: FileId,
    file: File,
    /// Bytes that are not written yet.
    waiting: AtomicUsize,
    /// Nothing more is written.
    closed: AtomicBool,
}

#[derive(Debug)]
enum Work {
    Write(Arc<Target>, Piece),
    End(Arc<Target>),
}

impl Files {
    /// `ended` is called once for each file that is finished or fails.
    pub(crate) fn start(ended: impl Fn(FileId, Ended) + Send + 'static) -> io::Result<Self> {
        let (work, inbox) = channel();
        std::thread::Builder::new().name("files".to_owned()).spawn(move || run(&inbox, ended))?;
        Ok(Self { work })
    }

    /// Begins to write a file, in pieces of such a length.
    pub(crate) fn begin(&self, id: FileId, file: File, format: &Format, longest: Duration) -> Writer {
        let target = Target { id, file, waiting: AtomicUsize::new(0), closed: AtomicBool::new(false) };
        let mut writer = Writer { muxer: Muxer::new(format, longest), target: Arc::new(target), files: self.clone() };
        let head = writer.muxer.begin();
        writer.hand_on(head);
        writer
    }

    fn say(&self, work: Work) {
        // The thread ends after all that could say something.
        let _ = self.work.send(work);
    }
}

impl Writer {
    /// Takes a frame. Answers how many were thrown away because the disk does not follow: none, or all since the last piece.
    pub(crate) fn write(&mut self, frame: &Sample) -> u64 {
        let dropped = if self.muxer.is_due(frame) { self.flush() } else { 0 };
        self.muxer.push(frame);
        dropped
    }

    /// Hands on what was taken. Answers as [`Self::write`] does.
    pub(crate) fn flush(&mut self) -> u64 {
        let waiting = self.target.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting + self.muxer.held() > MAX_WAITING {
            return self.muxer.discard();
        }
        if let Some(piece) = self.muxer.cut() {
            self.hand_on(piece);
        }
        0
    }

    /// Nothing more comes; it is said when all is written. Answers as [`Self::write`] does.
    pub(crate) fn finish(&mut self) -> u64 {
        let dropped = self.flush();
        self.muxer.end().into_iter().for_each(|piece| self.hand_on(piece));
        self.files.say(Work::End(self.target.clone()));
        dropped
    }

    /// Writes nothing more.
    pub(crate) fn close(&self) -> &File {
        self.target.closed.store(true, Ordering::Relaxed);
        &self.target.file
    }

    fn hand_on(&self, piece: Piece) {
        self.target.waiting.fetch_add(piece.bytes.len(), Ordering::Relaxed);
        self.files.say(Work::Write(self.target.clone(), piece));
    }
}

fn run(inbox: &Receiver<Work>, ended: impl Fn(FileId, Ended)) {
    for work in inbox {
        match work {
            Work::Write(target, piece) => {
                if let Err(error) = target.write(&piece) {
                    ended(target.id, Ended::Failed(error));
                }
            }
            Work::End(target) if target.close() => ended(target.id, Ended::Whole),
            Work::End(_) => {}
        }
    }
}

impl Target {
    fn write(&self, piece: &Piece) -> io::Result<()> {
        self.waiting.fetch_sub(piece.bytes.len(), Ordering::Relaxed);
        if self.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let written = self.file.write_all_at(&piece.bytes, piece.at);
        if written.is_err() {
            self.close();
        }
        written
    }

    /// False if it was closed before.
    fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::Relaxed)
    }
}

//! A thread for what waits for the disk: the manifest, the log of events, and that all of it is stored.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::events::{self, Event};
use crate::folder::Folder;
use crate::storage::Space;
use crate::tidy::{self, Store};

/// How often what was written is stored for good. With the length of a fragment, it bounds what a power cut takes.
const STORE_EVERY: Duration = Duration::from_secs(1);

/// How often all recordings are counted, where there are bounds.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// The thread of a folder.
#[derive(Debug)]
pub(crate) struct Disk {
    work: Sender<Work>,
    thread: JoinHandle<io::Result<()>>,
}

#[derive(Debug)]
enum Work {
    /// The newest wins.
    Manifest(Vec<u8>),
    Event(Event),
    /// The last manifest. Nothing follows.
    Finish(Vec<u8>),
}

/// What the thread says.
#[derive(Debug)]
pub(crate) enum News {
    /// What may still be used.
    Space(Space),
    Failed(io::Error),
}

impl Disk {
    pub(crate) fn start(folder: Arc<Folder>, store: Store, news: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        let (work, inbox) = channel();
        let thread =
            std::thread::Builder::new().name("disk".to_owned()).spawn(move || run(&folder, &store, &inbox, news))?;
        Ok(Self { work, thread })
    }

    pub(crate) fn save(&self, manifest: Vec<u8>) {
        let _ = self.work.send(Work::Manifest(manifest));
    }

    pub(crate) fn log(&self, event: Event) {
        let _ = self.work.send(Work::Event(event));
    }

    /// Stores all there is, and waits until it is stored.
    pub(crate) fn finish(self, manifest: Vec<u8>) -> io::Result<()> {
        let _ = self.work.send(Work::Finish(manifest));
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread of the disk ended")))
    }
}

fn run(folder: &Folder, store: &Store, inbox: &Receiver<Work>, news: impl Fn(News)) -> io::Result<()> {
    let directory = File::open(folder.path())?;
    let mut log = None;
    let mut stored = Instant::now();
    let mut tidied = Instant::now();
    let mut quota = tidy(store, None);
    loop {
        let first = match inbox.recv_timeout(STORE_EVERY.saturating_sub(stored.elapsed())) {
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            first => first.ok(),
        };
        let mut manifest = None;
        for work in first.into_iter().chain(inbox.try_iter()) {
            match work {
                Work::Manifest(newer) => manifest = Some(newer),
                Work::Event(event) => report(append(folder, &mut log, &event), &news),
                Work::Finish(last) => return conclude(folder, &directory, &last),
            }
        }
        if let Some(manifest) = manifest {
            report(folder.store(&manifest), &news);
        }
        if stored.elapsed() < STORE_EVERY {
            continue;
        }
        stored = Instant::now();
        // One for all files: as many calls of fsync would each make the disk flush.
        report(nix::unistd::syncfs(&directory).map_err(io::Error::from), &news);
        if tidied.elapsed() >= TIDY_EVERY {
            tidied = Instant::now();
            quota = tidy(store, quota);
        }
        if let Ok(free) = tidy::free(&directory) {
            news(News::Space(Space { free, quota }));
        }
    }
}

/// What the quota leaves; as before if it cannot be told.
fn tidy(store: &Store, before: Option<u64>) -> Option<u64> {
    store.tidy().unwrap_or_else(|error| {
        tracing::warn!(%error, "the folder of recordings cannot be tidied");
        before
    })
}

fn report(done: io::Result<()>, news: &impl Fn(News)) {
    if let Err(error) = done {
        news(News::Failed(error));
    }
}

fn append(folder: &Folder, log: &mut Option<File>, event: &Event) -> io::Result<()> {
    if log.is_none() {
        let path = folder.path().join(events::LOG);
        let nofollow = nix::fcntl::OFlag::O_NOFOLLOW.bits();
        *log = Some(OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(nofollow).open(path)?);
    }
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    log.as_mut().map_or(Ok(()), |log| log.write_all(&line))
}

fn conclude(folder: &Folder, directory: &File, manifest: &[u8]) -> io::Result<()> {
    folder.release();
    let events = folder.conclude_events();
    nix::unistd::syncfs(directory)?;
    folder.store(manifest).and(events)
}

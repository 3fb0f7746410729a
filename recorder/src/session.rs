//! One recording, run: the job between the tap, the files and the disk. Clock, descriptors and threads come in here.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media_tap::{Answer, Begin, Frames, MAX_MESSAGE};

use crate::disk::{Disk, News};
use crate::exit::{Failure, Reason};
use crate::files::{Ended, Files, Writer};
use crate::folder::{Folder, FolderError};
use crate::job::{FileId, Job, Opening, Output, Sample};
use crate::manifest::FileState;
use crate::pipeline::whole;
use crate::recover;
use crate::rotation::Keep;
use crate::storage::{FULL, Room, Space, Verdict};
use crate::tap_source::{Read, TapSource};
use crate::tidy::Store;
use crate::wake::{Outbox, Sources, Wake};

/// How often it is looked what files have to write, and time is told where nothing comes.
const TICK: Duration = Duration::from_millis(250);
/// After so much silence, time passes by our own clock.
const SILENCE: Duration = Duration::from_secs(1);
/// What has been read is not looked for again at once: more comes meanwhile, and is read at one go. A socket's buffer holds
/// 200 kB where nobody made it larger, and 40 ms of ten large pictures are half of it.
const PAUSE: Duration = Duration::from_millis(40);
/// Where more came, it is looked for sooner.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
const BUSY: usize = 112 << 10;
/// Messages read before anything else is looked at.
const MAX_READ: usize = 64;
/// How long files may take to be finished.
const FINISH_WITHIN: Duration = Duration::from_millis(1_500);
/// How often counters are stored.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// What a recording is told beforehand.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where recordings are.
    pub directory: PathBuf,
    /// Bytes that remain free.
    pub min_free: u64,
    /// What is kept of all recordings.
    pub keep: Keep,
    /// Length of a piece that is written at once.
    pub fragment: Duration,
    /// Something is to be done with the recording once it is finished: see [`finalize`](crate::finalize()).
    pub pending: bool,
}

/// Records what comes from the tap until it ends.
pub fn record(options: Options) -> Result<(), Failure> {
    let tap = TapSource::inherited().map_err(|error| {
        Failure::new(Reason::Tap, format_args!("Standard input is not the tap of a bridge: {error}."))
    })?;
    let mut sources = Sources::new(&tap, TICK).map_err(|error| Failure::new(Reason::Unexpected, error))?;
    Session::new(options, tap, sources.outbox()).run(&mut sources)
}

/// Everything of the recording that runs.
struct Session {
    options: Options,
    tap: TapSource,
    job: Job,
    folder: Option<Arc<Folder>>,
    disk: Option<Disk>,
    files: Option<Files>,
    writers: BTreeMap<FileId, Writer>,
    room: Room,
    outbox: Outbox<Event>,
    began: Instant,
    heard: Instant,
    saved: Instant,
    flushed: Instant,
    unsaved: bool,
    ending: Option<Instant>,
    ended: Option<Result<(), Failure>>,
}

/// What other threads say.
enum Event {
    Ended(FileId, Ended),
    Disk(News),
}

impl Session {
    fn new(options: Options, tap: TapSource, outbox: Outbox<Event>) -> Self {
        let now = now();
        Self {
            room: Room::new(options.min_free),
            options,
            tap,
            job: Job::default(),
            folder: None,
            disk: None,
            files: None,
            writers: BTreeMap::new(),
            outbox,
            began: now,
            heard: now,
            saved: now,
            flushed: now,
            unsaved: false,
            ending: None,
            ended: None,
        }
    }

    fn run(&mut self, sources: &mut Sources<Event>) -> Result<(), Failure> {
        let mut buffer = Box::new([0; MAX_MESSAGE]);
        loop {
            match sources.wait() {
                Ok(Wake::Tap) => self.read(&mut buffer),
                Ok(Wake::Event(event)) => self.on_event(event),
                Ok(Wake::Signal) => self.job.stop("The recorder was told to end.", None),
                Ok(Wake::Tick) => self.on_tick(),
                Err(error) => self.job.stop(&format!("The recorder cannot wait: {error}"), None),
            }
            self.settle();
            if let Some(ended) = self.ended.take() {
                self.tap.deafen(&mut buffer);
                return ended;
            }
            if self.job.is_ending() && self.ending.is_none() {
                self.ending = Some(now());
                sources.forget_tap(&self.tap);
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8; MAX_MESSAGE]) {
        let mut bytes = 0;
        for _ in 0..MAX_READ {
            match self.tap.read(buffer) {
                Ok(Read::Message(length)) => {
                    bytes += length;
                    let message = buffer.get(..length).unwrap_or_default();
                    for frame in Frames::new(message).map_while(Result::ok) {
                        self.job.on_frame(frame);
                        while let Some(output) = self.job.poll() {
                            self.perform(output);
                        }
                    }
                }
                Ok(Read::TooLong) => {}
                Ok(Read::Nothing) => break,
                Ok(Read::Closed) => return self.job.stop("The bridge's side closed the tap.", None),
                Err(error) => return self.job.stop(&format!("The tap cannot be read: {error}"), None),
            }
            if self.job.is_ending() {
                return;
            }
        }
        self.heard = now();
        if bytes < 2 * BUSY {
            pause(if bytes < BUSY { PAUSE } else { BUSY_PAUSE });
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Ended(file, ended) => self.close(file, &ended),
            Event::Disk(News::Space(space)) => self.on_space(space),
            Event::Disk(News::Failed(error)) if is_full(&error) => self.on_full(),
            Event::Disk(News::Failed(error)) => tracing::warn!(%error, "the manifest cannot be stored"),
        }
    }

    fn on_space(&mut self, space: Space) {
        match self.room.look(now() - self.began, space) {
            Some(Verdict::Warn(text)) => self.job.warn(&text),
            Some(Verdict::Stop(text)) => self.job.stop("There was no room for more.", Some(text)),
            None => {}
        }
    }

    fn on_full(&mut self) {
        if let Some(folder) = &self.folder {
            folder.release();
        }
        self.job.stop("The disk is full.", Some(FULL.to_owned()));
    }

    fn on_tick(&mut self) {
        let now = now();
        if now - self.heard > SILENCE {
            self.job.tick(now - self.heard);
            self.heard = now;
        }
        if now - self.flushed > self.options.fragment.saturating_sub(TICK) {
            self.flush(now);
        }
        if now - self.saved > SAVE_EVERY {
            self.job.count();
            self.unsaved = true;
        }
        self.tap.flush();
        if self.job.is_ending() {
            self.hurry(now);
        }
    }

    /// All files at once: the thread that writes wakes up once.
    fn flush(&mut self, now: Instant) {
        self.flushed = now;
        for (file, writer) in &mut self.writers {
            let dropped = writer.flush();
            if dropped > 0 {
                self.job.on_behind(*file, dropped);
            }
        }
    }

    /// Does what the job wants.
    fn settle(&mut self) {
        while let Some(output) = self.job.poll() {
            self.perform(output);
        }
        if std::mem::take(&mut self.unsaved) {
            self.saved = now();
            if let Some(disk) = &self.disk {
                disk.save(self.job.manifest().to_json());
            }
        }
    }

    fn prepare(&mut self, begin: &Begin) {
        match self.try_prepare(begin) {
            Ok((folder, previous)) => {
                tracing::info!(recording = folder.name(), "recording");
                self.job.on_prepared(folder.name().to_owned(), previous, folder.names());
                // Before it is ready: whoever comes after a crash must find it.
                if let Err(error) = folder.store(&self.job.manifest().to_json()) {
                    self.job.stop("It cannot begin.", Some(format!("The recording cannot be stored: {error}.")));
                }
            }
            Err(error) => {
                self.job.on_refused(format!("The recording cannot begin: {error}. Look at the disk of recordings."));
            }
        }
    }

    fn try_prepare(&mut self, begin: &Begin) -> Result<(Arc<Folder>, Option<crate::manifest::Manifest>), FolderError> {
        let directory = &self.options.directory;
        let folder = match begin.attempt {
            0 => Folder::create(directory, &begin.recording)?,
            _ => Folder::resume(directory, &begin.recording)?,
        };
        if self.options.pending {
            let path = folder.path().to_owned();
            folder.owe().map_err(|error| FolderError::Io { path, error })?;
        }
        let mut previous = folder.manifest()?;
        let left_open = previous.iter_mut().flat_map(|manifest| &mut manifest.files);
        for file in left_open.filter(|file| file.state == FileState::Open) {
            recover::cut(&folder, file);
        }
        let folder = Arc::new(folder);
        let outbox = self.outbox.clone();
        let news = move |news| {
            outbox.say(Event::Disk(news));
        };
        let path = folder.path().to_owned();
        let store = Store { directory: directory.clone(), keep: self.options.keep, min_free: self.options.min_free };
        let outbox = self.outbox.clone();
        let files = Files::start(move |file, ended| outbox.say(Event::Ended(file, ended)));
        let started = files.and_then(|files| Ok((files, Disk::start(folder.clone(), store, news)?)));
        let (files, disk) = started.map_err(|error| FolderError::Io { path, error })?;
        (self.files, self.disk) = (Some(files), Some(disk));
        self.folder = Some(folder.clone());
        Ok((folder, previous))
    }

    fn open(&mut self, opening: &Opening) {
        let (Some(folder), Some(files)) = (&self.folder, &self.files) else { return };
        let file = opening.file;
        match folder.new_file(&opening.name) {
            Ok(open) => {
                self.writers.insert(file, files.begin(file, open, &opening.format, self.options.fragment));
            }
            Err(error) => {
                tracing::error!(%error, file = opening.name, "a file cannot be written");
                self.job.on_closed(file, 0, FileState::Unreadable);
                if is_full(&error) {
                    self.on_full();
                }
            }
        }
    }

    fn write(&mut self, sample: &Sample) {
        let Some(writer) = self.writers.get_mut(&sample.file) else { return };
        let dropped = writer.write(sample);
        if dropped > 0 {
            self.job.on_behind(sample.file, dropped);
        }
    }

    fn finish_file(&mut self, file: FileId) {
        if let Some(writer) = self.writers.get_mut(&file) {
            writer.finish();
        }
    }

    /// A file has ended, as it should or not.
    fn close(&mut self, file: FileId, ended: &Ended) {
        let Some(writer) = self.writers.remove(&file) else { return };
        let open = writer.close();
        let state = match ended {
            Ended::Whole => FileState::Closed,
            Ended::Failed(_) => {
                if let Err(error) = whole::cut(open) {
                    tracing::warn!(%error, "a file cannot be cut to what is whole");
                }
                FileState::Cut
            }
        };
        let bytes = open.metadata().map_or(0, |metadata| metadata.len());
        self.job.on_closed(file, bytes, state);
        match ended {
            Ended::Whole => {}
            Ended::Failed(error) if is_full(error) => self.on_full(),
            Ended::Failed(error) => {
                tracing::error!(%error, file, "a file ended early");
                self.job.warn("A part of the recording ended early; it goes on in a new file.");
            }
        }
    }

    /// Stores the rest and says how it went.
    fn finish(&mut self) {
        let error = self.job.manifest().error.clone();
        let stored = match self.disk.take() {
            Some(disk) => disk.finish(self.job.manifest().to_json()),
            None => Ok(()),
        };
        let error = error.or(stored.err().map(|error| format!("The recording cannot be stored: {error}.")));
        tracing::info!(counts = ?self.job.counts(), "ended");
        self.tap.say(Answer::Done { error: error.clone() });
        self.ended = Some(match (error, self.folder.is_some()) {
            (None, _) => Ok(()),
            (Some(error), true) => Err(Failure::new(Reason::Space, error)),
            (Some(error), false) => Err(Failure::new(Reason::Folder, error)),
        });
    }

    /// Files that are not finished in time are closed as they are.
    fn hurry(&mut self, now: Instant) {
        if self.ending.is_none_or(|since| now - since < FINISH_WITHIN) {
            return;
        }
        let late: Vec<FileId> = self.writers.keys().copied().collect();
        for file in late {
            self.close(file, &Ended::Failed(io::ErrorKind::TimedOut.into()));
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Prepare(begin) => self.prepare(&begin),
            Output::Say(answer) => self.tap.say(answer),
            Output::Open(opening) => self.open(&opening),
            Output::Write(sample) => self.write(&sample),
            Output::Close(file) => self.finish_file(file),
            Output::Log(event) => {
                if let Some(disk) = &self.disk {
                    disk.log(event);
                }
            }
            Output::Save => self.unsaved = true,
            Output::Finish => self.finish(),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

#[expect(clippy::disallowed_methods, reason = "the clock comes in here")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "one wait for many packets instead of many")]
fn pause(length: Duration) {
    std::thread::sleep(length);
}

//! Pictures of the files that are to be seen, each as it is at a moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use media_tap::Codec;

use super::plan::Plan;
use super::spans::Spans;
use crate::manifest::Manifest;
use crate::pipeline::decode::{Picture, Pictures, Wanted, keys};
use crate::pipeline::{Container, PipelineError};

/// Decoders that are kept, seen or not: each needs memory for some pictures.
const MAX_OPEN: usize = 18;
/// What is hidden for less than this is decoded all the same.
const WORTH_LEAVING_OUT_MS: u64 = 10_000;
/// To read a file of hours from a slow disk.
const READ_WITHIN: Duration = Duration::from_secs(600);
/// After a file's end, its last picture stays for so long.
const LINGER: Duration = Duration::from_secs(1);

/// All files with pictures that the plan shows.
#[derive(Debug)]
pub(super) struct Reels(BTreeMap<usize, Reel>);

#[derive(Debug)]
struct Reel {
    path: PathBuf,
    codec: Codec,
    offset_ms: f64,
    seen: Spans,
    running: Option<Running>,
    /// It cannot be opened, or there is nothing more to be seen of it.
    done: bool,
    used: u64,
}

#[derive(Debug)]
struct Running {
    pictures: Pictures,
    current: Option<Picture>,
    next: Option<Picture>,
    ended: bool,
}

impl Reels {
    pub(super) fn new(recording: &Path, manifest: &Manifest, plan: &Plan) -> Self {
        let reel = |(index, seen): (usize, Spans)| {
            let file = manifest.files.get(index)?;
            let (path, codec) = (recording.join(&file.file), file.codec);
            let reel = Reel { path, codec, offset_ms: file.offset_ms, seen, running: None, done: false, used: 0 };
            Some((index, reel))
        };
        Self(plan.seen().into_iter().filter_map(reel).collect())
    }

    /// The picture of a file at a moment of the recording, which is never before the one of the last call. None: there is none.
    pub(super) fn at(&mut self, file: usize, millis: f64) -> Option<&Picture> {
        self.make_room(file);
        let reel = self.0.get_mut(&file)?;
        if let Err(error) = reel.open(millis) {
            tracing::warn!(file = %reel.path.display(), %error, "a file is left out");
            reel.done = true;
        }
        reel.at(millis)
    }

    /// Gives back what nobody will see any more.
    pub(super) fn close_before(&mut self, millis: u64) {
        for reel in self.0.values_mut().filter(|reel| reel.seen.end() <= millis) {
            reel.running = None;
            reel.done = true;
        }
    }

    /// Closes what was not seen for the longest time.
    fn make_room(&mut self, file: usize) {
        let is_open = self.0.get(&file).is_none_or(|reel| reel.running.is_some() || reel.done);
        if is_open || self.0.values().filter(|reel| reel.running.is_some()).count() < MAX_OPEN {
            return;
        }
        let open = self.0.values_mut().filter(|reel| reel.running.is_some());
        if let Some(oldest) = open.min_by_key(|reel| reel.used) {
            oldest.running = None;
        }
    }
}

impl Reel {
    fn open(&mut self, millis: f64) -> Result<(), PipelineError> {
        if self.running.is_some() || self.done {
            return Ok(());
        }
        let wanted = self.wanted(whole(millis))?;
        let pictures = Pictures::open(&self.path, self.codec, wanted)?;
        self.running = Some(Running { pictures, current: None, next: None, ended: false });
        Ok(())
    }

    /// What is still to be seen, if that is worth a look at where the key frames are.
    fn wanted(&self, now: u64) -> Result<Option<Wanted>, PipelineError> {
        let rest = self.seen.and(&Spans::new([(now, u64::MAX)]));
        let begin = whole(self.offset_ms);
        let hidden = Spans::new([(begin, rest.end())]).without(&rest);
        let millis: u64 = hidden.iter().map(|(begin, end)| end - begin).sum();
        if millis < WORTH_LEAVING_OUT_MS {
            return Ok(None);
        }
        let keys = keys(&self.path, Container::of(self.codec), READ_WITHIN)?;
        let inside = |at: u64| whole(at as f64 - self.offset_ms);
        let spans = rest.iter().map(|(begin, end)| (inside(begin), inside(end).saturating_add(1))).collect();
        Ok(Some(Wanted { keys, spans }))
    }

    fn at(&mut self, millis: f64) -> Option<&Picture> {
        self.used = whole(millis);
        let time = Duration::try_from_secs_f64((millis - self.offset_ms) / 1000.0).ok()?;
        let running = self.running.as_mut()?;
        running.forward(time);
        running.current.as_ref().filter(|picture| !running.ended || time.saturating_sub(picture.time) < LINGER)
    }
}

impl Running {
    /// To the last picture that is not later than this, in the file's time.
    fn forward(&mut self, time: Duration) {
        loop {
            if self.next.is_none() && !self.ended {
                self.next = self.pictures.next();
                self.ended = self.next.is_none();
            }
            match self.next.take_if(|next| next.time <= time) {
                Some(next) => self.current = Some(next),
                None => return,
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn whole(millis: f64) -> u64 {
    millis.round() as u64
}

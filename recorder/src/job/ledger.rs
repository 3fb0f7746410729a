//! The manifest as it grows, and what is to be done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use media_tap::{Answer, Begin, Codec};

use super::output::{FileId, Opening, Output};
use crate::clock::Micros;
use crate::depacketize::Format;
use crate::manifest::{Attempt, File, FileState, Manifest};
use crate::pipeline::container;

/// Files of one recording. A stream that changes its format with every picture must not fill the disk with names.
const MAX_FILES: usize = 4096;
/// Longest part of a file's name that is a source's.
const MAX_SOURCE: usize = 64;

/// Book of one recording.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) manifest: Manifest,
    pub(super) out: VecDeque<Output>,
    /// When the tap began, in the recording.
    base_ms: u64,
    attempt: u32,
    runs: BTreeMap<String, u32>,
    names: BTreeSet<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        let nothing = Begin {
            version: media_tap::VERSION,
            recording: String::new(),
            room: String::new(),
            meeting: String::new(),
            unix_ms: 0,
            initiator: None,
            attempt: 0,
        };
        Self::new(&nothing, None, Vec::new())
    }
}

impl Ledger {
    pub(super) fn new(begin: &Begin, previous: Option<Manifest>, taken: Vec<String>) -> Self {
        let mut manifest = previous.unwrap_or_else(|| Manifest::new(begin));
        manifest.state = crate::manifest::State::Recording;
        (manifest.reason, manifest.error) = (None, None);
        let base_ms = begin.unix_ms.saturating_sub(manifest.begin_unix_ms);
        let attempt = u32::try_from(manifest.attempts.len()).unwrap_or(u32::MAX);
        manifest.attempts.push(Attempt { begin_ms: base_ms, end_ms: None });
        let mut runs = BTreeMap::new();
        let mut names: BTreeSet<String> = taken.into_iter().collect();
        for file in &mut manifest.files {
            names.insert(file.file.clone());
            let run = runs.entry(file.source.clone()).or_default();
            *run = file.run.max(*run);
            if file.state == FileState::Open {
                file.state = FileState::Cut;
            }
        }
        Self { manifest, out: VecDeque::new(), base_ms, attempt, runs, names }
    }

    pub(super) fn say(&mut self, answer: Answer) {
        self.out.push_back(Output::Say(answer));
    }

    pub(super) fn save(&mut self) {
        if self.out.back() != Some(&Output::Save) {
            self.out.push_back(Output::Save);
        }
    }

    /// Milliseconds since the recording began, of a time of the tap.
    pub(super) fn elapsed_ms(&self, now: Duration) -> u64 {
        self.base_ms.saturating_add(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    /// Opens the next file of a source. None if there are too many.
    pub(super) fn open(&mut self, stream: &media_tap::Stream, codec: Codec, format: Format) -> Option<FileId> {
        let file = self.manifest.files.len();
        if file >= MAX_FILES {
            return None;
        }
        let run = self.runs.entry(stream.source.clone()).or_default();
        *run += 1;
        let run = *run;
        let name = self.name(&stream.source, run, codec);
        self.manifest.files.push(File {
            file: name.clone(),
            state: FileState::Open,
            source: stream.source.clone(),
            endpoint: stream.endpoint.clone(),
            kind: stream.kind,
            codec,
            desktop: stream.desktop,
            run,
            attempt: self.attempt,
            ssrc: stream.ssrc,
            size: format.size(),
            offset_ms: 0.0,
            duration_ms: 0.0,
            frames: 0,
            dropped: 0,
            packets: 0,
            lost: 0,
            bytes: 0,
            breaks: Vec::new(),
            sync: Vec::new(),
        });
        self.out.push_back(Output::Open(Opening { file, name, codec, format }));
        self.save();
        Some(file)
    }

    pub(super) fn file(&mut self, file: FileId) -> Option<&mut File> {
        self.manifest.files.get_mut(file)
    }

    /// When a file's time 0 is in the recording, of a time of the tap.
    pub(super) fn offset_ms(&self, zero: Micros) -> f64 {
        ms(zero) + ms(Micros::try_from(self.base_ms).unwrap_or_default().saturating_mul(1000))
    }

    pub(super) fn closed(&mut self, file: FileId, bytes: u64, state: FileState) {
        let Some(entry) = self.file(file).filter(|entry| entry.state == FileState::Open) else { return };
        entry.state = state;
        entry.bytes = bytes;
        self.save();
    }

    pub(super) fn open_files(&self) -> usize {
        self.manifest.files.iter().filter(|file| file.state == FileState::Open).count()
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, now: Duration) {
        let end = self.elapsed_ms(now);
        self.manifest.duration_ms = end;
        if let Some(attempt) = self.manifest.attempts.last_mut() {
            attempt.end_ms = Some(end);
        }
        self.save();
    }

    /// `3f2a9c41-v0.1.mp4`. What a source is called comes from a browser.
    fn name(&mut self, source: &str, run: u32, codec: Codec) -> String {
        let fine = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
        let source: String = source.chars().take(MAX_SOURCE).map(fine).collect();
        let source = if source.is_empty() { "source" } else { &source };
        let ending = container::ending(codec);
        let mut name = format!("{source}.{run}.{ending}");
        let mut other = 1;
        while !self.names.insert(name.clone()) {
            other += 1;
            name = format!("{source}.{run}-{other}.{ending}");
        }
        name
    }
}

/// Milliseconds, to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
pub(super) fn ms(micros: Micros) -> f64 {
    micros as f64 / 1000.0
}

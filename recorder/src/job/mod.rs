//! States of one recording. Pure: frames of the tap, what became of files, and time come in; what is to be done comes out.

mod ledger;
mod output;
mod stream;

use std::collections::BTreeMap;
use std::time::Duration;

use media_tap::{Answer, Begin, Body, Frame, Happening, Note, Report};

use crate::clock::SenderClock;
use crate::events::Event;
use crate::manifest::{FileState, Manifest, Participant, State, Warning};
use crate::rtp::Rtp;
use ledger::Ledger;
use stream::Stream;

pub use output::{FileId, Opening, Output, Sample};

/// Streams at once. The largest meetings that are recorded have a tenth of it.
const MAX_STREAMS: usize = 512;
/// People whose names are kept.
const MAX_PARTICIPANTS: usize = 2048;
/// How often gaps are looked at where nothing comes.
const LOOK: Duration = Duration::from_millis(100);
/// A frame that is so far ahead of the last has no time that means anything.
const MAX_LEAP: Duration = Duration::from_secs(24 * 3600);

/// One recording. Call one of the `on_` and [`Self::tick`], then drain [`Self::poll`].
#[derive(Debug, Default)]
pub struct Job {
    phase: Phase,
    /// The latest time of a frame.
    now: Duration,
    looked: Duration,
    begin: Option<Begin>,
    streams: BTreeMap<u32, Stream>,
    senders: BTreeMap<String, SenderClock>,
    ledger: Ledger,
    counts: Counts,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// For [`Note::Begin`].
    #[default]
    Waiting,
    Preparing,
    Recording,
    /// Files are being closed.
    Ending,
    Done,
}

/// What was not recorded, and why.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// No RTP packet, no note, a time that means nothing.
    pub malformed: u64,
    /// Nobody said what stream this is.
    pub unknown: u64,
    /// Came when its turn was over, or twice.
    pub late: u64,
}

impl Job {
    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn manifest(&self) -> &Manifest {
        &self.ledger.manifest
    }

    /// Brings what is counted into the manifest.
    pub fn count(&mut self) {
        for stream in self.streams.values_mut() {
            stream.note_file(&mut self.ledger);
        }
        self.ledger.manifest.duration_ms = self.ledger.elapsed_ms(self.now);
    }

    /// A frame of the tap.
    pub fn on_frame(&mut self, frame: Frame<'_>) {
        if frame.at > self.now + MAX_LEAP {
            self.counts.malformed += 1;
            return;
        }
        self.now = self.now.max(frame.at);
        match frame.body {
            Body::Note(json) => self.on_note(json),
            Body::Rtp(packet) if self.phase == Phase::Recording => self.on_rtp(frame.at, packet),
            Body::Report(report) if self.phase == Phase::Recording => self.on_report(frame.at, report),
            Body::Rtp(_) | Body::Report(_) => {}
        }
        if self.now > self.looked + LOOK {
            self.look();
        }
    }

    /// Time passes though nothing comes: `silence` since the last frame.
    pub fn tick(&mut self, silence: Duration) {
        self.now += silence;
        self.look();
    }

    /// The folder is there, and called so; `previous` is what an earlier attempt left in it, and `taken` the names in it.
    pub fn on_prepared(&mut self, recording: String, previous: Option<Manifest>, taken: Vec<String>) {
        let Some(begin) = self.begin.take() else { return };
        self.phase = Phase::Recording;
        self.ledger = Ledger::new(&Begin { recording, ..begin }, previous, taken);
        self.ledger.save();
        self.ledger.say(Answer::Ready);
    }

    /// There is no place to record to.
    pub fn on_refused(&mut self, error: String) {
        self.phase = Phase::Done;
        self.ledger.manifest.error = Some(error);
        self.ledger.out.push_back(Output::Finish);
    }

    /// A file is closed, with so many bytes, whether that was wanted or not.
    pub fn on_closed(&mut self, file: FileId, bytes: u64, state: FileState) {
        if let Some(stream) = self.streams.values_mut().find(|stream| stream.file() == Some(file)) {
            stream.lose_file(&mut self.ledger);
        }
        self.ledger.closed(file, bytes, state);
        self.finish_if_all_is_closed();
    }

    /// A file could not take so many frames: pictures wait for the next key frame.
    pub fn on_behind(&mut self, file: FileId, frames: u64) {
        if let Some(stream) = self.streams.values_mut().find(|stream| stream.file() == Some(file)) {
            stream.fall_behind(frames, self.now, &mut self.ledger);
        }
    }

    /// Tells the people in the meeting; it goes on.
    pub fn warn(&mut self, text: &str) {
        let at_ms = self.ledger.elapsed_ms(self.now);
        self.ledger.manifest.warnings.push(Warning { at_ms, text: text.to_owned() });
        self.ledger.say(Answer::Warning { text: text.to_owned() });
        self.ledger.save();
    }

    /// Ends. With an error, not all is stored.
    pub fn stop(&mut self, reason: &str, error: Option<String>) {
        if self.ledger.manifest.error.is_none() {
            self.ledger.manifest.error = error;
        }
        match self.phase {
            Phase::Recording => {}
            Phase::Waiting | Phase::Preparing => {
                self.phase = Phase::Done;
                return self.ledger.out.push_back(Output::Finish);
            }
            Phase::Ending | Phase::Done => return,
        }
        self.phase = Phase::Ending;
        self.ledger.manifest.reason = Some(reason.to_owned());
        for (_, mut stream) in std::mem::take(&mut self.streams) {
            stream.end(&mut self.ledger);
        }
        self.ledger.end(self.now);
        self.finish_if_all_is_closed();
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.ledger.out.pop_front()
    }

    /// Nothing more is recorded.
    pub fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Done)
    }

    fn finish_if_all_is_closed(&mut self) {
        if self.phase == Phase::Ending && self.ledger.open_files() == 0 {
            self.phase = Phase::Done;
            self.ledger.manifest.state = State::Finished;
            self.ledger.out.push_back(Output::Finish);
        }
    }

    fn on_note(&mut self, json: &[u8]) {
        let Ok(note) = serde_json::from_slice::<Note>(json) else {
            self.counts.malformed += 1;
            return;
        };
        match note {
            Note::Begin(begin) => self.on_begin(begin),
            Note::End { reason } => self.stop(&reason, None),
            _ if self.phase != Phase::Recording => {}
            Note::Stream(stream) => self.on_stream(stream),
            Note::StreamEnded { ssrc } => self.on_stream_ended(ssrc),
            Note::Lost { packets } => self.ledger.manifest.lost_in_tap += packets,
            Note::Happened(happening) => self.on_happening(happening),
        }
    }

    fn on_begin(&mut self, begin: Begin) {
        if self.phase != Phase::Waiting {
            return;
        }
        if begin.version != media_tap::VERSION {
            let text = format!("The recorder does not know version {} of the tap.", begin.version);
            return self.on_refused(text);
        }
        if !is_name(&begin.recording) {
            return self.on_refused("The recording's name cannot be that of a folder.".to_owned());
        }
        self.phase = Phase::Preparing;
        self.begin = Some(begin.clone());
        self.ledger.out.push_back(Output::Prepare(begin));
    }

    fn on_stream(&mut self, note: media_tap::Stream) {
        if let Some(stream) = self.streams.get_mut(&note.ssrc) {
            stream.change(note, &mut self.ledger);
        } else if self.streams.len() < MAX_STREAMS {
            self.senders.entry(note.endpoint.clone()).or_default();
            self.streams.insert(note.ssrc, Stream::new(note));
        }
    }

    fn on_stream_ended(&mut self, ssrc: u32) {
        let Some(mut stream) = self.streams.remove(&ssrc) else { return };
        stream.end(&mut self.ledger);
        let endpoint = stream.endpoint();
        if !self.streams.values().any(|other| other.endpoint() == endpoint) {
            self.senders.remove(endpoint);
        }
    }

    fn on_happening(&mut self, happening: Happening) {
        if let Happening::Joined { endpoint, name } | Happening::Renamed { endpoint, name } = &happening {
            self.name(endpoint, name.as_deref());
        }
        let at_ms = self.ledger.elapsed_ms(self.now);
        self.ledger.out.push_back(Output::Log(Event { at_ms, happening }));
    }

    fn name(&mut self, endpoint: &str, name: Option<&str>) {
        let participants = &mut self.ledger.manifest.participants;
        let name = name.map(str::to_owned);
        if let Some(known) = participants.iter_mut().find(|known| known.endpoint == endpoint) {
            known.name = name.or(known.name.take());
        } else if participants.len() < MAX_PARTICIPANTS {
            participants.push(Participant { endpoint: endpoint.to_owned(), name });
        }
        self.ledger.save();
    }

    fn on_rtp(&mut self, at: Duration, packet: &[u8]) {
        let Some(rtp) = Rtp::parse(packet) else {
            self.counts.malformed += 1;
            return;
        };
        let Some(stream) = self.streams.get_mut(&rtp.ssrc) else {
            self.counts.unknown += 1;
            return;
        };
        let Some(sender) = self.senders.get(stream.endpoint()) else { return };
        if !stream.on_rtp(at, self.now, &rtp, packet, sender, &mut self.ledger) {
            self.counts.late += 1;
        }
    }

    fn on_report(&mut self, at: Duration, report: Report) {
        let Some(stream) = self.streams.get_mut(&report.ssrc) else { return };
        // A sender that does not know its wall clock says so.
        if report.ntp == 0 {
            return;
        }
        let Some(sender) = self.senders.get_mut(stream.endpoint()) else { return };
        sender.report(at, report.ntp);
        stream.on_report(report, sender, &mut self.ledger);
    }

    fn look(&mut self) {
        self.looked = self.now;
        for stream in self.streams.values_mut() {
            stream.look(self.now, &mut self.ledger);
        }
    }
}

/// Letters, digits, `-`, `_` and `.`, and not beginning with a dot.
pub fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(fine)
}

#[cfg(test)]
mod tests;

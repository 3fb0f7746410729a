//! One stream of packets on its way into files.

use std::time::Duration;

use media_tap::{Answer, Codec, Kind, Report, Wish};

use super::ledger::{Ledger, ms};
use super::output::{FileId, Output, Sample};
use crate::clock::{Micros, SenderClock, Timeline, micros};
use crate::depacketize::{Depacketize, Format, Frame, depacketizer};
use crate::jitter::{Jitter, Next};
use crate::manifest::{Break, MAX_BREAKS, MAX_SYNC, SYNC_EVERY, Sync};
use crate::rtp::Rtp;

/// How often a key frame is asked for.
const KEY_FRAME_EVERY: Duration = Duration::from_secs(1);
/// Without key frames nobody could look for a place in a file.
const SEEK_EVERY: Duration = Duration::from_secs(60);
/// Between frames of a file, where the clock says less.
const LEAST_STEP: Micros = 1_000;
/// How long the first picture is shown, and the longest that is assumed of a picture.
const PICTURE: Micros = 33_333;
const LONGEST_PICTURE: Micros = 1_000_000;
/// A stream that cannot be written is given up after so many files.
const MAX_FAILURES: u32 = 3;
/// From 1900 to 1970.
const NTP_TO_UNIX_MS: f64 = 2_208_988_800_000.0;

/// A stream, from packets to samples.
#[derive(Debug)]
pub(super) struct Stream {
    note: media_tap::Stream,
    jitter: Jitter,
    timeline: Option<Timeline>,
    rate: u32,
    codec: Option<(Codec, Box<dyn Depacketize>)>,
    run: Option<Run>,
    needs_key: bool,
    asked: Option<Duration>,
    /// When the newest key frame came, or was asked for so that one can look for a place there.
    keyed: Option<Duration>,
    /// Files that could not be written to their end.
    failures: u32,
    /// Since they were last added to a file's.
    packets: u64,
    lost: u64,
}

/// The file that is being written.
#[derive(Debug)]
struct Run {
    file: FileId,
    format: Format,
    /// Time of the first frame, unmoved.
    zero: Micros,
    last: Option<Micros>,
    step: Micros,
    synced: Option<Duration>,
}

impl Stream {
    pub(super) fn new(note: media_tap::Stream) -> Self {
        Self {
            needs_key: note.kind == Kind::Video,
            note,
            jitter: Jitter::default(),
            timeline: None,
            codec: None,
            run: None,
            rate: 0,
            asked: None,
            keyed: None,
            failures: 0,
            packets: 0,
            lost: 0,
        }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.note.endpoint
    }

    pub(super) fn file(&self) -> Option<FileId> {
        self.run.as_ref().map(|run| run.file)
    }

    /// Something of it is said anew.
    pub(super) fn change(&mut self, note: media_tap::Stream, ledger: &mut Ledger) {
        let same = |a: &media_tap::Stream, b: &media_tap::Stream| {
            (&a.endpoint, &a.source, a.kind) == (&b.endpoint, &b.source, b.kind)
        };
        if same(&self.note, &note) && self.note.desktop == note.desktop {
            self.note = note;
            return;
        }
        self.end(ledger);
        *self = Self::new(note);
    }

    /// A packet has come. False if its turn was over.
    pub(super) fn on_rtp(
        &mut self,
        at: Duration,
        now: Duration,
        rtp: &Rtp<'_>,
        packet: &[u8],
        sender: &SenderClock,
        ledger: &mut Ledger,
    ) -> bool {
        // What waited before a silence belongs before it.
        self.look(now, ledger);
        let passes = self.jitter.pass(rtp.sequence);
        if !passes && self.jitter.insert(at, rtp.sequence, packet).is_err() {
            return false;
        }
        let Some(payload_type) = self.note.payload_types.iter().find(|known| known.id == rtp.payload_type) else {
            // It has a number all the same.
            return true;
        };
        if self.rate != payload_type.clock_rate {
            self.rate = payload_type.clock_rate;
            self.timeline = None;
        }
        let timeline = self.timeline.get_or_insert_with(|| Timeline::new(self.note.kind, self.rate));
        timeline.arrived(at, rtp.timestamp, sender);
        if passes {
            self.packet(rtp, now, ledger);
        } else {
            self.look(now, ledger);
        }
        true
    }

    pub(super) fn on_report(&mut self, report: Report, sender: &SenderClock, ledger: &mut Ledger) {
        let Some(timeline) = &mut self.timeline else { return };
        timeline.reported(report, sender);
        let Some(time) = timeline.time(report.rtp) else { return };
        self.note_file(ledger);
        self.note_sync(time, report, ledger);
    }

    /// Takes what is next, and gives up what was waited for long enough.
    pub(super) fn look(&mut self, now: Duration, ledger: &mut Ledger) {
        while let Some(next) = self.jitter.pop(now) {
            self.take(next, now, ledger);
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, ledger: &mut Ledger) {
        while let Some(next) = self.jitter.drain() {
            self.take(next, Duration::ZERO, ledger);
        }
        // A picture whose end was not seen is none: whoever leaves may be cut off in the middle of one.
        self.close(ledger);
    }

    /// The file could not take so many frames.
    pub(super) fn fall_behind(&mut self, frames: u64, now: Duration, ledger: &mut Ledger) {
        if let Some(file) = self.file().and_then(|file| ledger.file(file)) {
            file.frames = file.frames.saturating_sub(frames);
            file.dropped += frames;
        }
        if self.note.kind == Kind::Video {
            self.needs_key = true;
            self.ask(now, ledger);
        }
    }

    /// The file ended by itself: the next begins with a key frame.
    pub(super) fn lose_file(&mut self, ledger: &mut Ledger) {
        self.note_file(ledger);
        self.run = None;
        self.needs_key = self.note.kind == Kind::Video;
        self.failures += 1;
    }

    fn take(&mut self, next: Next, now: Duration, ledger: &mut Ledger) {
        match next {
            Next::Packet { packet, .. } => {
                if let Some(rtp) = Rtp::parse(&packet) {
                    self.packet(&rtp, now, ledger);
                }
            }
            Next::Gap { packets } => self.gap(packets, now, ledger),
            Next::Restart => self.gap(0, now, ledger),
        }
    }

    fn packet(&mut self, rtp: &Rtp<'_>, now: Duration, ledger: &mut Ledger) {
        let Some(payload_type) = self.note.payload_types.iter().find(|known| known.id == rtp.payload_type) else {
            return;
        };
        let codec = payload_type.codec;
        if rtp.payload.is_empty() {
            return;
        }
        if self.codec.as_ref().is_none_or(|(known, _)| *known != codec) {
            self.change_codec(codec, ledger);
        }
        self.packets += 1;
        let Some((_, depacketizer)) = &mut self.codec else { return };
        let mut frames = Vec::new();
        let pushed = depacketizer.push(rtp, &mut frames);
        for frame in frames {
            self.frame(frame, codec, now, ledger);
        }
        if pushed.is_err() {
            self.damaged(now, ledger);
        }
    }

    fn change_codec(&mut self, codec: Codec, ledger: &mut Ledger) {
        if self.codec.is_some() {
            self.close(ledger);
        }
        self.codec = Some((codec, depacketizer(codec)));
        self.needs_key = self.note.kind == Kind::Video;
    }

    fn gap(&mut self, packets: u64, now: Duration, ledger: &mut Ledger) {
        if let Some((_, depacketizer)) = &mut self.codec {
            depacketizer.lost();
        }
        self.lost += packets;
        if let Some(run) = &self.run
            && let Some(file) = ledger.file(run.file).filter(|file| file.breaks.len() < MAX_BREAKS)
        {
            file.breaks.push(Break { at_ms: run.last.map_or(0.0, |last| ms(last + run.step)), packets });
        }
        self.damaged(now, ledger);
    }

    /// Pictures cannot be decoded before the next key frame.
    fn damaged(&mut self, now: Duration, ledger: &mut Ledger) {
        if self.note.kind == Kind::Video {
            self.needs_key = true;
            self.ask(now, ledger);
        }
    }

    fn ask(&mut self, now: Duration, ledger: &mut Ledger) {
        if self.asked.is_none_or(|asked| now >= asked + KEY_FRAME_EVERY) {
            self.asked = Some(now);
            ledger.say(Answer::Wish(Wish::KeyFrame { ssrc: self.note.ssrc }));
        }
    }

    fn frame(&mut self, frame: Frame, codec: Codec, now: Duration, ledger: &mut Ledger) {
        let goes_on = |run: &Run| frame.format.as_ref().is_none_or(|format| run.format.goes_on_with(format));
        if self.needs_key && !frame.key {
            if let Some(file) = self.file().and_then(|file| ledger.file(file)) {
                file.dropped += 1;
            }
            return self.ask(now, ledger);
        }
        let Some(time) = self.timeline.as_ref().and_then(|timeline| timeline.time(frame.timestamp)) else { return };
        self.needs_key = false;
        if frame.key || self.keyed.is_none() {
            self.keyed = Some(now);
        } else if self.keyed.is_some_and(|keyed| now >= keyed + SEEK_EVERY) {
            self.keyed = Some(now);
            self.ask(now, ledger);
        }
        if !self.run.as_ref().is_some_and(goes_on) {
            self.close(ledger);
            self.open(codec, &frame, time, ledger);
        }
        self.write(frame, time, ledger);
    }

    fn open(&mut self, codec: Codec, frame: &Frame, zero: Micros, ledger: &mut Ledger) {
        let Some(format) = frame.format.as_ref().filter(|_| self.failures < MAX_FAILURES) else { return };
        let Some(file) = ledger.open(&self.note, codec, format.clone()) else { return };
        self.run = Some(Run { file, format: format.clone(), zero, last: None, step: PICTURE, synced: None });
        self.note_file(ledger);
    }

    fn write(&mut self, frame: Frame, time: Micros, ledger: &mut Ledger) {
        let Some(run) = &mut self.run else { return };
        let mut local = time - run.zero;
        if let Some(last) = run.last {
            local = local.max(last + LEAST_STEP);
            run.step = (local - last).min(LONGEST_PICTURE);
        }
        let local = local.max(0);
        run.last = Some(local);
        let duration = frame.duration.map_or(run.step, micros);
        if let Some(file) = ledger.file(run.file) {
            file.frames += 1;
            file.duration_ms = ms(local + duration);
        }
        let sample = Sample {
            file: run.file,
            time: Duration::from_micros(local.unsigned_abs()),
            duration: Duration::from_micros(duration.unsigned_abs()),
            key: frame.key,
            data: frame.data,
        };
        ledger.out.push_back(Output::Write(sample));
    }

    fn close(&mut self, ledger: &mut Ledger) {
        self.note_file(ledger);
        if let Some(run) = self.run.take() {
            ledger.out.push_back(Output::Close(run.file));
        }
    }

    /// Puts the file where it belongs in the recording, as is known now, and adds what was counted.
    pub(super) fn note_file(&mut self, ledger: &mut Ledger) {
        let (Some(run), Some(timeline)) = (&self.run, &self.timeline) else { return };
        let offset = ledger.offset_ms(run.zero + timeline.moved());
        if let Some(file) = ledger.file(run.file) {
            file.offset_ms = offset;
            file.packets += std::mem::take(&mut self.packets);
            file.lost += std::mem::take(&mut self.lost);
        }
    }

    fn note_sync(&mut self, time: Micros, report: Report, ledger: &mut Ledger) {
        let Some(run) = &mut self.run else { return };
        let local = time - run.zero;
        let at = Duration::from_micros(local.max(0).unsigned_abs());
        if run.synced.is_some_and(|synced| at < synced + SYNC_EVERY) {
            return;
        }
        run.synced = Some(at);
        if let Some(file) = ledger.file(run.file).filter(|file| file.sync.len() < MAX_SYNC) {
            file.sync.push(Sync { at_ms: ms(local), rtp: report.rtp, sender_unix_ms: unix_ms(report.ntp) });
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to a microsecond")]
fn unix_ms(ntp: u64) -> f64 {
    ntp as f64 / 4_294_967.296 - NTP_TO_UNIX_MS
}

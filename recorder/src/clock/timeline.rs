//! Times of one stream.

use std::time::Duration;

use media_tap::{Kind, Report};

use super::window::Window;
use super::{Micros, SenderClock, micros, ntp_micros};

/// So long after the first packet, better knowledge moves the whole stream: clocks have not moved apart by then, so that what
/// is learned holds for the beginning as well.
const SETTLING: Micros = 30_000_000;
/// A stream is led back when it is off by more than this …
const TOLERANCE: Micros = 15_000;
/// … until it is off by less than this …
const CLOSE: Micros = 2_000;
/// … by one part in so many: 5 ms in a second, ten times what clocks move apart, and far below what can be heard.
const SLEW: Micros = 200;
/// Packets do not come before they are sent: a stream that seems to do so has jumped.
const EARLY: Micros = 300_000;
/// Nor are they under way for so long.
const LATE: Micros = 5_000_000;
/// After silence of this length …
const SILENCE: Micros = 1_000_000;
/// … audio that comes so late has had its clock stopped: some senders do that while they are muted.
const STOPPED: Micros = 300_000;
/// The fastest packet is looked for in pieces of this length.
const PIECE: Micros = 1_000_000;

/// Maps a stream's clock to the tap's. Call [`Self::arrived`] for every packet, then ask [`Self::time`].
#[derive(Debug, Clone)]
pub struct Timeline {
    rate: Micros,
    kind: Kind,
    line: Option<Line>,
    report: Option<Tie>,
    arrivals: Window,
    piece: Micros,
    slewing: bool,
    /// Moved as a whole so far.
    moved: Micros,
}

/// Time is position plus offset.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Last timestamp, and its position beyond 32 bits in ticks.
    timestamp: u32,
    ticks: i64,
    offset: Micros,
    /// Position up to which the stream was led back.
    led_to: Micros,
    settling_until: Option<Micros>,
    last_arrival: Micros,
}

/// A moment on both clocks.
#[derive(Debug, Clone, Copy)]
struct Tie {
    position: Micros,
    ntp: Micros,
    generation: u32,
}

impl Timeline {
    /// `rate` in ticks in a second.
    pub fn new(kind: Kind, rate: u32) -> Self {
        Self {
            rate: Micros::from(rate.max(1)),
            kind,
            line: None,
            report: None,
            arrivals: Window::default(),
            piece: 0,
            slewing: false,
            moved: 0,
        }
    }

    /// A packet has come. True if the stream's clock has jumped: times after it have nothing to do with those before.
    pub fn arrived(&mut self, at: Duration, timestamp: u32, sender: &SenderClock) -> bool {
        let at = micros(at);
        let Some(line) = self.line else {
            self.begin(at, timestamp);
            return false;
        };
        let ticks = line.ticks + i64::from(timestamp.wrapping_sub(line.timestamp).cast_signed());
        let position = self.position(ticks);
        let late = at - (position + line.offset);
        let after_silence = self.kind == Kind::Audio && at - line.last_arrival > SILENCE && late > STOPPED;
        if !(-EARLY..=LATE).contains(&late) || after_silence {
            self.jump(at, timestamp);
            return true;
        }
        if let Some(line) = &mut self.line {
            if ticks > line.ticks {
                (line.ticks, line.timestamp) = (ticks, timestamp);
            }
            line.last_arrival = at;
        }
        self.note_arrival(at, at - position);
        self.lead(position, sender);
        false
    }

    /// A sender report of this stream has come, and [`SenderClock::report`] has it.
    pub fn reported(&mut self, report: Report, sender: &SenderClock) {
        let Some(line) = self.line else { return };
        let ticks = line.ticks + i64::from(report.rtp.wrapping_sub(line.timestamp).cast_signed());
        let tie = Tie { position: self.position(ticks), ntp: ntp_micros(report.ntp), generation: sender.generation() };
        // A report from before a jump, or nonsense.
        let fits = offset(tie, sender).is_some_and(|offset| offset.abs_diff(line.offset) < LATE.unsigned_abs());
        self.report = Some(tie).filter(|_| fits);
        self.lead(self.position(line.ticks), sender);
    }

    /// When this was captured, in the tap's time but for [`Self::moved`]. None before the first packet.
    pub fn time(&self, timestamp: u32) -> Option<Micros> {
        let line = self.line?;
        let ticks = line.ticks + i64::from(timestamp.wrapping_sub(line.timestamp).cast_signed());
        Some(self.position(ticks) + line.offset - self.moved)
    }

    /// By how much all times so far have to be moved, as is known now.
    pub fn moved(&self) -> Micros {
        self.moved
    }

    fn position(&self, ticks: i64) -> Micros {
        let position = i128::from(ticks) * 1_000_000 / i128::from(self.rate);
        Micros::try_from(position).unwrap_or(Micros::MAX)
    }

    fn begin(&mut self, at: Micros, timestamp: u32) {
        let ticks = i64::from(timestamp);
        let offset = at - self.position(ticks);
        let settling_until = Some(at + SETTLING);
        let led_to = self.position(ticks);
        self.line = Some(Line { timestamp, ticks, offset, led_to, settling_until, last_arrival: at });
        self.note_arrival(at, offset);
    }

    fn jump(&mut self, at: Micros, timestamp: u32) {
        self.report = None;
        self.arrivals.clear();
        self.slewing = false;
        self.begin(at, timestamp);
        if let Some(line) = &mut self.line {
            line.settling_until = None;
        }
    }

    fn note_arrival(&mut self, at: Micros, offset: Micros) {
        if at / PIECE == self.piece {
            self.arrivals.lower_last(offset);
        } else {
            self.piece = at / PIECE;
            self.arrivals.add(offset);
        }
    }

    /// Leads the line to where it should be: at once while the stream settles, and slowly from then on.
    fn lead(&mut self, position: Micros, sender: &SenderClock) {
        let report = self.report.filter(|tie| tie.generation == sender.generation());
        let wanted = report.and_then(|tie| offset(tie, sender)).or_else(|| self.arrivals.smallest());
        let (Some(line), Some(wanted)) = (&mut self.line, wanted) else { return };
        let off = wanted - line.offset;
        let elapsed = (position - line.led_to).max(0);
        line.led_to = line.led_to.max(position);
        if line.settling_until.is_some_and(|until| line.last_arrival < until) {
            line.offset = wanted;
            self.moved += off;
            return;
        }
        self.slewing = off.abs() > if self.slewing { CLOSE } else { TOLERANCE };
        if self.slewing {
            let most = elapsed / SLEW;
            line.offset += off.clamp(-most, most);
        }
    }
}

/// What to add to the stream's clock, as a report has it.
fn offset(tie: Tie, sender: &SenderClock) -> Option<Micros> {
    sender.offset().map(|delay| tie.ntp - tie.position + delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: u32 = 90_000;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn ntp(millis: u64) -> u64 {
        ((millis / 1000) << 32) | (((millis % 1000) << 32) / 1000)
    }

    /// When it was captured, as is known now, in milliseconds.
    fn captured(timeline: &Timeline, timestamp: u32) -> Micros {
        (timeline.time(timestamp).unwrap() + timeline.moved() + 500).div_euclid(1000)
    }

    #[test]
    fn the_fastest_packet_counts_before_reports_come() {
        let none = SenderClock::default();
        let mut timeline = Timeline::new(Kind::Video, VIDEO);
        timeline.arrived(ms(180), u32::MAX - 89, &none);
        assert_eq!(captured(&timeline, u32::MAX - 89), 180);
        timeline.arrived(ms(130), 3_000 - 90, &none);
        assert_eq!(captured(&timeline, 3_000 - 90), 130);
        assert_eq!(captured(&timeline, u32::MAX - 89), 97);
        assert_eq!(timeline.time(u32::MAX - 89).unwrap(), 180_000, "a file goes on as it began");
    }

    #[test]
    fn reports_tie_two_streams_of_a_participant_together() {
        let mut sender = SenderClock::default();
        let mut audio = Timeline::new(Kind::Audio, 48_000);
        let mut video = Timeline::new(Kind::Video, VIDEO);
        // Both captured at 1000 s of the sender's clock; it takes 20 ms and 220 ms.
        audio.arrived(ms(1020), 500, &sender);
        video.arrived(ms(1220), 70_000, &sender);
        sender.report(ms(1120), ntp(1_000_100));
        audio.reported(Report { ssrc: 1, ntp: ntp(1_000_100), rtp: 500 + 4_800 }, &sender);
        assert_eq!(captured(&audio, 500), 1020);
        assert_eq!(captured(&video, 70_000), 1220, "it is not known yet");
        sender.report(ms(1325), ntp(1_000_300));
        video.reported(Report { ssrc: 2, ntp: ntp(1_000_300), rtp: 70_000 + 27_000 }, &sender);
        assert_eq!(captured(&video, 70_000), 1020);
    }

    #[test]
    fn clocks_that_move_apart_are_led_back_slowly() {
        let mut sender = SenderClock::default();
        let mut timeline = Timeline::new(Kind::Audio, 48_000);
        // For an hour, the stream's clock is too fast by 200 millionths.
        let mut last = Micros::MIN;
        for second in 0..3600_u64 {
            let ticks = u32::try_from(second * 48_000 + second * 48_000 / 5_000).unwrap();
            timeline.arrived(ms(second * 1000 + 20), ticks, &sender);
            let time = timeline.time(ticks).unwrap();
            assert!(time > last);
            last = time;
            if second % 5 == 0 {
                sender.report(ms(second * 1000 + 20), ntp(7_000_000 + second * 1000));
                timeline.reported(Report { ssrc: 1, ntp: ntp(7_000_000 + second * 1000), rtp: ticks }, &sender);
            }
            let off = captured(&timeline, ticks) - Micros::try_from(second * 1000 + 20).unwrap();
            assert!(off.abs() <= 25, "off by {off} ms after {second} s");
        }
    }

    #[test]
    fn a_clock_that_stood_still_while_muted_goes_on_at_the_right_time() {
        let none = SenderClock::default();
        let mut timeline = Timeline::new(Kind::Audio, 48_000);
        assert!(!timeline.arrived(ms(0), 0, &none));
        assert!(!timeline.arrived(ms(20), 960, &none));
        assert!(timeline.arrived(ms(4_020), 1_920, &none));
        assert_eq!(captured(&timeline, 1_920), 4_020);
        assert!(!timeline.arrived(ms(9_040), 1_920 + 241_000, &none), "this one did not stand still");
        assert!(timeline.arrived(ms(9_060), 1_920 + 541_000, &none), "from the future");
        assert_eq!(captured(&timeline, 1_920 + 541_000), 9_060);
    }

    #[test]
    fn nonsense_in_reports_is_left_out() {
        let mut sender = SenderClock::default();
        let mut timeline = Timeline::new(Kind::Video, VIDEO);
        timeline.arrived(ms(1000), 0, &sender);
        sender.report(ms(1000), u64::MAX);
        timeline.reported(Report { ssrc: 1, ntp: u64::MAX, rtp: 1 << 31 }, &sender);
        assert_eq!(captured(&timeline, 0), 1000);
    }
}

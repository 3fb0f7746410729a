//! Who speaks: dominant speaker identification after Volfin and Cohen on RFC 6464 levels, with the constants of upstream
//! (jitsi-utils: DominantSpeakerIdentification.java), and the silence that is not worth forwarding.

use std::time::{Duration, Instant};

use super::packet::AudioLevel;

/// Levels are this far above the quietest ever heard before they count; also the width of a sub-unit of the range of 13.
const SUBUNIT: u8 = 10;
const IMMEDIATES_PER_MEDIUM: usize = 5;
const MEDIUMS_PER_LONG: usize = 10;
const LEVELS: usize = IMMEDIATES_PER_MEDIUM * MEDIUMS_PER_LONG;
/// An immediate above this is active.
const MEDIUM_THRESHOLD: u8 = 7;
/// A medium above this is active.
const LONG_THRESHOLD: u8 = 4;
/// What the logarithms of the score ratios must exceed: immediate, medium, long.
const C: [f64; 3] = [3.0, 2.0, 0.0];
const MIN_SCORE: f64 = 1.0e-10;
/// 15 s of 20 ms packets.
const MIN_LEVEL_WINDOW: u32 = 750;

const DECISION_INTERVAL: Duration = Duration::from_millis(300);
/// Without a packet for this long, a zero level is pushed, again and again in the same interval.
const LEVEL_IDLE: Duration = Duration::from_millis(40);
/// Forgotten after this long, unless dominant.
const SPEAKER_IDLE: Duration = Duration::from_secs(60 * 60);
/// Without any level for this long, no decisions are made until the next one.
const DECISIONS_IDLE: Duration = Duration::from_secs(15);

/// New levels weigh half in what makes a speaker loud.
const ENERGY_WEIGHT: u16 = 50;
/// Whoever was not heard for this long is not among the loudest.
const LOUDEST_EXPIRY: Duration = Duration::from_millis(150);
/// As many as can be told apart from the rest.
const MAX_LOUDEST: usize = 8;

/// Why [`Speakers`] wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The next decision is due.
    Decision,
}

/// The speakers of one conference; `K` names one.
#[derive(Debug)]
pub struct Speakers<K> {
    /// In order of appearance.
    speakers: Vec<Speaker<K>>,
    dominant: Option<K>,
    /// Loudest first: who, how loud, when last heard.
    loudest: heapless::Vec<(K, u16, Instant), MAX_LOUDEST>,
    most: usize,
    /// Levels of silent speakers fall on this grid of [`LEVEL_IDLE`] steps.
    grid: Instant,
    last_level: Option<Instant>,
    last_decision: Option<Instant>,
    next_decision: Option<Instant>,
}

impl<K: Copy + Eq> Speakers<K> {
    /// `most`: how many are the loudest, see [`Self::is_loud`].
    pub fn new(now: Instant, most: usize) -> Self {
        Self {
            speakers: Vec::new(),
            dominant: None,
            loudest: heapless::Vec::new(),
            most: most.min(MAX_LOUDEST),
            grid: now,
            last_level: None,
            last_decision: None,
            next_decision: None,
        }
    }

    /// A packet of this speaker came with this level, forwarded or not.
    pub fn on_level(&mut self, now: Instant, key: K, level: AudioLevel) {
        let tick = self.tick(now);
        let grid = self.grid;
        self.last_level = Some(now);
        if self.next_decision.is_none() {
            self.next_decision = Some(self.last_decision.map_or(now, |last| (last + DECISION_INTERVAL).max(now)));
        }
        let place = match self.speakers.iter().position(|speaker| speaker.key == key) {
            Some(place) => place,
            None => {
                self.speakers.push(Speaker::new(key, now, tick));
                self.speakers.len() - 1
            }
        };
        if let Some(speaker) = self.speakers.get_mut(place) {
            speaker.catch_up(grid, tick);
            speaker.last_level = now;
            speaker.push(127 - level.level.min(127));
            let energy = speaker.measure(127 - level.level.min(127));
            self.rank(now, key, energy);
        }
    }

    /// Puts a speaker into the list of the loudest; who came first stays first among equals.
    fn rank(&mut self, now: Instant, key: K, energy: u16) {
        self.loudest.retain(|(other, _, at)| *other != key && now.saturating_duration_since(*at) <= LOUDEST_EXPIRY);
        let at = self.loudest.iter().position(|(_, other, _)| *other < energy).unwrap_or(self.loudest.len());
        if at < self.most {
            self.loudest.truncate(self.most.saturating_sub(1));
            // There is room: one less than fit are left.
            let _ = self.loudest.insert(at, (key, energy, now));
        }
    }

    /// The dominant speaker, or one of the loudest.
    pub fn is_loud(&self, key: K) -> bool {
        self.dominant == Some(key) || self.loudest.iter().any(|(loud, _, _)| *loud == key)
    }

    /// The speaker left. If it was dominant, nobody is until the next decision.
    pub fn remove(&mut self, key: K) {
        self.speakers.retain(|speaker| speaker.key != key);
        self.loudest.retain(|(other, _, _)| *other != key);
        if self.dominant == Some(key) {
            self.dominant = None;
        }
    }

    pub fn dominant(&self) -> Option<K> {
        self.dominant
    }

    pub fn next_wakeup(&self) -> Option<(Instant, Wake)> {
        self.next_decision.map(|at| (at, Wake::Decision))
    }

    /// Decides if a decision is due. Answers the new dominant speaker if that changed.
    pub fn on_wakeup(&mut self, now: Instant) -> Option<K> {
        if self.next_decision.is_none_or(|at| at > now) {
            return None;
        }
        let (tick, grid) = (self.tick(now), self.grid);
        for speaker in &mut self.speakers {
            speaker.catch_up(grid, tick);
        }
        let dominant = self.dominant;
        self.speakers.retain(|speaker| {
            Some(speaker.key) == dominant || now.saturating_duration_since(speaker.last_level) <= SPEAKER_IDLE
        });
        self.last_decision = Some(now);
        let idle = self.last_level.is_none_or(|last| now.saturating_duration_since(last) >= DECISIONS_IDLE);
        self.next_decision = (!idle).then(|| now + DECISION_INTERVAL);
        let winner = self.decide()?;
        let changed = self.dominant != Some(winner);
        self.dominant = Some(winner);
        changed.then_some(winner)
    }

    fn decide(&mut self) -> Option<K> {
        if let [only] = self.speakers.as_slice() {
            return Some(only.key);
        }
        for speaker in &mut self.speakers {
            speaker.evaluate();
        }
        let incumbent =
            self.speakers.iter().find(|speaker| Some(speaker.key) == self.dominant).or(self.speakers.first())?;
        let mut winner = incumbent.key;
        let mut best = C[1];
        for challenger in self.speakers.iter().filter(|speaker| speaker.key != incumbent.key) {
            let [immediate, medium, long] = challenger.scores.against(&incumbent.scores);
            if immediate > C[0] && medium > C[1] && long > C[2] && medium > best {
                best = medium;
                winner = challenger.key;
            }
        }
        Some(winner)
    }

    /// How many grid steps have passed.
    fn tick(&self, now: Instant) -> u32 {
        let steps = now.saturating_duration_since(self.grid).as_millis() / LEVEL_IDLE.as_millis();
        u32::try_from(steps).unwrap_or(u32::MAX)
    }
}

#[derive(Debug)]
struct Speaker<K> {
    key: K,
    /// Newest first; 0 is silence, 127 the loudest.
    levels: [u8; LEVELS],
    immediates: [u8; LEVELS],
    mediums: [u8; MEDIUMS_PER_LONG],
    long: u8,
    /// The level of this speaker's silence; 0 as long as it is unknown.
    min_level: u8,
    next_min_level: u8,
    window: u32,
    scores: Scores,
    /// How loud of late, silence apart.
    energy: u16,
    last_level: Instant,
    /// The grid step up to which silence has been filled in.
    tick: u32,
}

#[derive(Debug, Clone, Copy)]
struct Scores {
    immediate: f64,
    medium: f64,
    long: f64,
}

impl Scores {
    fn against(&self, other: &Self) -> [f64; 3] {
        [(self.immediate / other.immediate).ln(), (self.medium / other.medium).ln(), (self.long / other.long).ln()]
    }
}

impl<K> Speaker<K> {
    fn new(key: K, now: Instant, tick: u32) -> Self {
        Self {
            key,
            levels: [0; LEVELS],
            immediates: [0; LEVELS],
            mediums: [0; MEDIUMS_PER_LONG],
            long: 0,
            min_level: 0,
            next_min_level: 0,
            window: 0,
            scores: Scores { immediate: MIN_SCORE, medium: MIN_SCORE, long: MIN_SCORE },
            energy: 0,
            last_level: now,
            tick,
        }
    }

    /// Pushes the zeros of the grid steps at which this speaker was idle; done late, so that nobody wakes for them.
    fn catch_up(&mut self, grid: Instant, tick: u32) {
        // More zeros than levels change nothing.
        let first = (self.tick + 1).max(tick.saturating_sub(u32::try_from(LEVELS).unwrap_or(0)));
        for step in first..=tick {
            if (grid + LEVEL_IDLE * step).saturating_duration_since(self.last_level) > LEVEL_IDLE {
                self.push(0);
            }
        }
        self.tick = tick;
    }

    fn push(&mut self, level: u8) {
        self.levels.rotate_right(1);
        if let Some(newest) = self.levels.first_mut() {
            *newest = level;
        }
        self.update_min_level(level);
    }

    fn measure(&mut self, level: u8) -> u16 {
        let heard = if level >= self.min_level.saturating_add(SUBUNIT) { u16::from(level) } else { 0 };
        self.energy = (ENERGY_WEIGHT * heard + (100 - ENERGY_WEIGHT) * self.energy + 50) / 100;
        self.energy
    }

    fn update_min_level(&mut self, level: u8) {
        if level == 0 {
            return;
        }
        if self.min_level == 0 || self.min_level > level {
            self.min_level = level;
            self.next_min_level = 0;
            self.window = 0;
            return;
        }
        if self.next_min_level == 0 {
            self.next_min_level = level;
            self.window = 1;
            return;
        }
        self.next_min_level = self.next_min_level.min(level);
        self.window += 1;
        if self.window >= MIN_LEVEL_WINDOW {
            let product = u32::from(self.min_level) * u32::from(self.next_min_level);
            self.min_level = u8::try_from(product.isqrt()).unwrap_or(127);
            self.next_min_level = 0;
            self.window = 0;
        }
    }

    /// The coarser scores change only if the finer intervals did, as upstream.
    fn evaluate(&mut self) {
        if !self.compute_immediates() {
            return;
        }
        self.scores.immediate = score(self.immediates.first().copied().unwrap_or(0), 13, 0.78);
        let mediums = count_active(&self.immediates, MEDIUM_THRESHOLD);
        if mediums == self.mediums {
            return;
        }
        self.mediums = mediums;
        self.scores.medium = score(self.mediums.first().copied().unwrap_or(0), 5, 24.0);
        let long = self.mediums.iter().fold(0, |count, medium| count + u8::from(*medium > LONG_THRESHOLD));
        if long != self.long {
            self.long = long;
            self.scores.long = score(long, 10, 47.0);
        }
    }

    fn compute_immediates(&mut self) -> bool {
        let silence = self.min_level.saturating_add(SUBUNIT);
        let mut changed = false;
        for (immediate, level) in self.immediates.iter_mut().zip(&self.levels) {
            let value = if *level < silence { 0 } else { *level / SUBUNIT };
            changed |= *immediate != value;
            *immediate = value;
        }
        changed
    }
}

fn count_active(immediates: &[u8; LEVELS], threshold: u8) -> [u8; MEDIUMS_PER_LONG] {
    let mut mediums = [0; MEDIUMS_PER_LONG];
    for (medium, block) in mediums.iter_mut().zip(immediates.chunks(IMMEDIATES_PER_MEDIUM)) {
        *medium = block.iter().fold(0, |count, immediate| count + u8::from(*immediate > threshold));
    }
    mediums
}

/// The speech activity score of `active` intervals out of `all`, with an even chance for each and decay `lambda`.
fn score(active: u8, all: u8, lambda: f64) -> f64 {
    let all_factor = (1..=all).skip(usize::from(all - active.min(all))).map(|n| f64::from(n).ln()).sum::<f64>();
    let active_factor = (1..=active.min(all)).map(|n| f64::from(n).ln()).sum::<f64>();
    let combinations = all_factor - active_factor;
    let score = combinations + f64::from(all) * 0.5f64.ln() - lambda.ln() + lambda * f64::from(active);
    score.max(MIN_SCORE)
}

/// Silent packets in a row that are forwarded: receivers' comfort noise settles on them.
const FORWARDED_SILENCE: u8 = 3;

/// Lets the first packets of digital silence pass and drops the rest: a muted microphone sends them for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct SilenceGate {
    silent: u8,
}

impl SilenceGate {
    /// Is this packet worth forwarding?
    pub fn accept(&mut self, level: AudioLevel) -> bool {
        if !level.is_silence() {
            self.silent = 0;
            return true;
        }
        let pass = self.silent < FORWARDED_SILENCE;
        self.silent = self.silent.saturating_add(1);
        pass
    }
}

/// Who falls out of the list of the loudest is heard for so much longer: words end softly.
const FADE: Duration = Duration::from_millis(400);
/// A client that hears nothing at all of somebody for 15 s makes the place for it anew (lib-jitsi-meet).
const LIFE_SIGN: Duration = Duration::from_secs(5);

/// Lets the loudest pass, and a packet of the others now and then.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoudnessGate {
    loud: Option<Instant>,
    passed: Option<Instant>,
}

impl LoudnessGate {
    /// Is this packet worth forwarding?
    pub fn accept(&mut self, now: Instant, loud: bool) -> bool {
        if loud {
            self.loud = Some(now);
        }
        let lately = |at: Option<Instant>, span| at.is_some_and(|at| now.saturating_duration_since(at) < span);
        let pass = lately(self.loud, FADE) || !lately(self.passed, LIFE_SIGN);
        if pass {
            self.passed = Some(now);
        }
        pass
    }
}

#[cfg(test)]
mod tests;

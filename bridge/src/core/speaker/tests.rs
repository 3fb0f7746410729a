use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

fn ms(epoch: Instant, ms: u64) -> Instant {
    epoch + Duration::from_millis(ms)
}

fn level(level: u8) -> AudioLevel {
    AudioLevel { voice: level < 60, level }
}

/// The algorithm once more, the slow way: a clock of 1 ms, binomials by multiplication, every score computed every time.
struct Reference {
    speakers: Vec<(u32, [i32; 50], i32, i32, u32, u64)>,
    dominant: Option<u32>,
    last_decision: Option<u64>,
}

impl Reference {
    fn level(&mut self, now: u64, key: u32, cooked: i32) {
        if !self.speakers.iter().any(|speaker| speaker.0 == key) {
            self.speakers.push((key, [0; 50], 0, 0, 0, now));
        }
        let speaker = self.speakers.iter_mut().find(|speaker| speaker.0 == key).unwrap();
        speaker.5 = now;
        Self::push(speaker, cooked);
    }

    fn push(speaker: &mut (u32, [i32; 50], i32, i32, u32, u64), cooked: i32) {
        speaker.1.copy_within(0..49, 1);
        speaker.1[0] = cooked;
        if cooked == 0 {
            return;
        }
        if speaker.2 == 0 || speaker.2 > cooked {
            (speaker.2, speaker.3, speaker.4) = (cooked, 0, 0);
        } else if speaker.3 == 0 {
            (speaker.3, speaker.4) = (cooked, 1);
        } else {
            speaker.3 = speaker.3.min(cooked);
            speaker.4 += 1;
            if speaker.4 >= 750 {
                speaker.2 = (1..128).take_while(|root| root * root <= speaker.2 * speaker.3).last().unwrap();
                (speaker.3, speaker.4) = (0, 0);
            }
        }
    }

    fn scores(speaker: &(u32, [i32; 50], i32, i32, u32, u64)) -> [f64; 3] {
        let immediates = speaker.1.map(|level| if level < speaker.2 + 10 { 0 } else { level / 10 });
        let mediums: Vec<_> = immediates.chunks(5).map(|block| block.iter().filter(|v| **v > 7).count()).collect();
        let long = mediums.iter().filter(|v| **v > 4).count();
        let one = |v: usize, n: usize, lambda: f64| {
            let binomial = (0..v).fold(1.0, |product, k| product * (n - k) as f64 / (k + 1) as f64);
            (binomial.ln() + n as f64 * 0.5f64.ln() - lambda.ln() + lambda * v as f64).max(1e-10)
        };
        [one(usize::try_from(immediates[0]).unwrap(), 13, 0.78), one(mediums[0], 5, 24.0), one(long, 10, 47.0)]
    }

    fn tick(&mut self, now: u64) -> Option<u32> {
        if now.is_multiple_of(40) && now > 0 {
            for speaker in &mut self.speakers {
                if now - speaker.5 > 40 {
                    Self::push(speaker, 0);
                }
            }
        }
        if self.speakers.is_empty() || self.last_decision.is_some_and(|last| now - last < 300) {
            return None;
        }
        self.last_decision = Some(now);
        let incumbent = self.dominant.unwrap_or(self.speakers[0].0);
        let mut winner = incumbent;
        let own = Self::scores(self.speakers.iter().find(|speaker| speaker.0 == incumbent).unwrap());
        let mut best = 2.0;
        for speaker in &self.speakers {
            let scores = Self::scores(speaker);
            let c: Vec<_> = scores.iter().zip(own).map(|(theirs, own)| (theirs / own).ln()).collect();
            if speaker.0 != incumbent && c[0] > 3.0 && c[1] > best && c[2] > 0.0 {
                (winner, best) = (speaker.0, c[1]);
            }
        }
        let changed = self.dominant != Some(winner);
        self.dominant = Some(winner);
        changed.then_some(winner)
    }
}

#[test]
fn checklist_101_decisions_equal_those_of_the_reference_on_random_conversations() {
    let mut switches = 0;
    for seed in 0..8 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let epoch = Instant::now();
        let mut speakers = Speakers::new(epoch, 3);
        let mut reference = Reference { speakers: Vec::new(), dominant: None, last_decision: None };
        let (mut talking, mut loud) = ([false; 5], [20u8; 5]);
        for now in 0..60_000u64 {
            if now.is_multiple_of(20) {
                for key in 0..5u32 {
                    let place = usize::try_from(key).unwrap();
                    if rng.next_u32().is_multiple_of(120) {
                        talking[place] = rng.next_u32().is_multiple_of(3);
                        loud[place] = u8::try_from(rng.next_u32() % 30 + 5).unwrap();
                    }
                    // A listener sends quiet noise, sometimes nothing; words have pauses.
                    let noise = u8::try_from(rng.next_u32() % 15).unwrap();
                    let level_now =
                        if talking[place] && rng.next_u32() % 8 > 0 { loud[place] + noise } else { 80 + noise };
                    if talking[place] || key % 2 == 0 {
                        speakers.on_level(ms(epoch, now), key, level(level_now));
                        reference.level(now, key, 127 - i32::from(level_now));
                    }
                }
            }
            let ours = speakers.on_wakeup(ms(epoch, now));
            let theirs = reference.tick(now);
            assert_eq!(ours, theirs, "seed {seed} at {now} ms");
            switches += usize::from(ours.is_some());
        }
    }
    assert!(switches > 30, "{switches} switches prove little");
}

/// Feeds one speaker after the other and answers who is dominant after each.
fn talk(speakers: &mut Speakers<u32>, epoch: Instant, from: u64, until: u64, who: u32, others: &[u32]) -> Option<u32> {
    for now in (from..until).step_by(20) {
        speakers.on_level(ms(epoch, now), who, level(if now % 7 == 0 { 25 } else { 20 }));
        for other in others {
            speakers.on_level(ms(epoch, now), *other, level(90));
        }
        speakers.on_wakeup(ms(epoch, now));
    }
    speakers.dominant()
}

#[test]
fn the_one_who_talks_becomes_dominant_and_a_cough_changes_nothing() {
    let epoch = Instant::now();
    let mut speakers = Speakers::new(epoch, 3);
    talk(&mut speakers, epoch, 0, 500, 9, &[]);
    // Quiet first, so that everybody's silence is known.
    for now in (500..1500).step_by(20) {
        for key in [1, 2, 9] {
            speakers.on_level(ms(epoch, now), key, level(90));
        }
        speakers.on_wakeup(ms(epoch, now));
    }
    assert_eq!(talk(&mut speakers, epoch, 1500, 4000, 1, &[2, 9]), Some(1));
    assert_eq!(talk(&mut speakers, epoch, 4000, 4060, 2, &[1, 9]), Some(1));
    assert_eq!(talk(&mut speakers, epoch, 4060, 4500, 1, &[2, 9]), Some(1));
    assert_eq!(talk(&mut speakers, epoch, 4500, 7500, 2, &[1, 9]), Some(2));
}

#[test]
fn the_only_speaker_is_dominant_and_one_who_left_is_not() {
    let epoch = Instant::now();
    let mut speakers = Speakers::new(epoch, 3);
    assert_eq!((speakers.next_wakeup(), speakers.on_wakeup(epoch)), (None, None));
    speakers.on_level(epoch, 5, level(127));
    assert_eq!(speakers.next_wakeup(), Some((epoch, Wake::Decision)));
    assert_eq!(speakers.on_wakeup(epoch), Some(5));
    assert_eq!(speakers.on_wakeup(ms(epoch, 300)), None, "no change is no event");
    speakers.on_level(ms(epoch, 310), 6, level(127));
    speakers.remove(5);
    assert_eq!(speakers.dominant(), None);
    assert_eq!(speakers.on_wakeup(ms(epoch, 600)), Some(6));
}

#[test]
fn checklist_113_without_levels_it_sleeps_after_15_s_and_wakes_with_the_next() {
    let epoch = Instant::now();
    let mut speakers = Speakers::new(epoch, 3);
    speakers.on_level(epoch, 5, level(20));
    let mut wakeups = 0;
    while let Some((at, _)) = speakers.next_wakeup() {
        speakers.on_wakeup(at);
        wakeups += 1;
    }
    assert_eq!(wakeups, 51);
    speakers.on_level(ms(epoch, 100_000), 5, level(20));
    assert_eq!(speakers.next_wakeup(), Some((ms(epoch, 100_000), Wake::Decision)));
}

#[test]
fn an_idle_speaker_is_forgotten_after_an_hour_unless_dominant() {
    let epoch = Instant::now();
    let mut speakers = Speakers::new(epoch, 3);
    speakers.on_level(epoch, 1, level(20));
    speakers.on_wakeup(epoch);
    for key in [2, 3] {
        speakers.on_level(ms(epoch, 10), key, level(90));
    }
    let later = ms(epoch, 3_600_100);
    speakers.on_level(later, 3, level(90));
    speakers.on_wakeup(later);
    assert_eq!(speakers.speakers.iter().map(|speaker| speaker.key).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn checklist_69_three_silent_packets_pass_and_sound_opens_the_gate() {
    let mut gate = SilenceGate::default();
    let passed: Vec<_> = (0..300).map(|_| gate.accept(level(127))).collect();
    assert_eq!(passed.iter().filter(|pass| **pass).count(), 3);
    assert!(passed[..3].iter().all(|pass| *pass));
    assert!(gate.accept(level(126)));
    assert!(gate.accept(level(127)));
}

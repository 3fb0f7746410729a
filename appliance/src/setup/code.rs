//! The code on the screen.
//!
//! Six digits are enough because so few can be tried. A code takes [`TRIES`] wrong tries, from all addresses together, and is void
//! then; the next one is made after a pause that doubles from a minute to an hour; and after [`CODES`] codes that were guessed at in
//! vain there is none until somebody stands by the box, who presses its button or starts it anew. Whoever guesses as fast as that
//! allows has 100 tries at a million possibilities: one chance in ten thousand, which takes fifteen hours of a box that nobody sets
//! up meanwhile, and whose console is full of new codes. More digits would only make it harder for those who read them off a screen.
//!
//! A neighbour who guesses keeps the owner waiting. That is the price of counting all addresses together, and it has a remedy: the
//! button. Counting each by itself would have none, because in a network of one's own addresses cost nothing.

use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

pub(crate) const DIGITS: usize = 6;
const GOOD_FOR: Duration = Duration::from_secs(10 * 60);
const TRIES: u32 = 5;
const CODES: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What is on the screen, and what has been tried.
#[derive(Default)]
pub(crate) struct ScreenCode {
    shown: Option<Shown>,
    /// Codes that were guessed at in vain.
    void: u32,
    /// No code before.
    pause: Option<Instant>,
}

struct Shown {
    digits: [u8; DIGITS],
    until: Instant,
    left: u32,
}

/// Why there is no code, or a code was not it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// So many tries are left.
    Code(u32),
    /// The code has just been used up, or was before.
    Pause(Duration),
    /// It is on the screen no longer; there may be another one.
    Gone,
    /// Somebody has to stand by the box.
    Exhausted,
}

impl ScreenCode {
    /// Makes sure that one is on the screen. The text is what has to be shown, if it is a new one.
    pub(crate) fn show(&mut self, now: Instant, random: &mut ChaCha20Rng) -> Result<(Duration, Option<String>), Wrong> {
        if self.void >= CODES {
            return Err(Wrong::Exhausted);
        }
        if let Some(pause) = self.pause.and_then(|until| left(now, until)) {
            return Err(Wrong::Pause(pause));
        }
        if let Some(left) = self.shown.as_ref().and_then(|shown| left(now, shown.until)) {
            return Ok((left, None));
        }
        let digits = digits(random);
        self.shown = Some(Shown { digits, until: now + GOOD_FOR, left: TRIES });
        Ok((GOOD_FOR, Some(digits.map(char::from).iter().collect())))
    }

    /// Is it that? If so, it is used up.
    pub(crate) fn take(&mut self, now: Instant, text: &str) -> Result<(), Wrong> {
        if self.void >= CODES {
            return Err(Wrong::Exhausted);
        }
        if let Some(pause) = self.pause.and_then(|until| left(now, until)) {
            return Err(Wrong::Pause(pause));
        }
        let Some(shown) = self.shown.as_mut().filter(|shown| now < shown.until) else { return Err(Wrong::Gone) };
        if verify_slices_are_equal(&shown.digits, text.as_bytes()).is_ok() {
            *self = Self::default();
            return Ok(());
        }
        shown.left = shown.left.saturating_sub(1);
        if shown.left > 0 {
            return Err(Wrong::Code(shown.left));
        }
        self.shown = None;
        self.void = self.void.saturating_add(1);
        if self.void >= CODES {
            return Err(Wrong::Exhausted);
        }
        let pause = SHORTEST_PAUSE.saturating_mul(1 << (self.void - 1).min(10)).min(LONGEST_PAUSE);
        self.pause = Some(now + pause);
        Err(Wrong::Pause(pause))
    }
}

fn left(now: Instant, until: Instant) -> Option<Duration> {
    Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
}

/// All codes are as likely as each other, but for one part in 10^13.
fn digits(random: &mut ChaCha20Rng) -> [u8; DIGITS] {
    let mut number = random.next_u64();
    [(); DIGITS].map(|()| {
        let digit = b"0123456789".get(usize::try_from(number % 10).unwrap_or(0)).copied().unwrap_or(b'0');
        number /= 10;
        digit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    fn random() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }

    fn other(code: &str) -> String {
        code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
    }

    #[test]
    fn a_code_is_shown_for_ten_minutes_and_works_once() {
        let (mut code, mut random, now) = (ScreenCode::default(), random(), Instant::now());
        let (left, text) = code.show(now, &mut random).unwrap();
        let text = text.unwrap();
        assert!(text.len() == 6 && text.bytes().all(|digit| digit.is_ascii_digit()) && left == GOOD_FOR);
        let later = now + Duration::from_secs(599);
        assert_eq!(code.show(later, &mut random).unwrap(), (Duration::from_secs(1), None), "it is the same one");
        assert_eq!(code.take(later, &text), Ok(()));
        assert_eq!(code.take(later, &text), Err(Wrong::Gone));
        let next = code.show(later, &mut random).unwrap().1.unwrap();
        assert_ne!(next, text);
        assert_eq!(code.take(later + GOOD_FOR, &next), Err(Wrong::Gone), "too late");
    }

    #[test]
    fn five_wrong_tries_make_a_code_void_and_pauses_grow() {
        let (mut code, mut random, mut now) = (ScreenCode::default(), random(), Instant::now());
        let mut pauses = Vec::new();
        let tries = (0..1000).take_while(|_| {
            let text = match code.show(now, &mut random) {
                Ok((_, Some(text))) => other(&text),
                Ok((_, None)) => "wrong".to_owned(),
                Err(Wrong::Pause(pause)) => {
                    assert_eq!(code.take(now, "000000"), Err(Wrong::Pause(pause)), "no try counts in a pause");
                    pauses.push(pause.as_secs());
                    now += pause;
                    return true;
                }
                Err(_) => return false,
            };
            assert!(code.take(now, &text).is_err());
            true
        });
        assert_eq!(tries.count() - pauses.len(), 100, "so many tries in all");
        assert_eq!(pauses[..8], [60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(code.take(now + Duration::from_secs(1 << 30), "000000"), Err(Wrong::Exhausted));
    }

    #[test]
    fn whoever_is_wrong_is_told_how_many_tries_are_left() {
        let (mut code, mut random, now) = (ScreenCode::default(), random(), Instant::now());
        let text = code.show(now, &mut random).unwrap().1.unwrap();
        for (wrong, said) in [("", 4), ("1", 3), (&*other(&text), 2), (&*format!("{text} "), 1)] {
            assert_eq!(code.take(now, wrong), Err(Wrong::Code(said)));
        }
        assert_eq!(code.take(now, &text), Ok(()));
        let text = code.show(now, &mut random).unwrap().1.unwrap();
        assert_eq!(code.take(now, &other(&text)), Err(Wrong::Code(4)), "everything begins anew");
    }
}

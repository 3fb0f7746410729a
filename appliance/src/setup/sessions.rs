//! Who has shown that the box may be set up by them. Nothing of it outlives the process.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

/// Since the last request.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// Since its beginning.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);
/// The one that was silent longest goes.
const MOST: usize = 8;

/// Sessions, by the digest of their token: whoever reads our memory gets none.
#[derive(Default)]
pub(crate) struct Sessions(VecDeque<Session>);

struct Session {
    digest: Vec<u8>,
    since: Instant,
    last: Instant,
}

impl Sessions {
    /// 32 random bytes, in hexadecimal digits.
    pub(crate) fn begin(&mut self, now: Instant, random: &mut ChaCha20Rng) -> String {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.clean(now);
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Session { digest: hashed(&token), since: now, last: now });
        token
    }

    /// Is it one? If so, it goes on.
    pub(crate) fn resume(&mut self, now: Instant, token: &str) -> bool {
        self.clean(now);
        let digest = hashed(token);
        let place = self.0.iter().position(|session| verify_slices_are_equal(&session.digest, &digest).is_ok());
        let Some(session) = place.and_then(|place| self.0.remove(place)) else { return false };
        self.0.push_back(Session { last: now, ..session });
        true
    }

    /// Nobody goes on.
    pub(crate) fn end(&mut self) {
        self.0.clear();
    }

    fn clean(&mut self, now: Instant) {
        self.0.retain(|session| now < session.last + IDLE && now < session.since + LONGEST);
    }
}

fn hashed(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let (mut sessions, mut random, now) = (Sessions::default(), ChaCha20Rng::from_seed([1; 32]), Instant::now());
        let token = sessions.begin(now, &mut random);
        assert_eq!(token.len(), 64);
        assert!(!sessions.resume(now, "") && !sessions.resume(now, &token.replace(['a', 'b'], "c")));
        let minute = Duration::from_secs(60);
        for minutes in [29, 58, 87, 116] {
            assert!(sessions.resume(now + minute * minutes, &token), "{minutes}");
        }
        assert!(!sessions.resume(now + LONGEST, &token));
        let token = sessions.begin(now, &mut random);
        assert!(!sessions.resume(now + IDLE, &token));
    }

    #[test]
    fn there_are_few_and_the_silent_one_goes_first() {
        let (mut sessions, mut random, now) = (Sessions::default(), ChaCha20Rng::from_seed([1; 32]), Instant::now());
        let tokens: Vec<String> = (0..MOST).map(|_| sessions.begin(now, &mut random)).collect();
        assert!(sessions.resume(now, &tokens[0]));
        sessions.begin(now, &mut random);
        assert!(sessions.resume(now, &tokens[0]) && !sessions.resume(now, &tokens[1]));
        sessions.end();
        assert!(!sessions.resume(now, &tokens[0]));
    }
}

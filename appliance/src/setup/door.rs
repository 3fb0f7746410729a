//! Who may set up the box. Pure: the time is passed in, randomness comes from a seed.
//!
//! The first one comes in by the code on the screen, which shows that they stand by the box; later ones by the password that the first
//! one chose. A button at the box, held for some seconds, lets somebody in by a code once more. Nobody comes in from the internet.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::code::{ScreenCode, Wrong};
use super::guesses::Guesses;
use super::near::is_near;
use super::password::Kept;
use super::sessions::Sessions;

/// So long a code is asked for after the button was held.
const REOPENED: Duration = Duration::from_secs(15 * 60);

pub(crate) struct Door {
    random: ChaCha20Rng,
    code: ScreenCode,
    guesses: Guesses,
    sessions: Sessions,
    password: Option<Kept>,
    reopened: Option<Instant>,
}

/// What the door asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Code {
        left: Duration,
        /// To be shown, because it is another one than before.
        new: Option<String>,
    },
    Password,
}

/// Why somebody does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// From the internet.
    Far,
    Code(Wrong),
    Password,
    /// Too many passwords were tried.
    Wait(Duration),
    /// No session, or no longer.
    Session,
    /// It goes by the other way just now.
    OtherWay,
}

impl Door {
    pub(crate) fn new(seed: [u8; 32], password: Option<Kept>) -> Self {
        Self {
            random: ChaCha20Rng::from_seed(seed),
            code: ScreenCode::default(),
            guesses: Guesses::default(),
            sessions: Sessions::default(),
            password,
            reopened: None,
        }
    }

    pub(crate) fn is_set_up(&self) -> bool {
        self.password.is_some()
    }

    /// What this one has to show. It puts a code on the screen if need be.
    pub(crate) fn look(&mut self, now: Instant, from: IpAddr) -> Result<Way, Refusal> {
        if !is_near(from) {
            return Err(Refusal::Far);
        }
        if !self.asks_for_code(now) {
            return Ok(Way::Password);
        }
        let (left, new) = self.code.show(now, &mut self.random).map_err(Refusal::Code)?;
        Ok(Way::Code { left, new })
    }

    /// A session for the code on the screen.
    pub(crate) fn enter_by_code(&mut self, now: Instant, from: IpAddr, code: &str) -> Result<String, Refusal> {
        if !is_near(from) {
            return Err(Refusal::Far);
        }
        if !self.asks_for_code(now) {
            return Err(Refusal::OtherWay);
        }
        self.code.take(now, code).map_err(Refusal::Code)?;
        self.reopened = None;
        Ok(self.sessions.begin(now, &mut self.random))
    }

    /// What a password has to be compared with, which takes its time; then see [`Self::enter_by_password`].
    pub(crate) fn try_password(&mut self, now: Instant, from: IpAddr) -> Result<Kept, Refusal> {
        if !is_near(from) {
            return Err(Refusal::Far);
        }
        let kept = self.password.clone().ok_or(Refusal::OtherWay)?;
        self.guesses.count(now, from).map_err(Refusal::Wait)?;
        Ok(kept)
    }

    /// A session for a password that was right, unless there is another one by now.
    pub(crate) fn enter_by_password(
        &mut self,
        now: Instant,
        from: IpAddr,
        right: Option<&Kept>,
    ) -> Result<String, Refusal> {
        if right.is_none() || right != self.password.as_ref() {
            return Err(Refusal::Password);
        }
        self.guesses.forgive(from);
        Ok(self.sessions.begin(now, &mut self.random))
    }

    /// Is this one in already?
    pub(crate) fn resume(&mut self, now: Instant, from: IpAddr, token: &str) -> Result<(), Refusal> {
        if !is_near(from) {
            return Err(Refusal::Far);
        }
        if self.sessions.resume(now, token) { Ok(()) } else { Err(Refusal::Session) }
    }

    pub(crate) fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.random.fill_bytes(&mut salt);
        salt
    }

    /// From now on the box is set up. Whoever came in by the password before is out; this one stays, by a session of its own.
    pub(crate) fn change_password(&mut self, now: Instant, password: Kept) -> String {
        self.password = Some(password);
        self.sessions.end();
        self.sessions.begin(now, &mut self.random)
    }

    /// The button at the box was held: a code is good once more, for a while. The password stays until there is another one.
    pub(crate) fn reopen(&mut self, now: Instant) {
        self.code = ScreenCode::default();
        self.reopened = Some(now + REOPENED);
    }

    fn asks_for_code(&self, now: Instant) -> bool {
        self.password.is_none() || self.reopened.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 7));
    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8));

    fn door() -> (Door, Instant) {
        (Door::new([3; 32], None), Instant::now())
    }

    fn code(door: &mut Door, now: Instant) -> String {
        match door.look(now, NEAR).unwrap() {
            Way::Code { new: Some(code), .. } => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_one_comes_in_by_the_code_and_later_ones_by_the_password() {
        let (mut door, now) = door();
        let code = code(&mut door, now);
        assert_eq!(door.enter_by_code(now, NEAR, "000"), Err(Refusal::Code(Wrong::Code(4))));
        let first = door.enter_by_code(now, NEAR, &code).unwrap();
        assert_eq!(door.resume(now, NEAR, &first), Ok(()));
        assert!(!door.is_set_up());
        let kept = Kept::of("correct horse battery", &door.salt());
        let next = door.change_password(now, kept.clone());
        assert!(door.is_set_up());
        assert_eq!(door.resume(now, NEAR, &first), Err(Refusal::Session));
        assert_eq!(door.resume(now, NEAR, &next), Ok(()));
        assert_eq!(door.look(now, NEAR), Ok(Way::Password));
        assert_eq!(door.enter_by_code(now, NEAR, "000000"), Err(Refusal::OtherWay));
        let tried = door.try_password(now, NEAR).unwrap();
        assert_eq!(door.enter_by_password(now, NEAR, None), Err(Refusal::Password));
        assert!(door.enter_by_password(now, NEAR, Some(&tried)).is_ok());
        door.change_password(now, Kept::of("another horse battery", &[1; 16]));
        assert_eq!(door.enter_by_password(now, NEAR, Some(&kept)), Err(Refusal::Password), "it was changed meanwhile");
    }

    #[test]
    fn nobody_comes_in_from_the_internet_and_no_code_is_shown_for_them() {
        let (mut door, now) = door();
        assert_eq!(door.look(now, FAR), Err(Refusal::Far));
        let code = code(&mut door, now);
        assert_eq!(door.enter_by_code(now, FAR, &code), Err(Refusal::Far));
        let session = door.enter_by_code(now, NEAR, &code).unwrap();
        assert_eq!(door.resume(now, FAR, &session), Err(Refusal::Far));
        let kept = Kept::of("correct horse battery", &[1; 16]);
        door.change_password(now, kept);
        assert_eq!(door.try_password(now, FAR), Err(Refusal::Far));
    }

    #[test]
    fn the_button_lets_somebody_in_by_a_code_once_more() {
        let (_, now) = door();
        let mut door = Door::new([3; 32], Some(Kept::of("correct horse battery", &[1; 16])));
        assert_eq!(door.look(now, NEAR), Ok(Way::Password));
        door.reopen(now);
        let code = code(&mut door, now);
        assert!(door.try_password(now, NEAR).is_ok(), "the password is still good");
        assert!(door.enter_by_code(now, NEAR, &code).is_ok());
        assert_eq!(door.look(now, NEAR), Ok(Way::Password), "once");
        door.reopen(now);
        assert_eq!(door.look(now + REOPENED, NEAR), Ok(Way::Password), "not for long");
        assert!(door.is_set_up());
    }

    #[test]
    fn guesses_of_the_password_are_limited() {
        let (_, now) = door();
        let mut door = Door::new([3; 32], Some(Kept::of("correct horse battery", &[1; 16])));
        assert!(door.try_password(now, NEAR).is_ok());
        assert!(matches!(door.try_password(now, NEAR), Err(Refusal::Wait(_))));
    }
}

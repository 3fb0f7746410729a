//! Work that may never come back.
//!
//! A driver can hang in any call, also in the one that closes it, and nothing can end a thread that is inside. So what touches
//! an encoder runs on a thread of its own; if it does not come back in time, the thread is left behind with all it holds, and
//! the encoder is not used again.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// What became of the work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Done(T),
    /// There is a result, but clearing up did not end.
    NotReleased(T),
    /// It does not come back.
    Hung,
}

/// Does work that sends its result, then clears up. The result may take as long as `limit`, clearing up `release` more.
pub(crate) fn bounded<T, F>(limit: Duration, release: Duration, work: F) -> Outcome<T>
where
    T: Send + 'static,
    F: FnOnce(&Sender<T>) + Send + 'static,
{
    let (answer, answers) = mpsc::channel();
    // Without a thread nothing is tried: as if it did not answer.
    if thread::Builder::new().name("encoder-probe".to_owned()).spawn(move || work(&answer)).is_err() {
        return Outcome::Hung;
    }
    let Ok(result) = answers.recv_timeout(limit) else { return Outcome::Hung };
    // The other end is dropped when the work is over.
    match answers.recv_timeout(release) {
        Err(RecvTimeoutError::Disconnected) => Outcome::Done(result),
        Ok(_) | Err(RecvTimeoutError::Timeout) => Outcome::NotReleased(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn work_that_ends_gives_its_result() {
        assert_eq!(bounded(LONG, LONG, |answer| answer.send(7).unwrap()), Outcome::Done(7));
    }

    #[test]
    fn work_that_hangs_is_left_behind() {
        let (release, never) = channel::<()>();
        assert_eq!(
            bounded(SHORT, LONG, move |answer: &Sender<u8>| {
                let _ = never.recv();
                let _ = answer.send(7);
            }),
            Outcome::Hung
        );
        drop(release);
    }

    #[test]
    fn work_that_does_not_let_go_gives_its_result_all_the_same() {
        let (release, never) = channel::<()>();
        assert_eq!(
            bounded(LONG, SHORT, move |answer| {
                answer.send(7).unwrap();
                let _ = never.recv();
            }),
            Outcome::NotReleased(7)
        );
        drop(release);
    }

    #[test]
    fn work_that_ends_without_a_result_counts_as_hung() {
        assert_eq!(bounded(LONG, LONG, |_: &Sender<u8>| {}), Outcome::Hung);
    }
}

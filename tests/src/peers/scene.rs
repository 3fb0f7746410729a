//! Who is there and what they send.

use crate::bot::sender::Load;
use std::fmt;
use std::time::Duration;

/// Who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum People {
    /// One sends to so many.
    OneTo(u32),
    /// So many send to each other.
    Meeting(u32),
}

/// How publishers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// 200 packets a second, evenly.
    Singles,
    /// 1000 packets a second, six at a time.
    Trains,
    /// Three encodings of a camera and a microphone.
    Cameras,
}

/// One load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scene {
    pub people: People,
    pub shape: Shape,
}

/// Packets at regular times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub every: Duration,
    /// Packets that go out together.
    pub burst: usize,
    /// Packets of one picture.
    pub frame: usize,
    /// Bytes of each, descriptor included.
    pub payload: usize,
}

/// The receivers look at the lowest of the encodings, which are sent all the time.
pub const ENCODINGS: usize = 3;
/// Of those who only receive.
pub const NOTHING: Load = Load { audio: false, encodings: 0, frames_per_second: 1, packets_per_frame: 0, payload: 0 };

impl People {
    /// Everybody: one more than the receivers, where only one sends.
    pub fn count(self) -> u32 {
        match self {
            Self::OneTo(receivers) => receivers + 1,
            Self::Meeting(count) => count,
        }
    }

    /// Of these, how many send.
    pub fn senders(self) -> u32 {
        match self {
            Self::OneTo(_) => 1,
            Self::Meeting(count) => count,
        }
    }

    /// How often a packet that everybody wants is delivered.
    pub fn copies(self) -> u32 {
        self.count() - 1
    }

    /// What the person of this number, from 1, has: the first ones send.
    pub fn sources(self, number: u32) -> Load {
        match self {
            _ if number > self.senders() => NOTHING,
            Self::OneTo(_) => Load { encodings: 1, ..NOTHING },
            Self::Meeting(_) => Load { audio: true, encodings: ENCODINGS, ..NOTHING },
        }
    }

    /// The loads that are put on these people, one after the other.
    pub fn scenes(self) -> Vec<Scene> {
        let shapes: &[Shape] = match self {
            Self::OneTo(_) => &[Shape::Singles, Shape::Trains],
            Self::Meeting(_) => &[Shape::Cameras],
        };
        shapes.iter().map(|shape| Scene { people: self, shape: *shape }).collect()
    }
}

impl Shape {
    /// Of a camera's encoding, counted from the lowest.
    pub fn video(self, encoding: usize) -> Pace {
        let ms = Duration::from_millis;
        match self {
            Self::Singles => Pace { every: ms(5), burst: 1, frame: 8, payload: 1100 },
            Self::Trains => Pace { every: ms(6), burst: 6, frame: 36, payload: 1100 },
            Self::Cameras => {
                let packets = 2 << encoding;
                Pace { every: ms(50), burst: packets, frame: packets, payload: 1000 }
            }
        }
    }

    /// Of a microphone.
    pub fn audio() -> Pace {
        Pace { every: Duration::from_millis(20), burst: 1, frame: 1, payload: 80 }
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.people, self.shape) {
            (People::OneTo(count), Shape::Singles) => write!(f, "1 to {count}, single packets"),
            (People::OneTo(count), _) => write!(f, "1 to {count}, trains of 6"),
            (People::Meeting(count), _) => write!(f, "meeting of {count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trains_carry_a_thousand_packets_a_second_and_singles_two_hundred() {
        let rate = |pace: Pace| pace.burst as f64 / pace.every.as_secs_f64();
        assert_eq!(rate(Shape::Singles.video(0)).round(), 200.0);
        assert_eq!(rate(Shape::Trains.video(0)).round(), 1000.0);
        let cameras: Vec<f64> = (0..ENCODINGS).map(|encoding| rate(Shape::Cameras.video(encoding)).round()).collect();
        assert_eq!(cameras, [40.0, 80.0, 160.0]);
    }

    #[test]
    fn where_one_sends_all_others_have_nothing_to_send() {
        let people = People::OneTo(10);
        assert_eq!((people.count(), people.copies()), (11, 10));
        assert_eq!(people.sources(1).encodings, 1);
        assert!((2..=11).all(|number| people.sources(number).encodings == 0 && !people.sources(number).audio));
    }

    #[test]
    fn in_a_meeting_everybody_sends_and_gets_all_others() {
        let people = People::Meeting(10);
        assert_eq!((people.count(), people.senders(), people.copies()), (10, 10, 9));
        assert!((1..=10).all(|number| people.sources(number).encodings == ENCODINGS && people.sources(number).audio));
    }
}

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
    /// Meetings of so many, of whom a few are heard and seen.
    Rooms { rooms: u32, each: u32 },
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
    /// Of a camera the encoding that somebody looks at, and a microphone.
    Seen,
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
/// In one of several rooms so many are heard and seen at a time, and everybody looks at so many.
pub const HEARD: u32 = 3;
/// Of those who only receive.
pub const NOTHING: Load = Load { audio: false, encodings: 0, frames_per_second: 1, packets_per_frame: 0, payload: 0 };

impl People {
    /// Everybody: one more than the receivers, where only one sends.
    pub fn count(self) -> u32 {
        match self {
            Self::OneTo(receivers) => receivers + 1,
            Self::Meeting(count) => count,
            Self::Rooms { rooms, each } => rooms * each,
        }
    }

    /// How many send.
    pub fn senders(self) -> u32 {
        match self {
            Self::OneTo(_) => 1,
            Self::Meeting(count) => count,
            Self::Rooms { rooms, each } => rooms * each.min(HEARD),
        }
    }

    /// Does the person of this number, from 1, send? The first ones of a room do.
    pub fn sends(self, number: u32) -> bool {
        match self {
            Self::OneTo(_) => number == 1,
            Self::Meeting(_) => true,
            Self::Rooms { each, .. } => (number - 1) % each < HEARD,
        }
    }

    /// The room of the person of this number, from 0.
    pub fn room(self, number: u32) -> u32 {
        match self {
            Self::OneTo(_) | Self::Meeting(_) => 0,
            Self::Rooms { each, .. } => (number - 1) / each,
        }
    }

    /// How often a packet that everybody wants is delivered.
    pub fn copies(self) -> u32 {
        match self {
            Self::OneTo(_) | Self::Meeting(_) => self.count() - 1,
            Self::Rooms { each, .. } => each - 1,
        }
    }

    /// What the person of this number, from 1, has, and others know of.
    pub fn sources(self, number: u32) -> Load {
        match self {
            Self::OneTo(_) if !self.sends(number) => NOTHING,
            Self::OneTo(_) => Load { encodings: 1, ..NOTHING },
            Self::Meeting(_) | Self::Rooms { .. } => Load { audio: true, encodings: ENCODINGS, ..NOTHING },
        }
    }

    /// The loads that are put on these people, one after the other.
    pub fn scenes(self) -> Vec<Scene> {
        let shapes: &[Shape] = match self {
            Self::OneTo(_) => &[Shape::Singles, Shape::Trains],
            Self::Meeting(_) => &[Shape::Cameras],
            Self::Rooms { .. } => &[Shape::Seen],
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
            Self::Cameras | Self::Seen => {
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
            (People::Rooms { rooms: 1, each }, _) => write!(f, "1 meeting of {each}"),
            (People::Rooms { rooms, each }, _) => write!(f, "{rooms} meetings of {each}"),
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
        assert!((1..=10).all(|number| people.sends(number)));
    }

    #[test]
    fn in_each_room_the_first_three_are_heard_by_those_of_their_room() {
        let people = People::Rooms { rooms: 2, each: 4 };
        assert_eq!((people.count(), people.senders(), people.copies()), (8, 6, 3));
        let all: Vec<_> = (1..=8).map(|number| (people.room(number), people.sends(number))).collect();
        let room = |room| [(room, true), (room, true), (room, true), (room, false)];
        assert_eq!(all, [room(0), room(1)].concat());
        assert!(people.sources(4).audio, "who is not heard has a microphone, and has it muted");
    }
}

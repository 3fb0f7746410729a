//! What grows with the number of people: one load on one server, for ever more of them.
//!
//! [`Series`] are what is measured, with the load generator of [`crate::peers`]; [`idle`] is for those who only wait; [`report`] and
//! [`plot`] tell, and [`mod@derive`] says what boards could carry that nobody has measured.

pub mod derive;
pub mod idle;
pub mod plot;
pub mod report;

use crate::peers::figures::{Figures, Summary};
use crate::peers::scene::{People, Scene, Shape};
use crate::peers::session::System;

/// People in one meeting.
const MEETING: [u32; 7] = [2, 5, 10, 20, 50, 100, 200];
/// Meetings of [`EACH`].
const MEETINGS: [u32; 6] = [1, 2, 5, 10, 20, 50];
const EACH: u32 = 4;

/// One of the two things that grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    Meeting,
    Meetings,
}

impl Series {
    pub const ALL: [Self; 2] = [Self::Meeting, Self::Meetings];

    pub fn name(self) -> &'static str {
        match self {
            Self::Meeting => "one meeting",
            Self::Meetings => "meetings of four",
        }
    }

    /// Who is there, from few to many.
    pub fn points(self) -> Vec<People> {
        match self {
            Self::Meeting => MEETING.into_iter().map(|each| People::Rooms { rooms: 1, each }).collect(),
            Self::Meetings => MEETINGS.into_iter().map(|rooms| People::Rooms { rooms, each: EACH }).collect(),
        }
    }

    /// What was measured of it.
    pub fn measured(self, figures: &Figures) -> Vec<(People, Summary)> {
        let of = |people| figures.of(System::Moothall, Scene { people, shape: Shape::Seen });
        self.points().into_iter().filter_map(|people| Some((people, of(people)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::figures::tests::run;

    /// Two milliseconds more for each person.
    pub(super) fn figures() -> Figures {
        let mut figures = Figures::default();
        for people in Series::ALL.into_iter().flat_map(Series::points) {
            let nanos = 2_000_000 * u64::from(people.count());
            figures.add(System::Moothall, Scene { people, shape: Shape::Seen }, run(nanos, 1000, 100));
        }
        figures
    }

    #[test]
    fn both_series_grow_to_two_hundred_people() {
        let last = |series: Series| series.points().last().unwrap().count();
        assert_eq!(Series::ALL.map(last), [200, 200]);
        assert!(Series::ALL.into_iter().all(|series| series.points().is_sorted_by_key(|people| people.count())));
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        assert_eq!(Series::Meetings.measured(&Figures::default()), []);
        assert_eq!(Series::Meetings.measured(&figures()).len(), 6);
    }
}

//! What is to be seen when: scenes of tiles. Pure.

use std::collections::BTreeMap;

use super::layout::{Rect, Size, grid, stage};
use super::roster::Roster;
use super::spans::Spans;

/// More tiles at a time are too small to be of use, and each costs the memory of a decoder.
const MAX_TILES: usize = 16;

/// How people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Who speaks is large, the others are in a strip beside.
    #[default]
    Speaker,
    /// All of the same size.
    Gallery,
}

/// From then on, until the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// In milliseconds since the recording began.
    pub from: u64,
    pub tiles: Vec<Tile>,
}

/// Somebody, or a screen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    pub place: Rect,
    /// An index of the manifest's files; without one, there is no picture.
    pub file: Option<usize>,
    pub caption: Caption,
    /// It is all that there is to be seen, from edge to edge.
    pub alone: bool,
}

/// What is said of a tile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caption {
    Person {
        /// Empty if nobody knows.
        name: String,
        /// Tells people without a picture apart.
        endpoint: String,
        speaks: bool,
        silent: bool,
        hand: bool,
    },
    /// Whose screen it is.
    Screen { name: String },
    /// So many others are there and not to be seen.
    More(usize),
}

/// All scenes of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub scenes: Vec<Scene>,
    /// In milliseconds.
    pub duration: u64,
}

impl Plan {
    pub fn new(roster: &Roster, view: View, size: Size) -> Self {
        let mut scenes: Vec<Scene> = Vec::new();
        for from in roster.moments() {
            let tiles = tiles(roster, view, size, from);
            if scenes.last().is_none_or(|last| last.tiles != tiles) {
                scenes.push(Scene { from, tiles });
            }
        }
        Self { scenes, duration: roster.duration }
    }

    /// By file, when it is to be seen.
    pub fn seen(&self) -> BTreeMap<usize, Spans> {
        let mut all: BTreeMap<usize, Vec<(u64, u64)>> = BTreeMap::new();
        let ends = self.scenes.iter().skip(1).map(|scene| scene.from).chain([self.duration]);
        for (scene, end) in self.scenes.iter().zip(ends) {
            for file in scene.tiles.iter().filter_map(|tile| tile.file) {
                all.entry(file).or_default().push((scene.from, end));
            }
        }
        all.into_iter().map(|(file, spans)| (file, Spans::new(spans))).collect()
    }
}

fn tiles(roster: &Roster, view: View, size: Size, at: u64) -> Vec<Tile> {
    let mut people = roster.present(at);
    let moment = Moment { roster, at };
    let screen = roster.screen(at).and_then(|footage| moment.screen(footage));
    let large = match (screen, view) {
        (Some(screen), _) => screen,
        (None, View::Gallery) => return moment.gallery(size, people),
        (None, View::Speaker) => {
            let most = roster.pinned(at).or_else(|| roster.speaker(at)).or_else(|| people.first().copied());
            let Some(person) = most else { return Vec::new() };
            people.retain(|other| *other != person);
            moment.person(person)
        }
    };
    moment.stage(size, large, people)
}

/// What a tile shows, wherever it is.
type Content = (Option<usize>, Caption);

struct Moment<'a> {
    roster: &'a Roster,
    at: u64,
}

impl Moment<'_> {
    fn person(&self, place: usize) -> Content {
        let (roster, at) = (self.roster, self.at);
        let file = roster.camera(place, at).and_then(|index| roster.footage.get(index)).map(|footage| footage.file);
        let Some(person) = roster.people.get(place) else { return (file, Caption::More(0)) };
        let caption = Caption::Person {
            name: person.name(at).to_owned(),
            endpoint: person.endpoint.clone(),
            speaks: roster.speaker(at) == Some(place),
            silent: person.silent.contains(at),
            hand: person.hand.contains(at),
        };
        (file, caption)
    }

    fn screen(&self, index: usize) -> Option<Content> {
        let footage = self.roster.footage.get(index)?;
        let name = self.roster.people.get(footage.person)?.name(self.at).to_owned();
        Some((Some(footage.file), Caption::Screen { name }))
    }

    fn gallery(&self, size: Size, people: Vec<usize>) -> Vec<Tile> {
        let contents = self.contents(people, MAX_TILES);
        let places = grid(size, u32::try_from(contents.len()).unwrap_or(0));
        tiles_of(contents.into_iter().zip(places), size)
    }

    fn stage(&self, size: Size, large: Content, people: Vec<usize>) -> Vec<Tile> {
        let (main, strip) = stage(size, u32::try_from(people.len()).unwrap_or(u32::MAX));
        let contents = self.contents(people, strip.len());
        tiles_of([(large, main)].into_iter().chain(contents.into_iter().zip(strip)), size)
    }

    /// At most so many; if there are more, the last tile says how many are missing. Who speaks is always among them.
    fn contents(&self, mut people: Vec<usize>, room: usize) -> Vec<Content> {
        let hidden = people.len().saturating_sub(room);
        if hidden == 0 {
            return people.into_iter().map(|person| self.person(person)).collect();
        }
        let shown = room.saturating_sub(1);
        let speaker = self.roster.speaker(self.at).filter(|speaker| people.iter().skip(shown).any(|it| it == speaker));
        let more = Caption::More(people.len() - shown);
        people.truncate(shown);
        if let (Some(speaker), Some(last)) = (speaker, people.last_mut()) {
            *last = speaker;
        }
        people.into_iter().map(|person| self.person(person)).chain([(None, more)]).collect()
    }
}

fn tiles_of(contents: impl Iterator<Item = (Content, Rect)>, size: Size) -> Vec<Tile> {
    let alone = |place: &Rect| place.width == size.width && place.height == size.height;
    contents.map(|((file, caption), place)| Tile { place, file, caption, alone: alone(&place) }).collect()
}

#[cfg(test)]
mod tests {
    use media_tap::{Begin, Happening, VERSION};

    use super::*;
    use crate::events::Event;
    use crate::manifest::Manifest;

    const HD: Size = Size { width: 1280, height: 720 };

    /// So many people, of whom the given ones speak one after another, each for ten seconds.
    fn roster(people: usize, speakers: &[usize]) -> Roster {
        let endpoint = |number: usize| format!("{number:08x}");
        let mut events: Vec<Event> = (0..people)
            .map(|it| Happening::Joined { endpoint: endpoint(it), name: Some(format!("Person {it}")) })
            .map(|happening| Event { at_ms: 0, happening })
            .collect();
        let speaks = |(turn, person): (u64, &usize)| Event {
            at_ms: turn * 10_000,
            happening: Happening::Speaker { endpoint: endpoint(*person) },
        };
        events.extend((0..).zip(speakers).map(speaks));
        let (recording, room, meeting) = ("r".to_owned(), "r".to_owned(), "m".to_owned());
        let begin = Begin { version: VERSION, recording, room, meeting, unix_ms: 0, initiator: None, attempt: 0 };
        let duration_ms = 10_000 * speakers.len() as u64;
        Roster::new(&Manifest { duration_ms, ..Manifest::new(&begin) }, &events)
    }

    /// What tiles say, of each scene.
    fn said(plan: &Plan) -> Vec<Vec<String>> {
        let word = |tile: &Tile| match &tile.caption {
            Caption::Person { name, speaks, .. } => {
                format!("{}{}", name.replace("Person ", ""), if *speaks { "!" } else { "" })
            }
            Caption::Screen { name } => format!("{name}'s screen"),
            Caption::More(number) => format!("+{number}"),
        };
        plan.scenes.iter().map(|scene| scene.tiles.iter().map(word).collect()).collect()
    }

    #[test]
    fn the_speaker_is_large_and_the_others_are_beside() {
        let plan = Plan::new(&roster(3, &[0, 2, 2, 1]), View::Speaker, HD);
        assert_eq!(said(&plan), [["0!", "1", "2"], ["2!", "0", "1"], ["1!", "0", "2"]]);
        assert_eq!(plan.scenes.iter().map(|scene| scene.from).collect::<Vec<_>>(), [0, 10_000, 30_000]);
        let widths: Vec<u32> = plan.scenes[0].tiles.iter().map(|tile| tile.place.width).collect();
        assert_eq!(widths, [1052, 204, 204]);
    }

    #[test]
    fn in_the_gallery_nobody_moves_when_somebody_speaks() {
        let plan = Plan::new(&roster(3, &[0, 2]), View::Gallery, HD);
        assert_eq!(said(&plan), [["0!", "1", "2"], ["0", "1", "2!"]]);
        let places = |scene: &Scene| scene.tiles.iter().map(|tile| tile.place).collect::<Vec<_>>();
        assert_eq!(places(&plan.scenes[0]), places(&plan.scenes[1]));
    }

    #[test]
    fn who_is_alone_has_all_of_the_picture() {
        for view in [View::Speaker, View::Gallery] {
            let plan = Plan::new(&roster(1, &[0]), view, HD);
            assert!(plan.scenes[0].tiles[0].alone && plan.scenes[0].tiles.len() == 1, "{plan:?}");
        }
    }

    #[test]
    fn of_many_some_are_counted_and_who_speaks_is_among_those_seen() {
        let plan = Plan::new(&roster(40, &[0, 39]), View::Gallery, HD);
        let said = said(&plan);
        assert_eq!((said[0].len(), said[0].last().unwrap().as_str()), (MAX_TILES, "+25"));
        assert_eq!(said[1][MAX_TILES - 2], "39!");
        let plan = Plan::new(&roster(9, &[0, 7]), View::Speaker, HD);
        assert_eq!(self::said(&plan)[1], ["7!", "0", "1", "2", "3", "+4"]);
    }
}

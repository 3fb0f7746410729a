//! Who was there when, and what there is to be seen and heard of them. Pure.

use std::collections::BTreeMap;

use media_tap::{Happening, Kind};

use super::spans::Spans;
use crate::events::Event;
use crate::manifest::{File, FileState, Manifest};

/// A speaker who is followed by another one sooner than this only coughed: nothing changes for that.
const HOLD_MS: u64 = 1_500;
/// Between two files of a source, the last picture stays for so long.
const LINGER_MS: u64 = 1_000;
/// The manifest may know so much less of a file that was not closed.
const UNKNOWN_MS: u64 = 11_000;
/// More people than any meeting has.
const MAX_PEOPLE: usize = 2_000;

/// A recording, as far as its picture is concerned. Times are in milliseconds since it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    pub duration: u64,
    /// In the order in which they came.
    pub people: Vec<Person>,
    /// Files with pictures.
    pub footage: Vec<Footage>,
    /// Indexes of people, from then on.
    speakers: Vec<(u64, usize)>,
    pinned: Vec<(u64, Option<usize>)>,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    pub endpoint: String,
    pub presence: Spans,
    /// From then on.
    names: Vec<(u64, String)>,
    /// The microphone is off.
    pub silent: Spans,
    pub hand: Spans,
}

/// A file with pictures of somebody or of their screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footage {
    /// Index in the manifest.
    pub file: usize,
    /// Index of the person.
    pub person: usize,
    pub screen: bool,
    /// When there is something to see.
    pub seen: Spans,
}

impl Person {
    /// Empty if nobody knows.
    pub fn name(&self, at: u64) -> &str {
        let before = self.names.iter().rev().find(|(since, _)| *since <= at).or_else(|| self.names.first());
        before.map_or("", |(_, name)| name)
    }
}

impl Roster {
    pub fn new(manifest: &Manifest, events: &[Event]) -> Self {
        let mut roster = Self { duration: duration(manifest), ..Self::default() };
        let mut people = Gathering::default();
        events.iter().for_each(|event| people.on_event(event));
        manifest.files.iter().filter(|file| is_used(file)).for_each(|file| people.on_file(file, roster.duration));
        let muted = muted(events, roster.duration);
        roster.people = people.conclude(manifest, &muted, roster.duration);
        roster.footage = footage(manifest, &roster.people, &muted, roster.duration);
        roster.speakers = speakers(events, &roster.people);
        roster.pinned = pinned(events, &roster.people);
        roster
    }

    /// Who speaks, if it is somebody who is there.
    pub fn speaker(&self, at: u64) -> Option<usize> {
        let (_, person) = last_until(&self.speakers, at)?;
        self.is_there(*person, at).then_some(*person)
    }

    /// Whom the moderators show to all.
    pub fn pinned(&self, at: u64) -> Option<usize> {
        let (_, person) = last_until(&self.pinned, at)?;
        person.filter(|person| self.is_there(*person, at))
    }

    /// Those who are there.
    pub fn present(&self, at: u64) -> Vec<usize> {
        (0..self.people.len()).filter(|person| self.is_there(*person, at)).collect()
    }

    fn is_there(&self, person: usize, at: u64) -> bool {
        self.people.get(person).is_some_and(|person| person.presence.contains(at))
    }

    /// What their camera shows: an index of footage.
    pub fn camera(&self, person: usize, at: u64) -> Option<usize> {
        self.latest(at, |footage| !footage.screen && footage.person == person)
    }

    /// The screen that is shared; of several, that which was shared last.
    pub fn screen(&self, at: u64) -> Option<usize> {
        self.latest(at, |footage| footage.screen)
    }

    fn latest(&self, at: u64, wanted: impl Fn(&Footage) -> bool) -> Option<usize> {
        let seen = self.footage.iter().enumerate().filter(|(_, it)| wanted(it) && it.seen.contains(at));
        let begin = |it: &Footage| it.seen.iter().find(|(begin, end)| (*begin..*end).contains(&at));
        seen.max_by_key(|(_, it)| begin(it)).map(|(index, _)| index)
    }

    /// When something may change, in order.
    pub fn moments(&self) -> Vec<u64> {
        let mut all = vec![0];
        for person in &self.people {
            all.extend(person.presence.edges().chain(person.silent.edges()).chain(person.hand.edges()));
            all.extend(person.names.iter().map(|(since, _)| *since));
        }
        all.extend(self.footage.iter().flat_map(|footage| footage.seen.edges()));
        all.extend(self.speakers.iter().map(|(since, _)| *since));
        all.extend(self.pinned.iter().map(|(since, _)| *since));
        all.retain(|at| *at < self.duration);
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The last that has begun; they are in order.
fn last_until<T>(all: &[(u64, T)], at: u64) -> Option<&(u64, T)> {
    all.get(all.partition_point(|(since, _)| *since <= at).checked_sub(1)?)
}

/// People, as they turn up.
#[derive(Debug, Default)]
struct Gathering {
    people: Vec<Person>,
    places: BTreeMap<String, usize>,
    comings: BTreeMap<usize, Vec<(u64, bool)>>,
    hands: BTreeMap<usize, Vec<(u64, bool)>>,
    heard: BTreeMap<usize, Vec<(u64, u64)>>,
    microphones: BTreeMap<usize, Vec<String>>,
}

impl Gathering {
    fn place(&mut self, endpoint: &str) -> Option<usize> {
        if let Some(place) = self.places.get(endpoint) {
            return Some(*place);
        }
        let place = self.people.len();
        if place >= MAX_PEOPLE {
            return None;
        }
        self.people.push(Person { endpoint: endpoint.to_owned(), ..Person::default() });
        self.places.insert(endpoint.to_owned(), place);
        Some(place)
    }

    fn on_event(&mut self, event: &Event) {
        let at = event.at_ms;
        match &event.happening {
            Happening::Joined { endpoint, name } => {
                let Some(place) = self.place(endpoint) else { return };
                self.comings.entry(place).or_default().push((at, true));
                self.name(place, at, name.as_deref());
            }
            Happening::Renamed { endpoint, name } => {
                let Some(place) = self.place(endpoint) else { return };
                self.name(place, at, name.as_deref());
            }
            Happening::Left { endpoint } => {
                let Some(place) = self.place(endpoint) else { return };
                let comings = self.comings.entry(place).or_default();
                if comings.is_empty() {
                    // Nobody saw them come.
                    comings.push((0, true));
                }
                comings.push((at, false));
            }
            Happening::Hand { endpoint, raised } => {
                let Some(place) = self.place(endpoint) else { return };
                self.hands.entry(place).or_default().push((at, *raised));
            }
            Happening::Speaker { .. } | Happening::Muted { .. } | Happening::Chat { .. } | Happening::Pinned { .. } => {
            }
        }
    }

    fn name(&mut self, place: usize, at: u64, name: Option<&str>) {
        if let (Some(person), Some(name)) = (self.people.get_mut(place), name) {
            person.names.push((at, name.to_owned()));
        }
    }

    fn on_file(&mut self, file: &File, duration: u64) {
        let Some(place) = self.place(&file.endpoint) else { return };
        self.heard.entry(place).or_default().push(span(file, duration));
        if file.kind == Kind::Audio && !file.desktop {
            self.microphones.entry(place).or_default().push(file.source.clone());
        }
    }

    fn conclude(mut self, manifest: &Manifest, muted: &BTreeMap<String, Spans>, duration: u64) -> Vec<Person> {
        for (place, person) in self.people.iter_mut().enumerate() {
            let told = Spans::between(self.comings.remove(&place).unwrap_or_default(), duration);
            let files = self.heard.remove(&place).unwrap_or_default();
            // What was sent by somebody of whom nothing was told.
            let untold = files.into_iter().filter(|(begin, end)| !told.touches(*begin, *end));
            person.presence = Spans::new(told.iter().chain(untold));
            person.hand = Spans::between(self.hands.remove(&place).unwrap_or_default(), duration);
            let sources = self.microphones.remove(&place).unwrap_or_default();
            let off = sources.iter().filter_map(|source| muted.get(source)).flat_map(Spans::iter);
            person.silent = Spans::new(off);
            if person.names.is_empty() {
                let known = manifest.participants.iter().find(|known| known.endpoint == person.endpoint);
                person.names.extend(known.and_then(|known| known.name.clone()).map(|name| (0, name)));
            }
        }
        self.people.retain(|person| !person.presence.is_empty());
        self.people.sort_by_key(|person| person.presence.edges().next());
        self.people
    }
}

/// Whether there is something in it that can be used.
pub fn is_used(file: &File) -> bool {
    file.state != FileState::Unreadable && (file.frames > 0 || file.state == FileState::Open)
}

/// When it begins and ends.
fn span(file: &File, duration: u64) -> (u64, u64) {
    let end = file.offset_ms + file.duration_ms;
    let unknown = if file.state == FileState::Open { UNKNOWN_MS } else { 0 };
    (millis(file.offset_ms), (millis(end) + unknown).min(duration))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
fn millis(value: f64) -> u64 {
    // A year, in case somebody wrote nonsense.
    value.round().clamp(0.0, 3.2e10) as u64
}

/// As told, or as long as the files last.
fn duration(manifest: &Manifest) -> u64 {
    let ends = manifest.files.iter().filter(|file| is_used(file)).map(|file| millis(file.offset_ms + file.duration_ms));
    let last = ends.max().unwrap_or(0);
    if manifest.duration_ms == 0 { last } else { manifest.duration_ms.min(millis(f64::MAX)) }
}

/// By source, when it was muted.
fn muted(events: &[Event], duration: u64) -> BTreeMap<String, Spans> {
    let mut moments: BTreeMap<&str, Vec<(u64, bool)>> = BTreeMap::new();
    for event in events {
        if let Happening::Muted { source, muted } = &event.happening {
            moments.entry(source).or_default().push((event.at_ms, *muted));
        }
    }
    moments.into_iter().map(|(source, moments)| (source.to_owned(), Spans::between(moments, duration))).collect()
}

fn footage(manifest: &Manifest, people: &[Person], muted: &BTreeMap<String, Spans>, duration: u64) -> Vec<Footage> {
    let nothing = Spans::default();
    let pictures = |file: &&File| file.kind == Kind::Video && is_used(file);
    let mut all = Vec::new();
    for (index, file) in manifest.files.iter().enumerate().filter(|(_, file)| pictures(file)) {
        let Some(person) = people.iter().position(|person| person.endpoint == file.endpoint) else { continue };
        let (begin, end) = span(file, duration);
        let others = manifest.files.iter().filter(|other| pictures(other) && other.source == file.source);
        let follows = |at: &u64| (end..end.saturating_add(LINGER_MS)).contains(at);
        let next = others.map(|other| span(other, duration).0).filter(follows).min();
        let presence = people.get(person).map_or(&nothing, |person| &person.presence);
        let whole = Spans::new([(begin, next.unwrap_or(end))]);
        let seen = whole.and(presence).without(muted.get(&file.source).unwrap_or(&nothing));
        if !seen.is_empty() {
            all.push(Footage { file: index, person, screen: file.desktop, seen });
        }
    }
    all
}

/// Without those who only coughed.
fn speakers(events: &[Event], people: &[Person]) -> Vec<(u64, usize)> {
    let said = events.iter().filter_map(|event| match &event.happening {
        Happening::Speaker { endpoint } => {
            Some((event.at_ms, people.iter().position(|person| person.endpoint == *endpoint)?))
        }
        _ => None,
    });
    let said: Vec<(u64, usize)> = said.collect();
    let nexts = said.iter().skip(1).map(|(at, _)| *at).chain([u64::MAX]);
    let mut kept: Vec<(u64, usize)> = Vec::new();
    for ((at, person), next) in said.iter().zip(nexts) {
        let coughed = !kept.is_empty() && next.saturating_sub(*at) < HOLD_MS;
        if !coughed && kept.last().is_none_or(|(_, last)| last != person) {
            kept.push((*at, *person));
        }
    }
    kept
}

fn pinned(events: &[Event], people: &[Person]) -> Vec<(u64, Option<usize>)> {
    let place = |endpoint: &String| people.iter().position(|person| person.endpoint == *endpoint);
    let pins = events.iter().filter_map(|event| match &event.happening {
        Happening::Pinned { endpoint } => Some((event.at_ms, endpoint.as_ref().and_then(place))),
        _ => None,
    });
    pins.collect()
}

#[cfg(test)]
mod tests {
    use media_tap::{Begin, Codec, VERSION};

    use super::*;

    fn manifest(files: Vec<File>) -> Manifest {
        let (recording, room, meeting) = ("r".to_owned(), "r".to_owned(), "m".to_owned());
        let begin = Begin { version: VERSION, recording, room, meeting, unix_ms: 0, initiator: None, attempt: 0 };
        Manifest { duration_ms: 60_000, files, ..Manifest::new(&begin) }
    }

    fn file(endpoint: &str, source: &str, kind: Kind, begin: f64, length: f64) -> File {
        File {
            file: format!("{source}.mp4"),
            state: FileState::Closed,
            source: source.to_owned(),
            endpoint: endpoint.to_owned(),
            kind,
            codec: if kind == Kind::Audio { Codec::Opus } else { Codec::H264 },
            desktop: source.ends_with("v1"),
            run: 1,
            attempt: 0,
            ssrc: 1,
            size: None,
            offset_ms: begin,
            duration_ms: length,
            frames: 10,
            dropped: 0,
            packets: 10,
            lost: 0,
            bytes: 10,
            breaks: Vec::new(),
            sync: Vec::new(),
        }
    }

    fn event(at_ms: u64, happening: Happening) -> Event {
        Event { at_ms, happening }
    }

    fn joined(at_ms: u64, endpoint: &str, name: &str) -> Event {
        event(at_ms, Happening::Joined { endpoint: endpoint.to_owned(), name: Some(name.to_owned()) })
    }

    fn speaker(at_ms: u64, endpoint: &str) -> Event {
        event(at_ms, Happening::Speaker { endpoint: endpoint.to_owned() })
    }

    #[test]
    fn people_are_there_from_when_they_come_until_they_leave() {
        let events = [
            joined(0, "a", "Ana"),
            joined(5_000, "b", "Bo"),
            event(9_000, Happening::Left { endpoint: "c".to_owned() }),
            event(20_000, Happening::Left { endpoint: "b".to_owned() }),
            event(21_000, Happening::Renamed { endpoint: "a".to_owned(), name: Some("Anna".to_owned()) }),
        ];
        let roster = Roster::new(&manifest(Vec::new()), &events);
        let present = |at| roster.present(at).iter().map(|it| roster.people[*it].endpoint.as_str()).collect::<String>();
        assert_eq!(
            (present(0), present(5_000), present(9_000), present(20_000)),
            ("ac".into(), "acb".into(), "ab".into(), "a".into())
        );
        assert_eq!((roster.people[0].name(20_999), roster.people[0].name(21_000)), ("Ana", "Anna"));
    }

    #[test]
    fn without_events_those_are_there_who_send() {
        let files = vec![
            file("a", "a-a0", Kind::Audio, -120.0, 30_000.0),
            file("b", "b-v0", Kind::Video, 10_000.0, 5_000.0),
            File { frames: 0, ..file("c", "c-v0", Kind::Video, 0.0, 60_000.0) },
        ];
        let roster = Roster::new(&Manifest { duration_ms: 0, ..manifest(files) }, &[]);
        assert_eq!(roster.duration, 29_880);
        assert_eq!((roster.present(0), roster.present(12_000), roster.present(16_000)), (vec![0], vec![0, 1], vec![0]));
        assert_eq!((roster.camera(1, 12_000), roster.camera(1, 15_000)), (Some(0), None));
    }

    #[test]
    fn a_cough_is_no_reason_to_look_there() {
        let mut events = vec![joined(0, "a", "A"), joined(0, "b", "B"), joined(0, "c", "C")];
        events.extend([speaker(0, "a"), speaker(5_000, "b"), speaker(5_900, "a"), speaker(9_000, "c")]);
        let roster = Roster::new(&manifest(Vec::new()), &events);
        assert_eq!([0, 5_500, 8_999, 9_000].map(|at| roster.speaker(at)), [Some(0), Some(0), Some(0), Some(2)]);
    }

    #[test]
    fn a_camera_that_is_off_shows_nothing_and_the_next_file_of_a_source_goes_on_without_a_gap() {
        let first = file("a", "a-v0", Kind::Video, 0.0, 10_000.0);
        let second = File { run: 2, ..file("a", "a-v0", Kind::Video, 10_040.0, 10_000.0) };
        let muted = |at, muted| event(at, Happening::Muted { source: "a-v0".to_owned(), muted });
        let events = [joined(0, "a", "A"), muted(3_000, true), muted(4_000, false)];
        let roster = Roster::new(&manifest(vec![first, second]), &events);
        let camera = |at| roster.camera(0, at).map(|index| roster.footage[index].file);
        assert_eq!([2_999, 3_000, 4_000].map(camera), [Some(0), None, Some(0)]);
        assert_eq!([10_020, 10_040, 20_039, 20_040].map(camera), [Some(0), Some(1), Some(1), None]);
    }

    #[test]
    fn the_screen_that_was_shared_last_is_shown() {
        let files =
            vec![file("a", "a-v1", Kind::Video, 1_000.0, 10_000.0), file("b", "b-v1", Kind::Video, 5_000.0, 2_000.0)];
        let roster = Roster::new(&manifest(files), &[joined(0, "a", "A"), joined(0, "b", "B")]);
        assert_eq!(
            [0, 1_000, 5_000, 7_000, 11_000].map(|at| roster.screen(at)),
            [None, Some(0), Some(1), Some(0), None]
        );
        assert_eq!(roster.camera(0, 2_000), None);
    }
}

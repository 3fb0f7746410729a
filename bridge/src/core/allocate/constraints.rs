//! What one receiver asks for, and what that means for each source.

use std::collections::BTreeMap;

use jitsi_wire::bridge_channel::{ReceiverVideoConstraints, VideoConstraint};

/// Height of sources that the first message of a client says nothing about (jitsi-videobridge `default-max-height-px`).
const DEFAULT_HEIGHT: i32 = 180;
/// Videos that one receiver gets at most (jitsi-videobridge `ssrc-limit`).
const MAX_VIDEOS: usize = 50;
/// Names in one list of a message; more is not a layout that anybody looks at.
const MAX_NAMES: usize = 500;

/// The state that `ReceiverVideoConstraints` messages change (jitsi-videobridge `AllocationSettings.kt`).
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    last_n: i32,
    selected: Vec<String>,
    on_stage: Vec<String>,
    default: VideoConstraint,
    constraints: BTreeMap<String, VideoConstraint>,
    /// A `ReceiverVideoConstraints` has come.
    received: bool,
    /// The client uses the words from before source names: it also gets answers in them.
    legacy: bool,
}

/// A video source in the conference, as the constraints see it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub name: &'a str,
    /// Endpoint id of its owner.
    pub owner: &'a str,
    /// Its type is not `none`.
    pub enabled: bool,
}

/// What a receiver gets of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Index into the candidates.
    pub candidate: usize,
    /// Pixels of the smaller side; 0 nothing, -1 unlimited.
    pub max_height: i32,
    pub on_stage: bool,
}

impl Settings {
    /// Nothing is sent before the client says what it wants.
    pub fn new(initial_last_n: Option<i32>) -> Self {
        Self {
            last_n: initial_last_n.unwrap_or(-1),
            selected: Vec::new(),
            on_stage: Vec::new(),
            default: VideoConstraint::height(0),
            constraints: BTreeMap::new(),
            received: false,
            legacy: false,
        }
    }

    /// Is this source shown large?
    pub fn shows_on_stage(&self, candidate: &Candidate<'_>) -> bool {
        self.on_stage.iter().any(|name| names(name, candidate))
    }

    /// Does the receiver name this source among what it shows large or has selected?
    pub fn features(&self, candidate: &Candidate<'_>) -> bool {
        self.rank(candidate).is_some()
    }

    /// The client speaks the words from before source names.
    pub fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Any message about video has come.
    pub fn received(&self) -> bool {
        self.received
    }

    /// What is wanted is known: the client said it, or was taken to have.
    pub fn is_settled(&self) -> bool {
        self.received || self.default.max_height != 0
    }

    /// Takes a message; true if anything changed. Absent fields leave their state, present ones replace it whole.
    pub fn merge(&mut self, message: ReceiverVideoConstraints) -> bool {
        let before = self.clone();
        if let Some(last_n) = message.last_n {
            self.last_n = last_n;
        }
        self.legacy |= message.selected_endpoints.is_some() || message.on_stage_endpoints.is_some();
        replace_names(&mut self.selected, message.selected_endpoints);
        replace_names(&mut self.selected, message.selected_sources);
        replace_names(&mut self.on_stage, message.on_stage_endpoints);
        replace_names(&mut self.on_stage, message.on_stage_sources);
        if let Some(constraints) = message.constraints {
            self.constraints = constraints.into_iter().take(MAX_NAMES).collect();
        }
        match message.default_constraints {
            Some(default) => self.default = default,
            None if !self.received => self.default = VideoConstraint::height(DEFAULT_HEIGHT),
            None => {}
        }
        self.received = true;
        *self != before
    }

    /// `LastNChangedEvent`; true if it changed anything.
    pub fn set_last_n(&mut self, last_n: i32) -> bool {
        std::mem::replace(&mut self.last_n, last_n) != last_n
    }

    /// The focus' `initial-last-n`, which counts only until the client speaks for itself.
    pub fn set_initial_last_n(&mut self, last_n: i32) -> bool {
        !self.received && self.set_last_n(last_n)
    }

    /// The client opened no channel to ask through: it gets what a first message without wishes would give it.
    pub fn assume_default(&mut self) -> bool {
        let default = VideoConstraint::height(DEFAULT_HEIGHT);
        !self.received && std::mem::replace(&mut self.default, default) != default
    }

    fn constraint(&self, candidate: &Candidate<'_>) -> i32 {
        let own = self.constraints.get(candidate.name);
        let by_owner = || is_first_camera(candidate).then(|| self.constraints.get(candidate.owner)).flatten();
        let constraint = own.or_else(by_owner).unwrap_or(&self.default);
        if constraint.max_frame_rate == 0.0 { 0 } else { constraint.max_height }
    }

    fn last_n(&self) -> usize {
        usize::try_from(self.last_n).map_or(MAX_VIDEOS, |last_n| last_n.min(MAX_VIDEOS))
    }

    /// Where the receiver's own lists put a source: on stage first, then selected.
    fn rank(&self, candidate: &Candidate<'_>) -> Option<usize> {
        let place = |list: &[String]| list.iter().position(|name| names(name, candidate));
        place(&self.on_stage).or_else(|| place(&self.selected).map(|place| self.on_stage.len().saturating_add(place)))
    }

    /// Effective constraints, most important source first. `candidates`: the videos of all others in conference order.
    pub fn effective(&self, candidates: &[Candidate<'_>]) -> Vec<Wanted> {
        let mut order: Vec<(usize, &Candidate<'_>)> = candidates.iter().enumerate().collect();
        // Stable: within one class the conference order stays.
        order.sort_by_key(|(_, candidate)| match (candidate.enabled, self.rank(candidate)) {
            (true, Some(rank)) => (0, rank),
            (true, None) => (1, 0),
            (false, _) => (2, 0),
        });
        let mut left = self.last_n();
        let wanted = order.into_iter().map(|(index, candidate)| {
            let asked = self.constraint(candidate);
            let max_height = if candidate.enabled && left > 0 { asked } else { 0 };
            left = left.saturating_sub(usize::from(max_height != 0));
            Wanted { candidate: index, max_height, on_stage: self.shows_on_stage(candidate) }
        });
        wanted.collect()
    }
}

/// The larger of two constraints, where -1 is unlimited.
pub fn larger(a: i32, b: i32) -> i32 {
    if a < 0 || b < 0 { -1 } else { a.max(b) }
}

fn replace_names(list: &mut Vec<String>, names: Option<Vec<String>>) {
    if let Some(mut names) = names {
        names.truncate(MAX_NAMES);
        *list = names;
    }
}

/// `name` is this source's, or its owner's and this is the owner's camera.
fn names(name: &str, candidate: &Candidate<'_>) -> bool {
    name == candidate.name || (name == candidate.owner && is_first_camera(candidate))
}

fn is_first_camera(candidate: &Candidate<'_>) -> bool {
    candidate.name.strip_prefix(candidate.owner) == Some("-v0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Candidate<'_> = Candidate { name: "a-v0", owner: "a", enabled: true };
    const B: Candidate<'_> = Candidate { name: "b-v0", owner: "b", enabled: true };
    const C: Candidate<'_> = Candidate { name: "c-v0", owner: "c", enabled: true };

    fn message() -> ReceiverVideoConstraints {
        ReceiverVideoConstraints::default()
    }

    fn heights(settings: &Settings, candidates: &[Candidate<'_>]) -> Vec<(usize, i32)> {
        settings.effective(candidates).iter().map(|w| (w.candidate, w.max_height)).collect()
    }

    #[test]
    fn checklist_43_nothing_is_wanted_before_the_first_message_and_180_after_one_without_wishes() {
        let mut settings = Settings::new(None);
        assert_eq!(heights(&settings, &[A]), [(0, 0)]);
        assert!(settings.merge(message()));
        assert_eq!(heights(&settings, &[A]), [(0, 180)]);
        assert!(!settings.merge(message()), "a second empty message changes nothing");
    }

    #[test]
    fn checklist_43_a_later_message_without_default_keeps_the_default_that_was_set() {
        let mut settings = Settings::new(None);
        settings.merge(ReceiverVideoConstraints { default_constraints: Some(VideoConstraint::height(0)), ..message() });
        settings.merge(ReceiverVideoConstraints { last_n: Some(5), ..message() });
        assert_eq!(heights(&settings, &[A]), [(0, 0)]);
    }

    #[test]
    fn checklist_44_present_fields_replace_whole_and_absent_ones_stay() {
        let mut settings = Settings::new(None);
        let one = |name: &str, height| BTreeMap::from([(name.to_owned(), VideoConstraint::height(height))]);
        settings.merge(ReceiverVideoConstraints { constraints: Some(one("a-v0", 720)), ..message() });
        settings.merge(ReceiverVideoConstraints { constraints: Some(one("b-v0", 360)), ..message() });
        assert_eq!(heights(&settings, &[A, B]), [(0, 180), (1, 360)]);
        settings.merge(ReceiverVideoConstraints { constraints: Some(BTreeMap::new()), ..message() });
        assert_eq!(heights(&settings, &[A, B]), [(0, 180), (1, 180)]);
    }

    #[test]
    fn checklist_48_the_stage_comes_first_then_the_selected_then_conference_order_then_the_disabled() {
        let off = Candidate { enabled: false, ..A };
        let d = Candidate { name: "d-v0", owner: "d", enabled: true };
        let mut settings = Settings::new(None);
        settings.merge(ReceiverVideoConstraints {
            on_stage_sources: Some(vec!["c-v0".into()]),
            selected_sources: Some(vec!["d-v0".into(), "c-v0".into(), "a-v0".into()]),
            ..message()
        });
        let wanted = settings.effective(&[off, B, C, d]);
        assert_eq!(wanted.iter().map(|w| w.candidate).collect::<Vec<_>>(), [2, 3, 1, 0]);
        assert!(wanted[0].on_stage && !wanted[1].on_stage);
        assert_eq!(wanted[3].max_height, 0, "a disabled source gets nothing");
    }

    #[test]
    fn checklist_48_chapter_9_17_a_source_constrained_to_nothing_takes_no_last_n_place() {
        let mut settings = Settings::new(None);
        settings.merge(ReceiverVideoConstraints {
            last_n: Some(1),
            constraints: Some(BTreeMap::from([("a-v0".to_owned(), VideoConstraint::height(0))])),
            ..message()
        });
        assert_eq!(heights(&settings, &[A, B, C]), [(0, 0), (1, 180), (2, 0)]);
    }

    #[test]
    fn checklist_45_minus_one_is_unlimited_everywhere() {
        assert_eq!(larger(-1, 180), -1);
        assert_eq!(larger(2160, -1), -1);
        assert_eq!(larger(0, 180), 180);
        let mut settings = Settings::new(Some(-1));
        settings
            .merge(ReceiverVideoConstraints { default_constraints: Some(VideoConstraint::height(-1)), ..message() });
        assert_eq!(heights(&settings, &[A, B]), [(0, -1), (1, -1)]);
        settings.set_last_n(0);
        assert_eq!(heights(&settings, &[A, B]), [(0, 0), (1, 0)]);
    }

    #[test]
    fn checklist_49_the_initial_last_n_counts_until_the_first_message() {
        let mut settings = Settings::new(None);
        assert!(settings.set_initial_last_n(1));
        settings.merge(ReceiverVideoConstraints { last_n: Some(-1), ..message() });
        assert!(!settings.set_initial_last_n(1));
        assert_eq!(heights(&settings, &[A, B]), [(0, 180), (1, 180)]);
    }

    #[test]
    fn checklist_47_endpoint_ids_stand_for_the_first_camera() {
        let desktop = Candidate { name: "b-v1", owner: "b", enabled: true };
        let mut settings = Settings::new(None);
        settings.merge(ReceiverVideoConstraints {
            selected_endpoints: Some(vec!["b".into()]),
            constraints: Some(BTreeMap::from([("b".to_owned(), VideoConstraint::height(720))])),
            ..message()
        });
        assert!(settings.is_legacy());
        assert_eq!(heights(&settings, &[A, B, desktop]), [(1, 720), (0, 180), (2, 180)]);
    }

    #[test]
    fn a_frame_rate_of_nothing_is_nothing() {
        let mut settings = Settings::new(None);
        settings.merge(ReceiverVideoConstraints {
            default_constraints: Some(VideoConstraint { max_height: 720, max_frame_rate: 0.0 }),
            ..message()
        });
        assert_eq!(heights(&settings, &[A]), [(0, 0)]);
    }

    #[test]
    fn without_a_channel_the_default_is_assumed_once() {
        let mut settings = Settings::new(None);
        assert!(settings.assume_default());
        assert!(!settings.assume_default());
        assert_eq!(heights(&settings, &[A]), [(0, 180)]);
        settings.merge(ReceiverVideoConstraints { default_constraints: Some(VideoConstraint::height(0)), ..message() });
        assert_eq!(heights(&settings, &[A]), [(0, 0)]);
    }
}

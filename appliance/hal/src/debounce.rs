//! One edge of a contact that bounces.

use std::time::{Duration, Instant};

/// Contacts of cheap buttons come to rest within 10 ms; a person is never that quick.
const SETTLING: Duration = Duration::from_millis(30);

/// The button was pressed or released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub pressed: bool,
    /// Since when the contact has been at rest.
    pub at: Instant,
}

/// Makes edges of what is read from a contact. Call [`sample`](Self::sample) with each reading, then [`poll`](Self::poll); the first
/// edge says how the contact is at the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Debounce {
    /// As it was read last, and since when.
    read: Option<(bool, Instant)>,
    settled: Option<bool>,
}

impl Debounce {
    pub fn sample(&mut self, now: Instant, contact: bool) {
        if self.read.is_none_or(|(last, _)| last != contact) {
            self.read = Some((contact, now));
        }
    }

    /// The edge that has settled by now.
    pub fn poll(&mut self, now: Instant) -> Option<Edge> {
        if self.settles_at()? > now {
            return None;
        }
        let (pressed, at) = self.read?;
        self.settled = Some(pressed);
        Some(Edge { pressed, at })
    }

    /// When there is an edge, unless the contact changes again before.
    pub fn settles_at(&self) -> Option<Instant> {
        let (contact, since) = self.read?;
        (self.settled != Some(contact)).then(|| since + SETTLING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges of what is read at each millisecond.
    fn edges(readings: &str) -> Vec<(bool, u128)> {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        let mut edges = Vec::new();
        for (at, reading) in (0..).zip(readings.bytes()) {
            let now = start + Duration::from_millis(at);
            debounce.sample(now, reading == b'#');
            edges.extend(debounce.poll(now).map(|edge| (edge.pressed, (edge.at - start).as_millis())));
        }
        edges
    }

    #[test]
    fn a_contact_that_bounces_is_one_edge_from_when_it_rests() {
        let (open, closed) = (".".repeat(40), "#".repeat(40));
        assert_eq!(edges(&open), [(false, 0)]);
        assert_eq!(edges(&format!("{open}#.##..{closed}")), [(false, 0), (true, 46)]);
        assert_eq!(edges(&format!("{open}{closed}.#.{open}")), [(false, 0), (true, 40), (false, 82)]);
    }

    #[test]
    fn a_spark_is_no_edge() {
        let open = ".".repeat(40);
        assert_eq!(edges(&format!("{open}{}{open}", "#".repeat(29))), [(false, 0)]);
        assert_eq!(edges(&"#.".repeat(200)), []);
    }
}

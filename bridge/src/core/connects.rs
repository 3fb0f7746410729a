//! Where conferences are exported to: the book of it, by the rules of jitsi-videobridge's `ExporterWrapper`. Whoever hears the
//! [`Event`]s opens the WebSockets and [taps](super::taps) the conference for them.

use std::sync::Arc;
use std::time::Instant;

use jitsi_wire::colibri2::{Connect, Refusal};

use super::conference::Conference;
use super::{Bridge, Event, Sink};

/// One change of where a conference is exported to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectChange {
    /// Begin; never an id that runs.
    Created(Connect),
    /// End the one with this id.
    Expired(String),
}

/// What runs, of one conference.
#[derive(Debug, Default)]
pub struct Connects {
    running: Vec<Connect>,
}

impl Connects {
    /// Whether all of an order can be carried out; it is refused whole otherwise. What must not run yet may run until the same order
    /// ends it.
    pub fn check(&self, changes: &[Connect]) -> Result<(), Refusal> {
        let ends = |id: &str| changes.iter().any(|change| change.expire && change.id == id);
        for change in changes.iter().filter(|change| !change.expire) {
            match self.find(&change.id) {
                Some(_) if change.create && !ends(&change.id) => {
                    return Err(Refusal::BadRequest("a connect is created that there is already"));
                }
                _ if change.create => {}
                Some(_) if ends(&change.id) => {
                    return Err(Refusal::BadRequest("a connect is changed and ended at once"));
                }
                Some(running) if !is_same(running, change) => {
                    return Err(Refusal::NotImplemented("a change of a connect that runs"));
                }
                Some(_) => {}
                None => return Err(Refusal::BadRequest("a connect that there is not")),
            }
        }
        Ok(())
    }

    /// What a checked order changes, ends first.
    pub fn apply(&mut self, changes: &[Connect]) -> Vec<ConnectChange> {
        let mut done = Vec::new();
        for ended in changes.iter().filter(|change| change.expire) {
            let before = self.running.len();
            self.running.retain(|running| running.id != ended.id);
            if self.running.len() < before {
                done.push(ConnectChange::Expired(ended.id.clone()));
            }
        }
        for created in changes.iter().filter(|change| change.create && !change.expire) {
            self.running.push(created.clone());
            done.push(ConnectChange::Created(created.clone()));
        }
        done
    }

    fn find(&self, id: &str) -> Option<&Connect> {
        self.running.iter().find(|running| running.id == id)
    }
}

/// But for what an order says of itself.
fn is_same(running: &Connect, change: &Connect) -> bool {
    let plain = |connect: &Connect| Connect { create: false, expire: false, ..connect.clone() };
    plain(running) == plain(change)
}

impl Bridge {
    /// Everybody in a meeting is told, as of what the transcriber heard.
    pub fn announce(&mut self, now: Instant, meeting_id: &str, text: &Arc<str>, sink: &mut dyn Sink) {
        let is_meant = |known: &Option<Conference>| known.as_ref().is_some_and(|known| known.meeting_id == meeting_id);
        let place = self.conferences.iter().position(is_meant);
        if let Some((mut turn, conference)) = place.and_then(|place| self.enter_conference(now, place, sink)) {
            conference.announce(&mut turn, text);
        }
    }

    pub(super) fn modify_connects(&mut self, place: usize, changes: &[Connect]) {
        let Some(conference) = self.conferences.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        for change in conference.connects.apply(changes) {
            self.events.push_back(Event::Connect { meeting_id: conference.meeting_id.clone(), change });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::tests::connect;

    fn creating(id: &str) -> Connect {
        Connect { create: true, ..connect(id) }
    }

    fn ending(id: &str) -> Connect {
        Connect { expire: true, ..connect(id) }
    }

    #[test]
    fn what_runs_is_created_once_and_ended_and_may_be_replaced_in_one_order() {
        let mut connects = Connects::default();
        let is_bad = |outcome| matches!(outcome, Err(Refusal::BadRequest(_)));
        assert!(is_bad(connects.check(&[connect("a")])), "it does not run");
        assert_eq!(connects.check(&[creating("a")]), Ok(()));
        assert_eq!(connects.apply(&[creating("a")]), [ConnectChange::Created(creating("a"))]);
        assert!(is_bad(connects.check(&[creating("a")])), "it runs");
        assert!(is_bad(connects.check(&[ending("a"), connect("a")])));
        assert_eq!(connects.check(&[connect("a")]), Ok(()), "nothing changes");
        assert_eq!(connects.apply(&[connect("a")]), []);
        let elsewhere = Connect { url: "wss://b.example/".to_owned(), ..connect("a") };
        assert!(matches!(connects.check(std::slice::from_ref(&elsewhere)), Err(Refusal::NotImplemented(_))));
        let replaced = [Connect { create: true, ..elsewhere.clone() }, ending("a")];
        assert_eq!(connects.check(&replaced), Ok(()));
        let [new, _] = replaced.clone();
        assert_eq!(connects.apply(&replaced), [ConnectChange::Expired("a".to_owned()), ConnectChange::Created(new)]);
        assert_eq!(connects.apply(&[ending("of yesterday")]), [], "that is no error");
    }
}

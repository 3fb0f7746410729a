//! What rooms cost, counted: who is sent how many frames.

#![allow(clippy::disallowed_methods, reason = "tests make their own time")]

mod crowd;
mod networks;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use jitsi_wire::xmpp::{Element, Jid, Limits};

use super::{Effect, Muc, MucLimits, Sender};
use crate::c2s::SessionId;

/// A room `r`, and people who come to it.
struct World {
    muc: Muc,
    now: Instant,
    /// Where each session is, if that is known.
    addresses: BTreeMap<u64, IpAddr>,
}

impl World {
    fn new(limits: MucLimits) -> Self {
        let mut muc = Muc::new("d", Jid::full_of("focus", "auth.d", "focus"), limits);
        muc.create("r", "m");
        Self { muc, now: Instant::now(), addresses: BTreeMap::new() }
    }

    fn at(&mut self, session: u64, address: &str) {
        self.addresses.insert(session, address.parse().unwrap());
    }

    /// Session `n` says this; every frame that follows from it, by receiver.
    fn say(&mut self, n: u64, to: &str, stanza: &str) -> Vec<(u64, String)> {
        let jid = Jid::full_of(format!("u{n}"), "d", "x");
        let mut stanza = Element::parse(stanza, &Limits::default()).unwrap();
        stanza.set_attr("to", to);
        stanza.set_attr("from", jid.to_string());
        let address = self.addresses.get(&n).copied();
        let sender = Sender { session: SessionId(n), jid: &jid, address, now: self.now, wall: SystemTime::UNIX_EPOCH };
        self.muc.on_stanza(sender, &to.parse().unwrap(), stanza);
        self.sent()
    }

    fn sent(&mut self) -> Vec<(u64, String)> {
        let effects = std::iter::from_fn(|| self.muc.poll());
        let frame = |effect| match effect {
            Effect::Send { session, frame } => Some((session.0, frame)),
            _ => None,
        };
        effects.filter_map(frame).collect()
    }

    /// With a presence as large as those of today's clients.
    fn join(&mut self, n: u64) -> Vec<(u64, String)> {
        self.join_with(n, "")
    }

    fn join_with(&mut self, n: u64, inside: &str) -> Vec<(u64, String)> {
        let info = "x".repeat(1500);
        let join = format!(
            "<presence><x xmlns='http://jabber.org/protocol/muc'>{inside}</x><SourceInfo>{info}</SourceInfo></presence>"
        );
        self.say(n, &format!("r@conference.d/n{n}"), &join)
    }

    fn is_in(&self, n: u64) -> bool {
        self.muc.rooms["r"].by_session(SessionId(n)).is_some()
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

/// Frames by receiver.
fn counts(frames: &[(u64, String)]) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    frames.iter().for_each(|(to, _)| *counts.entry(*to).or_default() += 1);
    counts
}

/// Why what was just said was refused, if it was.
fn condition(frames: &[(u64, String)]) -> Option<String> {
    let (_, frame) = frames.last().filter(|(_, frame)| frame.contains("<error "))?;
    let frame = Element::parse(frame, &Limits::default()).unwrap();
    Some(frame.child("error")?.elements().next()?.name.clone())
}

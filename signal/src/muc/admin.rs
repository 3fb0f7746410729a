//! `muc#admin`: moderators grant, revoke and kick.

use std::collections::{BTreeSet, VecDeque};

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns};

use super::component::Sender;
use super::frames::Departure;
use super::limits::{MucLimits, reason_of};
use super::occupant::Occupant;
use super::room::Room;
use super::visitor::{LEAST, Visitor, too_much};
use super::{Affiliation, Effect};

/// Changes that one request may ask for.
const MAX_ITEMS: usize = 500;

enum Change {
    Kick { nick: String, reason: String },
    Affiliate { bare: String, affiliation: Affiliation, reason: String },
}

/// A get or set from a moderator. Changes are made all or none, and answered once, before anybody is told.
pub(super) fn handle(
    room: &mut Room,
    visitor: &mut Visitor,
    sender: Sender<'_>,
    iq: &Element,
    query: &Element,
    limits: &MucLimits,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let answer =
        if iq.attr("type") == Some("get") { iq_result(iq).with_child(list(room, query)?) } else { iq_result(iq) };
    let changes = if iq.attr("type") == Some("set") { changes(room, query)? } else { Vec::new() };
    let price = changes.iter().map(|change| price(room, change)).sum();
    if !visitor.pay(sender.now, price, limits) {
        return Err(too_much());
    }
    effects.push_back(Effect::Send { session: sender.session, frame: answer.to_string() });
    let actor = room.by_session(sender.session).map(|o| o.nick.clone()).unwrap_or_default();
    for change in changes {
        apply(room, &actor, &change, effects);
    }
    Ok(())
}

fn apply(room: &mut Room, actor: &str, change: &Change, effects: &mut VecDeque<Effect>) {
    match change {
        Change::Kick { nick, reason } => room.depart(nick, Departure::Kicked { actor, reason }, effects),
        Change::Affiliate { bare, affiliation, reason } => {
            room.affiliate(bare, *affiliation, actor, reason, effects);
            let (room, bare, affiliation) = (room.name.clone(), bare.as_str().into(), *affiliation);
            effects.push_back(Effect::Affiliated { room, bare, affiliation });
        }
    }
}

fn changes(room: &Room, query: &Element) -> Result<Vec<Change>, StanzaError> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let items: Vec<&Element> = query.children_in("item", ns::MUC_ADMIN).collect();
    if items.is_empty() || items.len() > MAX_ITEMS {
        return Err(bad());
    }
    let changes: Vec<Change> = items.into_iter().map(|item| change(room, item)).collect::<Result<_, _>>()?;
    let mut targets = BTreeSet::new();
    // Back and forth in one request would be told to everybody each time.
    if changes.iter().all(|change| targets.insert(change.target(room))) { Ok(changes) } else { Err(bad()) }
}

impl Change {
    /// Bare address of the one whom it concerns.
    fn target(&self, room: &Room) -> String {
        match self {
            Change::Kick { nick, .. } => room.by_nick(nick).map(Occupant::bare).unwrap_or_default(),
            Change::Affiliate { bare, .. } => bare.clone(),
        }
    }
}

/// Bytes that everybody is told when roles change. Who is sent away goes once, and of mere members nobody is told.
fn price(room: &Room, change: &Change) -> usize {
    match change {
        Change::Kick { .. } => 0,
        Change::Affiliate { bare, affiliation, .. } => {
            let concerned = room.clients().filter(|o| o.role() != affiliation.role() && o.bare() == *bare);
            concerned.map(|o| o.presence.bytes().max(LEAST)).sum()
        }
    }
}

fn change(room: &Room, item: &Element) -> Result<Change, StanzaError> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let reason = reason_of(item);
    let occupant = match item.attr("nick") {
        Some(nick) => Some(room.by_nick(nick).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?),
        None => None,
    };
    if occupant.is_some_and(Occupant::is_focus) {
        return Err(StanzaError::new(Condition::NotAllowed));
    }
    if let Some(affiliation) = item.attr("affiliation") {
        let affiliation = Affiliation::parse(affiliation).ok_or_else(bad)?;
        let jid = match (item.attr("jid"), occupant) {
            (Some(jid), _) => jid.parse::<Jid>().map_err(|_| bad())?,
            (None, Some(occupant)) => occupant.jid.clone(),
            (None, None) => return Err(bad()),
        };
        let of_focus = |o: &Occupant| o.is_focus() && o.jid.same_bare(&jid);
        if room.occupants.iter().any(of_focus) {
            return Err(StanzaError::new(Condition::NotAllowed));
        }
        return Ok(Change::Affiliate { bare: jid.to_bare().to_string(), affiliation, reason });
    }
    match (item.attr("role"), occupant) {
        (Some("none"), Some(occupant)) => Ok(Change::Kick { nick: occupant.nick.to_string(), reason }),
        // Roles follow from affiliations.
        (Some(_), Some(_)) => Err(StanzaError::new(Condition::NotAllowed)),
        _ => Err(bad()),
    }
}

/// Who has an affiliation.
fn list(room: &Room, query: &Element) -> Result<Element, StanzaError> {
    let wanted = query
        .children_in("item", ns::MUC_ADMIN)
        .next()
        .and_then(|item| item.attr("affiliation"))
        .and_then(Affiliation::parse)
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let items =
        room.affiliations.iter().filter(|(_, affiliation)| **affiliation == wanted).map(|(bare, affiliation)| {
            Element::new("item").with_attr("affiliation", affiliation.as_str()).with_attr("jid", &**bare)
        });
    Ok(Element::in_ns("query", ns::MUC_ADMIN).with_children(items))
}

//! `muc#admin`: moderators grant, revoke and kick.

use std::collections::VecDeque;

use jitsi_wire::xmpp::stanza::iq_result;
use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns};

use super::component::Sender;
use super::frames::Departure;
use super::occupant::Occupant;
use super::room::Room;
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
    sender: Sender<'_>,
    iq: &Element,
    query: &Element,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    let answer =
        if iq.attr("type") == Some("get") { iq_result(iq).with_child(list(room, query)?) } else { iq_result(iq) };
    let changes = if iq.attr("type") == Some("set") { changes(room, query)? } else { Vec::new() };
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
    items.into_iter().map(|item| change(room, item)).collect()
}

fn change(room: &Room, item: &Element) -> Result<Change, StanzaError> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let reason = item.child_text("reason").unwrap_or_default();
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

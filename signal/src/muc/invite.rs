//! Mediated invitations (XEP-0045, 7.8.2): how a moderator lets those in who wait in the lobby.

use std::collections::{BTreeSet, VecDeque};

use jitsi_wire::xmpp::{Condition, Element, Jid, StanzaError, ns};
use serde_json::json;

use super::component::Sender;
use super::limits::MucLimits;
use super::room::Room;
use super::visitor::{LEAST, Visitor, too_much};
use super::{Affiliation, Effect};

/// Makes members of those who are invited and tells them to come in. Who has gone in between is passed over: several may be
/// let in at once.
pub(super) fn admit(
    room: &mut Room,
    visitor: &mut Visitor,
    sender: Sender<'_>,
    to: &Jid,
    x: &Element,
    limits: &MucLimits,
    effects: &mut VecDeque<Effect>,
) -> Result<(), StanzaError> {
    if room.affiliation_of(&sender.jid.to_bare().to_string()) != Affiliation::Owner {
        return Err(StanzaError::new(Condition::Forbidden));
    }
    let invited: Vec<&str> = x.children_in("invite", ns::MUC_USER).filter_map(|invite| invite.attr("to")).collect();
    if invited.is_empty() || invited.len() > limits.waiting {
        return Err(StanzaError::new(Condition::BadRequest));
    }
    let guests: BTreeSet<Jid> = invited
        .into_iter()
        .map(|to| to.parse().map_err(|_| StanzaError::new(Condition::JidMalformed)))
        .collect::<Result<_, _>>()?;
    if !visitor.pay(sender.now, guests.len() * LEAST, limits) {
        return Err(too_much());
    }
    // A moderator in a breakout room is known to the lobby alone.
    let actor = room.by_session(sender.session).map(|o| o.nick.clone());
    for guest in guests {
        let Some(lobby) = &room.lobby else {
            return Err(StanzaError::new(Condition::ItemNotFound));
        };
        let Some(waiting) =
            lobby.waiting().find(|o| o.jid == guest || guest.resource.is_none() && o.jid.same_bare(&guest))
        else {
            continue;
        };
        lobby.invite(waiting, actor.as_deref().unwrap_or_default(), &to.domain, effects);
        let (bare, nick, name) = (waiting.bare(), waiting.nick.clone(), waiting.name.clone());
        room.affiliate(&bare, Affiliation::Member, "", "", effects);
        announce(room, actor.as_deref(), "LOBBY-ACCESS-GRANTED", &nick, name.as_deref(), effects);
    }
    Ok(())
}

/// Tells the meeting who let whom in, or did not.
pub(super) fn announce(
    room: &Room,
    actor: Option<&str>,
    event: &str,
    nick: &str,
    name: Option<&str>,
    effects: &mut VecDeque<Effect>,
) {
    if let Some(actor) = actor {
        let notice = json!({ "type": "lobby-notify", "event": event, "value": nick, "name": name.unwrap_or_default() });
        room.announce_json(actor, &notice, effects);
    }
}

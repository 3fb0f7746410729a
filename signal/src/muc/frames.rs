//! What occupants are sent. Each frame has the addresses of the one that gets it; all the rest is the same for everybody
//! and written once, so that a frame costs one allocation however often it goes out.

use std::collections::VecDeque;

use jitsi_wire::xmpp::xml::{escape_attr, escape_text};
use jitsi_wire::xmpp::{Element, ns};

use super::occupant::Occupant;
use super::presence::{Presence, written};
use super::{Affiliation, Effect, Role};

/// Status code of what concerns the receiver itself.
const SELF: &str = "<status code='110'/>";

/// The end of a moderator's presence, as it is told to itself. Where moderators keep something to themselves, today's clients
/// offer it only to those who are told like this that they may.
const PERMITTED: &str = "</x><permissions xmlns='http://jitsi.org/jitmeet'><p name='create-polls' val='true'/>\
                         <p name='send-groupchat' val='true'/><p name='send-private-message' val='true'/></permissions></presence>";

/// Why an occupant leaves, as the others are told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Departure<'a> {
    /// By itself; what its last presence contained.
    Left(&'a str),
    /// The connection is gone: there is nobody to echo to.
    Lost,
    Kicked {
        actor: &'a str,
        reason: &'a str,
    },
    Banned {
        actor: &'a str,
        reason: &'a str,
    },
    /// The room is gone. `next` is where to go instead.
    Destroyed {
        reason: &'a str,
        next: Option<&'a str>,
    },
}

pub(super) fn send(effects: &mut VecDeque<Effect>, to: &Occupant, frame: String) {
    if let Some(session) = to.session {
        effects.push_back(Effect::Send { session, frame });
    }
}

/// The presence of an occupant, as it is told to another or to itself.
pub(super) fn presence(of: &Occupant, to: &Occupant) -> String {
    let (own, end) = match (of.nick == to.nick, of.is_moderator()) {
        (true, true) => (SELF, PERMITTED),
        (true, false) => (SELF, "</x></presence>"),
        (false, _) => ("", "</x></presence>"),
    };
    let Presence { attrs, children } = &of.presence;
    let start = "<presence xmlns='jabber:client' from='";
    [start, &to.address, "/", &of.nick, "' to='", &to.to, "'", attrs, ">", children, of.item(), own, end].concat()
}

/// A presence of type `unavailable`: what everybody is told, without the addresses.
pub(super) struct Farewell<'a> {
    nick: &'a str,
    body: String,
}

impl<'a> Farewell<'a> {
    pub(super) fn of(occupant: &'a Occupant, why: Departure<'_>) -> Self {
        Self { nick: &occupant.nick, body: farewell(occupant, why) }
    }

    pub(super) fn to(&self, to: &Occupant) -> String {
        let own = if *to.nick == *self.nick { SELF } else { "" };
        let head = "<presence xmlns='jabber:client' type='unavailable' from='";
        [head, &to.address, "/", self.nick, "' to='", &to.to, "'>", &self.body, own, "</x></presence>"].concat()
    }
}

fn farewell(of: &Occupant, why: Departure<'_>) -> String {
    let mut body = String::new();
    let banned = matches!(why, Departure::Banned { .. });
    let affiliation = if banned { Affiliation::Outcast } else { Affiliation::None };
    match why {
        Departure::Left(children) => {
            body.push_str(children);
            open_item(&mut body, affiliation, Role::None, &of.to);
            body.push_str("/>");
        }
        Departure::Lost => {
            open_item(&mut body, affiliation, Role::None, &of.to);
            body.push_str("/>");
        }
        Departure::Kicked { actor, reason } | Departure::Banned { actor, reason } => {
            open_item(&mut body, affiliation, Role::None, &of.to);
            body.push_str("><actor nick='");
            escape_attr(actor, &mut body);
            body.push_str("'/>");
            push_reason(&mut body, reason);
            body.push_str("</item><status code='");
            body.push_str(if banned { "301" } else { "307" });
            body.push_str("'/>");
        }
        Departure::Destroyed { reason, next } => {
            open_item(&mut body, affiliation, Role::None, &of.to);
            body.push_str("/><destroy");
            if let Some(next) = next {
                body.push_str(" jid='");
                escape_attr(next, &mut body);
                body.push('\'');
            }
            body.push('>');
            push_reason(&mut body, reason);
            body.push_str("</destroy>");
        }
    }
    body
}

fn push_reason(out: &mut String, reason: &str) {
    out.push_str("<reason>");
    escape_text(reason, out);
    out.push_str("</reason>");
}

/// The `x` of `muc#user` with somebody's standing, but for what follows the item. `jid` is already escaped.
pub(super) fn item(affiliation: Affiliation, jid: &str) -> Box<str> {
    let mut out = String::with_capacity(160);
    open_item(&mut out, affiliation, affiliation.role(), jid);
    out.push_str("/>");
    out.into()
}

fn open_item(out: &mut String, affiliation: Affiliation, role: Role, jid: &str) {
    let (affiliation, role) = (affiliation.as_str(), role.as_str());
    for part in
        ["<x xmlns='", ns::MUC_USER, "'><item affiliation='", affiliation, "' role='", role, "' jid='", jid, "'"]
    {
        out.push_str(part);
    }
}

/// A stanza of an occupant, written but for the addresses.
pub(super) struct Relayed {
    /// Up to the value of `from`.
    start: String,
    /// Attributes after the addresses.
    attrs: String,
    /// Children and end.
    rest: String,
}

impl Relayed {
    pub(super) fn new(stanza: &Element) -> Self {
        let Presence { attrs, children } = written(stanza);
        let mut attrs = String::from(attrs);
        if let Some(id) = stanza.attr("id") {
            attrs.push_str(" id='");
            escape_attr(id, &mut attrs);
            attrs.push('\'');
        }
        let rest = match &*children {
            "" => "/>".to_owned(),
            children => [">", children, "</", &stanza.name, ">"].concat(),
        };
        Self { start: start(&stanza.name, stanza.attr("type")), attrs, rest }
    }

    pub(super) fn frame(&self, from: &str, to: &Occupant) -> String {
        [&self.start, &*to.address, "/", from, "' to='", &to.to, "'", &self.attrs, &self.rest].concat()
    }
}

/// A stanza to one occupant from another.
pub(super) fn relayed(stanza: &Element, from: &Occupant, to: &Occupant) -> String {
    Relayed::new(stanza).frame(&from.nick, to)
}

fn start(name: &str, kind: Option<&str>) -> String {
    let mut start = ["<", name, " xmlns='jabber:client'"].concat();
    if let Some(kind) = kind {
        start.push_str(" type='");
        escape_attr(kind, &mut start);
        start.push('\'');
    }
    start.push_str(" from='");
    start
}

/// A message to all from the room itself, or from one of its occupants. `children` are already written.
pub(super) fn groupchat(from: Option<&str>, to: &Occupant, children: &str) -> String {
    let (slash, nick) = from.map_or(("", ""), |nick| ("/", nick));
    let start = "<message xmlns='jabber:client' type='groupchat' from='";
    [start, &*to.address, slash, nick, "' to='", &to.to, "'>", children, "</message>"].concat()
}

#[cfg(test)]
mod tests {
    use jitsi_wire::xmpp::{Jid, Limits};

    use super::*;

    fn occupant(nick: &str) -> Occupant {
        Occupant::named(&Jid::full_of(nick, "d", "it's"), "a&b@r", nick)
    }

    #[test]
    fn a_departure_says_who_and_why_to_everybody_and_that_it_is_meant_to_one() {
        let (ada, bob) = (occupant("ada"), occupant("bob"));
        let why = Departure::Kicked { actor: "bob", reason: "a < b" };
        let farewell = Farewell::of(&ada, why);
        let told = "<presence xmlns='jabber:client' type='unavailable' from='a&amp;b@r/ada' to='bob@d/it&apos;s'>\
                    <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none' jid='ada@d/it&apos;s'>\
                    <actor nick='bob'/><reason>a &lt; b</reason></item><status code='307'/></x></presence>";
        assert_eq!(farewell.to(&bob), told);
        assert!(farewell.to(&ada).ends_with("<status code='307'/><status code='110'/></x></presence>"));
    }

    #[test]
    fn every_frame_is_one_element() {
        let (ada, bob) = (occupant("ada"), occupant("bob"));
        let stanza =
            Element::parse("<message type='chat' id='a&apos;b'><body>1 &lt; 2</body></message>", &Limits::default());
        let departures = [
            Departure::Left("<status>switch_room</status>"),
            Departure::Lost,
            Departure::Banned { actor: "focus", reason: "" },
            Departure::Destroyed { reason: "&", next: Some("a&b@r") },
            Departure::Destroyed { reason: "", next: None },
        ];
        let mut frames: Vec<String> = departures.iter().map(|why| Farewell::of(&ada, *why).to(&bob)).collect();
        frames.push(presence(&ada, &bob));
        frames.push(relayed(&stanza.unwrap(), &ada, &bob));
        frames.push(groupchat(Some("ada"), &bob, "<subject/>"));
        frames.push(groupchat(None, &bob, ""));
        for frame in frames {
            let element = Element::parse(&frame, &Limits::default()).unwrap();
            assert_eq!(element.attr("to"), Some("bob@d/it's"), "{frame}");
            assert!(element.attr("from").unwrap().starts_with("a&b@r"), "{frame}");
            assert_eq!(frame.capacity(), frame.len(), "one allocation, and no more than is needed");
        }
    }
}

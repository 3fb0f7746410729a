//! A client that knows the box by another name.
//!
//! The box is one XMPP domain. A stream opened to any other name sees that name, and the components below it, in place of
//! the domain; nobody else does. The mapping is done here, where stanzas come in and go out, and nowhere else.

use jitsi_wire::xmpp::{Element, Limits, Node};
use serde_json::Value;

use crate::components::Component;

/// Components whose names are made of the domain, beside those that ride on rooms.
const COMPONENTS: [&str; 5] = ["", "conference", "lobby", "focus", "auth"];

/// Attributes that hold an address.
const ADDRESSES: [&str; 14] = [
    "to",
    "from",
    "room",
    "jid",
    "focusjid",
    "initiator",
    "responder",
    "actor",
    "owner",
    "jidToWhitelist",
    "jidToBlacklist",
    "breakoutRoomJid",
    "participantJid",
    "roomJid",
];

/// Elements whose text is an address.
const ADDRESS_TEXTS: [&str; 3] = ["jid", "lobbyroom", "value"];

/// The name that one stream uses for the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    theirs: Box<str>,
    ours: Box<str>,
}

impl Alias {
    /// None when the client uses the domain's own name.
    pub fn between(theirs: &str, ours: &str) -> Option<Self> {
        (theirs != ours).then(|| Self { theirs: theirs.into(), ours: ours.into() })
    }

    /// Rewrites what the client sent.
    pub fn map_in(&self, element: &mut Element) {
        map(element, &self.theirs, &self.ours);
    }

    /// Rewrites what the client is to get.
    pub fn map_out(&self, frame: &str) -> String {
        let limits = Limits { bytes: usize::MAX, depth: 128, attributes: 256, elements: usize::MAX };
        match Element::parse(frame, &limits) {
            Ok(mut element) => {
                let of_service = element.attr("from").is_some_and(|from| !from.contains('@'));
                map(&mut element, &self.ours, &self.theirs);
                if of_service {
                    self.map_json(&mut element);
                }
                element.to_string()
            }
            // Only what is no element at all, and that names nobody.
            Err(_) => frame.to_owned(),
        }
    }
}

impl Alias {
    /// What services say in JSON is full of addresses. What people say to each other is theirs.
    fn map_json(&self, message: &mut Element) {
        for child in &mut message.children {
            if let Node::Element(child) = child
                && child.name == "json-message"
                && let Ok(mut json) = serde_json::from_str(&child.text())
            {
                map_value(&mut json, &self.ours, &self.theirs);
                child.children = vec![Node::Text(json.to_string())];
            }
        }
    }
}

fn map_value(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => {
            if let Some(mapped) = map_address(text, from, to) {
                *text = mapped;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| map_value(value, from, to)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            fields.extend(old.into_iter().map(|(name, mut value)| {
                map_value(&mut value, from, to);
                (map_address(&name, from, to).unwrap_or(name), value)
            }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn map(element: &mut Element, from: &str, to: &str) {
    let is_component = element.name == "identity" && element.attr("category") == Some("component");
    for (name, value) in &mut element.attrs {
        if (ADDRESSES.contains(&name.as_str()) || is_component && name == "name")
            && let Some(mapped) = map_address(value, from, to)
        {
            *value = mapped;
        }
    }
    let is_address = ADDRESS_TEXTS.contains(&element.name.as_str());
    for child in &mut element.children {
        match child {
            Node::Element(child) => map(child, from, to),
            Node::Text(text) if is_address => {
                if let Some(mapped) = map_address(text, from, to) {
                    *text = mapped;
                }
            }
            Node::Text(_) => {}
        }
    }
}

/// The address with its domain mapped, when it has the domain.
fn map_address(address: &str, from: &str, to: &str) -> Option<String> {
    let (bare, resource) = match address.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (address, None),
    };
    let (node, domain) = match bare.split_once('@') {
        Some((node, domain)) => (Some(node), domain),
        None => (None, bare),
    };
    let (label, dot) = match domain.len().checked_sub(from.len())? {
        0 => ("", ""),
        end => (domain.get(..end)?.strip_suffix('.')?, "."),
    };
    let tail = domain.get(domain.len() - from.len()..)?;
    let mut labels = COMPONENTS.into_iter().chain(Component::ALL.map(Component::label));
    let label = labels.find(|known| tail.eq_ignore_ascii_case(from) && label.eq_ignore_ascii_case(known))?;
    let mut mapped = String::with_capacity(address.len() + to.len());
    if let Some(node) = node {
        mapped.push_str(node);
        mapped.push('@');
    }
    mapped.push_str(label);
    mapped.push_str(dot);
    mapped.push_str(to);
    if let Some(resource) = resource {
        mapped.push('/');
        mapped.push_str(resource);
    }
    Some(mapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_mapped_and_nothing_else() {
        let alias = Alias::between("192.168.1.5", "moothall.internal").unwrap();
        let text = "<iq xmlns='jabber:client' to='focus.192.168.1.5' id='192.168.1.5'><conference room='a@conference.192.168.1.5'>\
                    <jid>u@192.168.1.5/r</jid><x jid='x@other.192.168.1.5'>192.168.1.5</x></conference></iq>";
        let mut element = Element::parse(text, &Limits::default()).unwrap();
        alias.map_in(&mut element);
        let mapped = "<iq xmlns='jabber:client' to='focus.moothall.internal' id='192.168.1.5'><conference room='a@conference.moothall.internal'>\
                      <jid>u@moothall.internal/r</jid><x jid='x@other.192.168.1.5'>192.168.1.5</x></conference></iq>";
        assert_eq!(element.to_string(), mapped);
        assert_eq!(alias.map_out(mapped), text);
    }

    #[test]
    fn a_lobby_is_found_where_it_is_named() {
        let alias = Alias::between("192.168.1.5", "moothall.internal").unwrap();
        let text = "<x><identity category='component' type='lobbyrooms' name='lobby.moothall.internal'/>\
                    <identity category='server' type='im' name='moothall.internal'/>\
                    <lobbyroom>a@lobby.moothall.internal</lobbyroom><value>a@lobby.moothall.internal</value></x>";
        let mapped = "<x><identity category='component' type='lobbyrooms' name='lobby.192.168.1.5'/>\
                      <identity category='server' type='im' name='moothall.internal'/>\
                      <lobbyroom>a@lobby.192.168.1.5</lobbyroom><value>a@lobby.192.168.1.5</value></x>";
        assert_eq!(alias.map_out(text), mapped);
    }

    #[test]
    fn what_services_say_in_json_is_mapped_and_what_people_say_is_not() {
        let alias = Alias::between("box.local", "moothall.internal").unwrap();
        let json = |from: &str, domain: &str| {
            format!(
                "<message from='{from}'><json-message>{{\"list\":[\"a@conference.{domain}/n\"],\"r@breakout.{domain}/n\":7}}</json-message></message>"
            )
        };
        assert_eq!(
            alias.map_out(&json("avmoderation.moothall.internal", "moothall.internal")),
            json("avmoderation.box.local", "box.local")
        );
        let said = alias.map_out(&json("r@conference.moothall.internal/n", "moothall.internal"));
        assert_eq!(said, json("r@conference.box.local/n", "moothall.internal"));
    }

    #[test]
    fn the_domain_itself_is_no_alias() {
        assert_eq!(Alias::between("a.b", "a.b"), None);
        assert!(Alias::between("A.b", "a.b").is_some());
    }
}

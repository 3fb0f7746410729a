//! What of a client's presence or message is relayed.

use jitsi_wire::xmpp::{Element, Node, ns};

/// A presence as it is kept and relayed: already written, because it is sent many times and read never.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Presence {
    /// Attributes of the stanza that go along, each with a blank in front: `xml:lang` and declared prefixes.
    pub(super) attrs: Box<str>,
    /// The children, in order.
    pub(super) children: Box<str>,
}

impl Presence {
    pub(super) fn bytes(&self) -> usize {
        self.attrs.len() + self.children.len()
    }
}

/// What a client must not be able to say. The clients look for these elements by namespace at any depth, so a forged one
/// inside another element counts as well, and so does one that hides behind a prefix.
fn forges(element: &Element, xmlns: &str) -> bool {
    element.attrs.iter().any(|(name, value)| value == xmlns && (name == "xmlns" || name.starts_with("xmlns:")))
        || element.elements().any(|child| forges(child, xmlns))
}

/// Takes away the prefixes that the stanza itself declares for what only the server says, and with them all that is inside
/// it: what uses such a prefix would be ill-formed without it.
fn strip_prefixes(stanza: &mut Element, reserved: &[&str]) {
    let is_reserved =
        |(name, value): &(String, String)| name.starts_with("xmlns:") && reserved.contains(&value.as_str());
    if stanza.attrs.iter().any(is_reserved) {
        stanza.attrs.retain(|attr| !is_reserved(attr));
        stanza.children.clear();
    }
}

fn local_name(element: &Element) -> &str {
    match element.name.split_once(':') {
        Some((_, local)) => local,
        None => &element.name,
    }
}

/// Removes from a presence what only the server may say: the MUC `x` of a join with its password, anything of `muc#user`,
/// and the `identity` that comes from a token. Everything else stays as it was written.
pub(super) fn strip_presence(stanza: &mut Element) {
    strip_prefixes(stanza, &[ns::MUC_USER]);
    stanza.retain_elements(|child| {
        child.xmlns() != Some(ns::MUC) && local_name(child) != "identity" && !forges(child, ns::MUC_USER)
    });
}

/// Removes from a message what only the server may say (the room's own words, and that a message is an old one), and from a
/// message to all what would give its sender another name. A text that hides behind a prefix goes too: clients find it, and
/// nothing here counts it as one.
pub(super) fn strip_message(stanza: &mut Element, to_all: bool) {
    strip_prefixes(stanza, &[ns::MUC_USER, ns::DELAY, ns::OLD_DELAY]);
    // COMPAT(lib-jitsi-meet, 2022): any subject is the meeting's new title to it, whatever else the message says.
    let may_entitle = to_all && stanza.child("body").is_none();
    stanza.retain_elements(|child| {
        let entitles = local_name(child) == "subject" && !(may_entitle && child.name == "subject");
        let is_delayed = local_name(child) == "delay" || forges(child, ns::DELAY) || forges(child, ns::OLD_DELAY);
        let renames = matches!(local_name(child), "nick" | "display-name");
        let hides = child.name != "body" && local_name(child) == "body";
        !(forges(child, ns::MUC_USER) || is_delayed || entitles || hides || to_all && renames)
    });
    for child in &mut stanza.children {
        // COMPAT(lib-jitsi-meet): it sends `reply` without a namespace and reads it only with one.
        if let Node::Element(child) = child
            && child.name == "reply"
            && child.xmlns().is_none_or(|own| own == ns::CLIENT)
        {
            child.set_attr("xmlns", ns::REPLY);
        }
    }
}

/// Writes the part of a stripped stanza that is relayed.
pub(super) fn written(stanza: &Element) -> Presence {
    let mut attrs = String::new();
    for (name, value) in &stanza.attrs {
        if name.starts_with("xmlns:") || name == "xml:lang" {
            attrs.push(' ');
            attrs.push_str(name);
            attrs.push_str("='");
            jitsi_wire::xmpp::xml::escape_attr(value, &mut attrs);
            attrs.push('\'');
        }
    }
    let mut children = String::new();
    for child in &stanza.children {
        // White space between elements is nobody's content.
        if let Node::Element(child) = child {
            child.write_to(&mut children);
        }
    }
    Presence { attrs: attrs.into(), children: children.into() }
}

#[cfg(test)]
mod tests {
    use jitsi_wire::xmpp::Limits;

    use super::*;

    fn relayed(text: &str) -> Presence {
        let mut stanza = Element::parse(text, &Limits::default()).unwrap();
        strip_presence(&mut stanza);
        written(&stanza)
    }

    #[test]
    fn unknown_children_are_relayed_as_they_were_written() {
        let text = "<presence xmlns='jabber:client' to='a@b/c'><x xmlns='http://jabber.org/protocol/muc'><password>s</password></x>\
                    <new xmlns='urn:x' a='&amp;1'><deep/>t&lt;</new><SourceInfo>{}</SourceInfo><identity><user/></identity></presence>";
        assert_eq!(
            &*relayed(text).children,
            "<new xmlns='urn:x' a='&amp;1'><deep/>t&lt;</new><SourceInfo>{}</SourceInfo>"
        );
    }

    #[test]
    fn nobody_can_forge_an_occupants_item() {
        let forged = [
            "<x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x>",
            "<a><x xmlns='http://jabber.org/protocol/muc#user'><item role='moderator'/></x></a>",
            "<p:x xmlns:p='http://jabber.org/protocol/muc#user'><p:item role='moderator'/></p:x>",
            "<a><p:x xmlns:p='http://jabber.org/protocol/muc#user'/></a>",
        ];
        for child in forged {
            let text = format!("<presence>{child}<ok/></presence>");
            assert_eq!(&*relayed(&text).children, "<ok/>", "{child}");
        }
        let root =
            "<presence xmlns:p='http://jabber.org/protocol/muc#user' xmlns:q='u' xml:lang='de'><p:x/><ok/></presence>";
        assert_eq!(&*relayed(root).attrs, " xmlns:q='u' xml:lang='de'");
        assert_eq!(&*relayed(root).children, "", "nothing is left that uses a prefix which is not declared");
    }

    #[test]
    fn a_title_comes_alone_and_to_all() {
        let relayed = |text: &str, to_all| {
            let mut stanza = Element::parse(text, &Limits::default()).unwrap();
            strip_message(&mut stanza, to_all);
            stanza.to_string()
        };
        let title = "<message><subject>x</subject></message>";
        assert_eq!(relayed(title, true), title);
        assert_eq!(relayed(title, false), "<message/>");
        assert_eq!(
            relayed("<message><subject>x</subject><body>y</body></message>", true),
            "<message><body>y</body></message>"
        );
        assert_eq!(relayed("<message><p:subject xmlns:p='jabber:client'>x</p:subject></message>", true), "<message/>");
    }

    #[test]
    fn nobody_can_date_a_message_by_a_prefix() {
        let text =
            "<message xmlns:p='urn:xmpp:delay'><p:delay stamp='2000-01-01T00:00:00Z'/><a><p:delay/></a></message>";
        let mut stanza = Element::parse(text, &Limits::default()).unwrap();
        strip_message(&mut stanza, false);
        assert_eq!(stanza.to_string(), "<message/>");
    }

    #[test]
    fn a_message_to_all_loses_its_nick_and_its_reply_gets_a_namespace() {
        let text = "<message><body>x</body><nick xmlns='http://jabber.org/protocol/nick'>boss</nick><reply to='m1'/>\
                    <delay xmlns='urn:xmpp:delay' stamp='2000-01-01T00:00:00Z'/><x xmlns='jabber:x:delay' stamp='20000101T00:00:00'/></message>";
        let mut stanza = Element::parse(text, &Limits::default()).unwrap();
        strip_message(&mut stanza, true);
        assert_eq!(stanza.to_string(), "<message><body>x</body><reply to='m1' xmlns='urn:xmpp:reply:0'/></message>");
    }
}

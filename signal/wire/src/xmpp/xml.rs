//! A small element tree that keeps names, attributes and `xmlns` exactly as they were written.
//!
//! Jitsi's clients compare the literal `xmlns` attribute of elements and know neither inheritance nor prefixes. So a
//! namespace is an attribute like any other here: what was built or parsed is what [`Element::write_to`] writes.

use std::fmt;

use super::parse::{self, Limits, ParseError, is_char};

/// One XML element.
///
/// ```
/// use jitsi_wire::xmpp::{Element, ns};
/// let iq = Element::in_ns("iq", ns::CLIENT)
///     .with_attr("type", "get")
///     .with_child(Element::in_ns("ping", ns::PING));
/// assert_eq!(iq.to_string(), "<iq xmlns='jabber:client' type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Name as written, with its prefix if it has one.
    pub name: String,
    /// Names and values in the order of writing, `xmlns` among them.
    pub attrs: Vec<(String, String)>,
    pub children: Vec<Node>,
}

/// What an element contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Element(Element),
    Text(String),
}

/// Building.
impl Element {
    /// An element without attributes.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), attrs: Vec::new(), children: Vec::new() }
    }

    /// An element whose first attribute is its own literal `xmlns`.
    pub fn in_ns(name: impl Into<String>, xmlns: &str) -> Self {
        Self::new(name).with_attr("xmlns", xmlns)
    }

    /// Adds an attribute; replaces the value when it is there already.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_attr(name, value);
        self
    }

    /// Adds an attribute when there is a value.
    #[must_use]
    pub fn with_attr_opt(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with_attr(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn with_child(mut self, child: Element) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.children.push(Node::Text(text));
        }
        self
    }

    /// Sets an attribute in place, or appends it.
    pub fn set_attr(&mut self, name: &str, value: impl Into<String>) {
        match self.attrs.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value.into(),
            None => self.attrs.push((name.to_owned(), value.into())),
        }
    }

    /// Removes an attribute and returns its value.
    pub fn remove_attr(&mut self, name: &str) -> Option<String> {
        let at = self.attrs.iter().position(|(n, _)| n == name)?;
        Some(self.attrs.remove(at).1)
    }

    /// Appends a child.
    pub fn push(&mut self, child: Element) {
        self.children.push(Node::Element(child));
    }

    /// Keeps the child elements for which `keep` is true, and all text.
    pub fn retain_elements(&mut self, mut keep: impl FnMut(&Element) -> bool) {
        self.children.retain(|node| match node {
            Node::Element(element) => keep(element),
            Node::Text(_) => true,
        });
    }
}

/// Reading.
impl Element {
    /// Value of the attribute `name`, which is compared as written.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The element's own literal `xmlns`.
    pub fn xmlns(&self) -> Option<&str> {
        self.attr("xmlns")
    }

    /// Name and own literal `xmlns` are these.
    pub fn is(&self, name: &str, xmlns: &str) -> bool {
        self.name == name && self.xmlns() == Some(xmlns)
    }

    /// All child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// First child with this name, of whatever namespace.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|e| e.name == name)
    }

    /// All children with this name, of whatever namespace.
    pub fn children_named<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Element> + use<'a, 'n> {
        self.elements().filter(move |e| e.name == name)
    }

    /// First child with this name in this namespace: its own literal `xmlns`, or the one it inherits from this element.
    pub fn child_in<'a>(&'a self, name: &str, xmlns: &str) -> Option<&'a Element> {
        self.children_in(name, xmlns).next()
    }

    /// All children with this name in this namespace, own or inherited from this element.
    ///
    /// When neither the child nor this element has an `xmlns`, the name decides: what lies further up is not known here.
    pub fn children_in<'a, 'n>(
        &'a self,
        name: &'n str,
        xmlns: &'n str,
    ) -> impl Iterator<Item = &'a Element> + use<'a, 'n> {
        let inherited = self.xmlns().is_none_or(|own| own == xmlns);
        self.children_named(name).filter(move |e| e.xmlns().map_or(inherited, |own| own == xmlns))
    }

    /// The text directly inside this element, its parts joined.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) => None,
            })
            .collect()
    }

    /// Text of the first child with this name.
    pub fn child_text(&self, name: &str) -> Option<String> {
        self.child(name).map(Element::text)
    }
}

/// Bytes.
impl Element {
    /// Parses one complete element, surrounded by nothing but white space.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, ParseError> {
        parse::parse(text, limits)
    }

    /// Appends the element: every attribute as it stands, values in single quotes.
    pub fn write_to(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attrs {
            out.push(' ');
            out.push_str(name);
            out.push_str("='");
            escape_attr(value, out);
            out.push('\'');
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in &self.children {
            child.write_to(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }

    /// Size of the tree: elements, this one included.
    pub fn count(&self) -> usize {
        self.elements().map(Element::count).sum::<usize>() + 1
    }
}

impl Node {
    /// Appends the node.
    pub fn write_to(&self, out: &mut String) {
        match self {
            Node::Element(element) => element.write_to(out),
            Node::Text(text) => escape_text(text, out),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_to(&mut out);
        f.write_str(&out)
    }
}

/// Appends `text` as character data.
pub fn escape_text(text: &str, out: &mut String) {
    escape(text, out, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends `value` as the inside of a quoted attribute, either quote.
pub fn escape_attr(value: &str, out: &mut String) {
    escape(value, out, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\'' => Some("&apos;"),
        '"' => Some("&quot;"),
        '\n' => Some("&#10;"),
        '\t' => Some("&#9;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// What XML cannot say becomes a replacement character: JSON can say it, and a client's parser would end its stream.
fn escape(text: &str, out: &mut String, entity: impl Fn(char) -> Option<&'static str>) {
    let entity = |c| entity(c).or_else(|| (!is_char(c)).then_some("\u{fffd}"));
    let mut rest = text;
    while let Some((at, c, with)) = rest.char_indices().find_map(|(at, c)| entity(c).map(|with| (at, c, with))) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(with);
        rest = after.get(c.len_utf8()..).unwrap_or_default();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_literal_xmlns_is_written_even_where_the_parent_has_the_same() {
        let x = Element::in_ns("a", "u:1").with_child(Element::in_ns("b", "u:1"));
        assert_eq!(x.to_string(), "<a xmlns='u:1'><b xmlns='u:1'/></a>");
    }

    #[test]
    fn text_and_attributes_survive_a_round_trip() {
        let nasty = "a<b>&\"'\n\t]]> é 🎉";
        let x = Element::new("a").with_attr("v", nasty).with_text(nasty);
        let back = Element::parse(&x.to_string(), &Limits::default()).unwrap();
        assert_eq!(back, x);
        assert_eq!(back.text(), nasty);
    }

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        let x = Element::new("a").with_attr("v", "\u{ffff}x").with_text("a\u{fffe}b\u{0}\u{1b}");
        let back = Element::parse(&x.to_string(), &Limits::default()).unwrap();
        assert_eq!((back.attr("v"), &*back.text()), (Some("\u{fffd}x"), "a\u{fffd}b\u{fffd}\u{fffd}"));
    }

    #[test]
    fn a_child_inherits_the_namespace_of_its_parent_for_lookup_only() {
        let x = Element::parse(
            "<iq xmlns='jabber:client'><query xmlns='q'><item/><item xmlns='other'/></query></iq>",
            &Limits::default(),
        )
        .unwrap();
        assert!(x.child_in("query", "q").is_some());
        assert!(x.child_in("query", "jabber:client").is_none());
        let query = x.child("query").unwrap();
        assert_eq!(query.children_in("item", "q").count(), 1);
        assert_eq!(query.child("item").unwrap().xmlns(), None);
    }
}

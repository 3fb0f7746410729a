//! The parser: one complete element from text that may be hostile.
//!
//! What passes is well-formed with respect to namespaces, because clients parse what is relayed to them with the
//! browser's strict parser: one undeclared prefix would kill every client in the room.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::xml::{Element, Node};

const XML_URI: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

/// Prefixes in scope at once. Each name is looked for among them, and nobody who means well has more than a few.
const MAX_PREFIXES: usize = 16;

/// What a text may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text.
    pub bytes: usize,
    /// Elements inside each other, the outermost counted.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Elements in all: a tree of empty elements takes some twenty times the memory of its text.
    pub elements: usize,
}

impl Limits {
    /// A stanza of a client.
    pub const STANZA: Limits = Limits { bytes: 512 * 1024, depth: 32, attributes: 64, elements: 16 * 1024 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::STANZA
    }
}

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("longer than allowed")]
    TooLong,
    #[error("elements nested deeper than allowed")]
    TooDeep,
    #[error("more attributes on one element than allowed")]
    TooManyAttributes,
    #[error("more elements than allowed")]
    TooManyElements,
    #[error("not well-formed")]
    NotWellFormed,
    #[error("a declaration, document type, processing instruction or comment")]
    Restricted,
    #[error("a prefix that is not declared, or declared wrongly, or too many of them")]
    Prefix,
    #[error("a character that XML does not allow")]
    Character,
    #[error("something after the end of the element, or nothing at all")]
    NotOneElement,
}

pub(super) fn parse(text: &str, limits: &Limits) -> Result<Element, ParseError> {
    if text.len() > limits.bytes {
        return Err(ParseError::TooLong);
    }
    check_characters(text)?;
    let mut reader = Reader::from_str(text);
    let mut tree = Tree::new(limits);
    loop {
        match reader.read_event().map_err(|_| ParseError::NotWellFormed)? {
            Event::Start(start) => tree.open(&start)?,
            Event::Empty(start) => {
                tree.open(&start)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let resolved = reference.resolve_char_ref().map_err(|_| ParseError::Character)?;
                match resolved {
                    Some(c) => tree.text(c.encode_utf8(&mut [0; 4]))?,
                    None => tree.text(resolve_predefined_entity(&reference).ok_or(ParseError::NotWellFormed)?)?,
                }
            }
            Event::Decl(_) | Event::DocType(_) | Event::PI(_) | Event::Comment(_) => {
                return Err(ParseError::Restricted);
            }
            Event::Eof => return tree.finish(),
        }
    }
}

/// The tree so far and the prefixes in scope.
struct Tree<'l> {
    limits: &'l Limits,
    open: Vec<Element>,
    /// Prefix, URI, and the depth at which it was declared.
    prefixes: Vec<(String, String, usize)>,
    elements: usize,
    root: Option<Element>,
}

impl<'l> Tree<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { limits, open: Vec::new(), prefixes: Vec::new(), elements: 0, root: None }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), ParseError> {
        if self.root.is_some() {
            return Err(ParseError::NotOneElement);
        }
        if self.open.len() >= self.limits.depth {
            return Err(ParseError::TooDeep);
        }
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(ParseError::TooManyElements);
        }
        let mut element = Element::new(start.name().into_inner());
        for attribute in start.attributes() {
            if element.attrs.len() >= self.limits.attributes {
                return Err(ParseError::TooManyAttributes);
            }
            let attribute = attribute.map_err(|_| ParseError::NotWellFormed)?;
            if attribute.value.contains('<') {
                return Err(ParseError::NotWellFormed);
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| ParseError::NotWellFormed)?;
            check_characters(&value)?;
            element.attrs.push((attribute.key.into_inner().to_owned(), value.into_owned()));
        }
        self.declare(&element)?;
        self.check_names(&element)?;
        self.open.push(element);
        Ok(())
    }

    /// Takes note of the prefixes that `element` declares.
    fn declare(&mut self, element: &Element) -> Result<(), ParseError> {
        let depth = self.open.len();
        for (name, uri) in &element.attrs {
            if name == "xmlns" && (uri == XML_URI || uri == XMLNS_URI) {
                return Err(ParseError::Prefix);
            }
            let Some(prefix) = name.strip_prefix("xmlns:") else {
                continue;
            };
            let allowed = match prefix {
                "xml" => uri == XML_URI,
                "xmlns" => false,
                _ => !uri.is_empty() && uri != XML_URI && uri != XMLNS_URI,
            };
            if !allowed || !is_nc_name(prefix) || self.prefixes.len() >= MAX_PREFIXES {
                return Err(ParseError::Prefix);
            }
            self.prefixes.push((prefix.to_owned(), uri.clone(), depth));
        }
        Ok(())
    }

    fn check_names(&self, element: &Element) -> Result<(), ParseError> {
        let (prefix, local) = split(&element.name);
        if !is_nc_name(local) || prefix == Some("xmlns") {
            return Err(ParseError::NotWellFormed);
        }
        self.resolve(prefix)?;
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (name, _) in &element.attrs {
            let (prefix, local) = split(name);
            if !is_nc_name(local) {
                return Err(ParseError::NotWellFormed);
            }
            if prefix == Some("xmlns") {
                continue;
            }
            // Two prefixes for one namespace make one name of two attributes.
            if let Some(uri) = self.resolve(prefix)? {
                if seen.contains(&(uri, local)) {
                    return Err(ParseError::Prefix);
                }
                seen.push((uri, local));
            }
        }
        Ok(())
    }

    fn resolve(&self, prefix: Option<&str>) -> Result<Option<&str>, ParseError> {
        match prefix {
            None => Ok(None),
            Some("xml") => Ok(Some(XML_URI)),
            Some(prefix) => self
                .prefixes
                .iter()
                .rev()
                .find(|(p, _, _)| p == prefix)
                .map(|(_, uri, _)| Some(uri.as_str()))
                .ok_or(ParseError::Prefix),
        }
    }

    fn close(&mut self) -> Result<(), ParseError> {
        let element = self.open.pop().ok_or(ParseError::NotWellFormed)?;
        let depth = self.open.len();
        while self.prefixes.last().is_some_and(|(_, _, d)| *d >= depth) {
            self.prefixes.pop();
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ParseError> {
        check_characters(text)?;
        let Some(parent) = self.open.last_mut() else {
            return if text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
                Ok(())
            } else {
                Err(ParseError::NotOneElement)
            };
        };
        match parent.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => parent.children.push(Node::Text(text.to_owned())),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, ParseError> {
        if !self.open.is_empty() {
            return Err(ParseError::NotWellFormed);
        }
        self.root.ok_or(ParseError::NotOneElement)
    }
}

fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    }
}

fn check_characters(text: &str) -> Result<(), ParseError> {
    if text.chars().all(is_char) { Ok(()) } else { Err(ParseError::Character) }
}

/// `Char` of XML 1.0.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// `NCName` of XML 1.0, fifth edition.
fn is_nc_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Element, ParseError> {
        Element::parse(text, &Limits::default())
    }

    #[test]
    fn what_is_not_one_plain_element_is_refused() {
        let cases = [
            ("", ParseError::NotOneElement),
            ("   ", ParseError::NotOneElement),
            ("hello", ParseError::NotOneElement),
            ("<a/><b/>", ParseError::NotOneElement),
            ("<a/>x", ParseError::NotOneElement),
            ("<a>", ParseError::NotWellFormed),
            ("<a></b>", ParseError::NotWellFormed),
            ("</a>", ParseError::NotWellFormed),
            ("<a b></a>", ParseError::NotWellFormed),
            ("<a b=c/>", ParseError::NotWellFormed),
            ("<a b='1' b='2'/>", ParseError::NotWellFormed),
            ("<a b='<'/>", ParseError::NotWellFormed),
            ("<a>&nope;</a>", ParseError::NotWellFormed),
            ("<a b='&nope;'/>", ParseError::NotWellFormed),
            ("<1a/>", ParseError::NotWellFormed),
            ("<a 1b='x'/>", ParseError::NotWellFormed),
            ("<?xml version='1.0'?><a/>", ParseError::Restricted),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", ParseError::Restricted),
            ("<a><!-- x --></a>", ParseError::Restricted),
            ("<a><?php ?></a>", ParseError::Restricted),
            ("<a>\u{0}</a>", ParseError::Character),
            ("<a>&#1;</a>", ParseError::Character),
            ("<a b='&#8;'/>", ParseError::Character),
            ("<a>\u{fffe}</a>", ParseError::Character),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_must_be_declared_on_the_way_to_its_use() {
        let refused = [
            "<a:b/>",
            "<b a:c='1'/>",
            "<x><y xmlns:a='u'/><a:b/></x>",
            "<b xmlns:a=''/>",
            "<b xmlns:xmlns='u'/>",
            "<b xmlns:xml='u'/>",
            "<b xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
        ];
        for text in refused {
            assert_eq!(parse(text), Err(ParseError::Prefix), "{text:?}");
        }
        let allowed = ["<a:b xmlns:a='u'/>", "<x xmlns:a='u'><y><a:b a:c='1'/></y></x>", "<x xml:lang='en'/>"];
        for text in allowed {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn few_prefixes_are_in_scope_at_once() {
        let nested = |n: usize| {
            let open: String = (0..n).map(|i| format!("<a xmlns:p{i}='u'>")).collect();
            open + &"</a>".repeat(n)
        };
        assert!(parse(&nested(16)).is_ok());
        assert_eq!(parse(&nested(17)), Err(ParseError::Prefix));
        let aside = "<b xmlns:p='u' xmlns:q='u'/>".repeat(20);
        assert!(parse(&format!("<a>{aside}</a>")).is_ok());
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { bytes: 100, depth: 3, attributes: 2, elements: 4 };
        let parse = |text: &str| Element::parse(text, &limits);
        assert!(parse("<a><b><c/></b></a>").is_ok());
        assert_eq!(parse("<a><b><c><d/></c></b></a>"), Err(ParseError::TooDeep));
        assert!(parse("<a b='1' c='2'/>").is_ok());
        assert_eq!(parse("<a b='1' c='2' d='3'/>"), Err(ParseError::TooManyAttributes));
        assert!(parse("<a><b/><b/><b/></a>").is_ok());
        assert_eq!(parse("<a><b/><b/><b/><b/></a>"), Err(ParseError::TooManyElements));
        let long = format!("<a>{}</a>", "x".repeat(100));
        assert_eq!(parse(&long), Err(ParseError::TooLong));
    }

    #[test]
    fn character_data_arrives_as_one_text() {
        let a = parse("<a>1 &lt; 2 &#x26; <![CDATA[<raw>]]>&quot;</a>").unwrap();
        assert_eq!(a.children, [Node::Text("1 < 2 & <raw>\"".to_owned())]);
    }
}

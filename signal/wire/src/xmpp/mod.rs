//! XMPP stanzas as trees: [`xml::Element`] with a strict bounded parser and a literal serializer, [`jid::Jid`], the common
//! stanzas of [`stanza`], and the namespaces in [`ns`].

pub mod jid;
pub mod ns;
pub mod stanza;
pub mod xml;

mod parse;

pub use jid::Jid;
pub use parse::{Limits, ParseError};
pub use stanza::{Condition, ErrorType, StanzaError};
pub use xml::{Element, Node};

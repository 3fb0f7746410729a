//! `[xmpp]`: the name of the box in the protocol.

use serde::{Deserialize, Serialize};

use crate::{DomainName, Key};

/// The one XMPP domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xmpp {
    pub domain: DomainName,
}

impl Default for Xmpp {
    fn default() -> Self {
        Self { domain: DomainName::fixed("moothall.internal") }
    }
}

pub(crate) const KEYS: &[Key] = &[Key {
    path: "xmpp.domain",
    expects: "a lower-case domain name, such as \"meet.example.org\"",
    doc: "XMPP domain of the box. Clients learn it from /config.js, whatever address they came by; it need not\nexist in DNS.",
    example: "",
}];

//! Addresses: `node@domain/resource` (RFC 7622), as far as Jitsi's clients use them.

use std::fmt;
use std::str::FromStr;

/// Bytes that each part of an address may have.
pub const MAX_PART: usize = 1023;

/// An XMPP address. The node is kept as [`room_node`] writes it, the domain in lower case, the resource as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Jid {
    pub node: Option<String>,
    pub domain: String,
    pub resource: Option<String>,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JidError {
    #[error("a part of the address is empty")]
    Empty,
    #[error("a part of the address is longer than {MAX_PART} bytes")]
    TooLong,
    #[error("a character that this part of an address cannot have")]
    Character,
}

impl Jid {
    /// Address of a server or component.
    pub fn domain(domain: impl Into<String>) -> Self {
        Self { node: None, domain: domain.into(), resource: None }
    }

    /// `node@domain`; the caller vouches for the parts.
    pub fn bare_of(node: impl Into<String>, domain: impl Into<String>) -> Self {
        Self { node: Some(node.into()), domain: domain.into(), resource: None }
    }

    /// `node@domain/resource`; the caller vouches for the parts.
    pub fn full_of(node: impl Into<String>, domain: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { node: Some(node.into()), domain: domain.into(), resource: Some(resource.into()) }
    }

    /// The address without its resource.
    #[must_use]
    pub fn to_bare(&self) -> Self {
        Self { node: self.node.clone(), domain: self.domain.clone(), resource: None }
    }

    /// The address with this resource.
    #[must_use]
    pub fn with_resource(&self, resource: impl Into<String>) -> Self {
        Self { node: self.node.clone(), domain: self.domain.clone(), resource: Some(resource.into()) }
    }

    /// Both are the same apart from their resources.
    pub fn same_bare(&self, other: &Jid) -> bool {
        self.node == other.node && self.domain == other.domain
    }
}

impl FromStr for Jid {
    type Err = JidError;

    fn from_str(text: &str) -> Result<Self, JidError> {
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (node, domain) = match bare.split_once('@') {
            Some((node, domain)) => (Some(node), domain),
            None => (None, bare),
        };
        let node = node.map(node_of).transpose()?;
        check_part(domain, |c| {
            c.is_whitespace() || c.is_control() || matches!(c, '@' | '/' | '"' | '\'' | '<' | '>' | '&')
        })?;
        if let Some(resource) = resource {
            check_part(resource, char::is_control)?;
        }
        Ok(Self { node, domain: domain.to_lowercase(), resource: resource.map(str::to_owned) })
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}@")?;
        }
        f.write_str(&self.domain)?;
        if let Some(resource) = &self.resource {
            write!(f, "/{resource}")?;
        }
        Ok(())
    }
}

/// The name of a room in the form in which rooms are compared, however it was written: decoded, in lower case, and
/// percent-encoded like Jitsi's pages do it (`getBackendSafeRoomName`), so that `Räume`, `r%C3%A4ume` and `R%c3%a4UME` are
/// one room.
pub fn room_node(name: &str) -> Result<String, JidError> {
    // A lone percent sign stands for itself, as in `decodeURIComponent` and what pages make of its failure.
    let decoded = percent_decoded(name).unwrap_or_else(|| name.to_owned());
    check_part(&decoded, char::is_control)?;
    let mut node = String::with_capacity(name.len());
    for byte in decoded.to_lowercase().bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'(' | b')' => {
                node.push(char::from(byte));
            }
            _ => node.push_str(&format!("%{byte:02x}")),
        }
    }
    if node.len() > MAX_PART {
        return Err(JidError::TooLong);
    }
    Ok(node)
}

/// The node of a written address, which has characters that it may not have (RFC 7622, 3.3.1).
fn node_of(text: &str) -> Result<String, JidError> {
    check_part(text, |c| c.is_whitespace() || matches!(c, '"' | '&' | '\'' | '/' | ':' | '<' | '>' | '@'))?;
    room_node(text)
}

/// Undoes percent-encoding once; `None` if it is broken or not UTF-8 (RFC 3986, 2.1).
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit()?, digit()?);
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).ok()
}

fn check_part(part: &str, forbidden: impl Fn(char) -> bool) -> Result<(), JidError> {
    if part.is_empty() {
        return Err(JidError::Empty);
    }
    if part.len() > MAX_PART {
        return Err(JidError::TooLong);
    }
    // Noncharacters are no XML, and XML is where addresses go.
    if part.chars().any(|c| forbidden(c) || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return Err(JidError::Character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_at_the_first_slash_and_at_sign() {
        let jid: Jid = "Room@Conference.Meet.Test/Nick/@x".parse().unwrap();
        assert_eq!(jid, Jid::full_of("room", "conference.meet.test", "Nick/@x"));
        assert_eq!(jid.to_string(), "room@conference.meet.test/Nick/@x");
        assert_eq!("meet.test".parse(), Ok(Jid::domain("meet.test")));
        assert_eq!("[::1]:8443".parse(), Ok(Jid::domain("[::1]:8443")));
        assert_eq!(jid.to_bare().to_string(), "room@conference.meet.test");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = "x".repeat(MAX_PART + 1);
        let cases = [
            ("", JidError::Empty),
            ("@d", JidError::Empty),
            ("n@", JidError::Empty),
            ("n@d/", JidError::Empty),
            ("a b@d", JidError::Character),
            ("a:b@d", JidError::Character),
            ("a@b@c", JidError::Character),
            ("a@b/\u{7}", JidError::Character),
            (long.as_str(), JidError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Jid>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_room_has_one_name_however_it_is_written() {
        for written in ["Räume 50%", "r%C3%A4ume%2050%25", "R%c3%a4UME%2050%25", "r%c3%a4ume%2050%25"] {
            assert_eq!(room_node(written), Ok("r%c3%a4ume%2050%25".to_owned()), "{written}");
        }
        assert_eq!(room_node("StandUp_1-2.3"), Ok("standup_1-2.3".to_owned()));
        assert_eq!(room_node("a/b'"), Ok("a%2fb%27".to_owned()));
        assert_eq!(room_node("%ff"), Ok("%25ff".to_owned()));
        assert_eq!(room_node("a%0ab"), Err(JidError::Character));
        assert_eq!(room_node(""), Err(JidError::Empty));
        assert_eq!(room_node(&"ä".repeat(300)), Err(JidError::TooLong));
        let jid = |text: &str| text.parse::<Jid>().unwrap().to_string();
        assert_eq!(jid("Räume@conference.d/Nick"), jid("r%C3%A4ume@conference.d/Nick"));
    }
}

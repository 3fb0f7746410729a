//! Names and addresses of rooms. The rest of the server knows a room by one name.

use jitsi_wire::xmpp::Jid;

/// Where breakout rooms are, below the domain. With it, and an `@` that no other name has, ends the name of each.
const BREAKOUT: &str = "breakout";

/// Name of the room at this address below our domain: its node, or `NODE@breakout` when it is a breakout room.
pub fn room_key(address: &Jid, domain: &str) -> Option<String> {
    let label = address.domain.strip_suffix(domain)?.strip_suffix('.')?;
    let node = address.node.as_deref()?;
    match label {
        "conference" => Some(node.to_owned()),
        BREAKOUT => Some(format!("{node}@{BREAKOUT}")),
        _ => None,
    }
}

/// Bare address of the room with this name.
pub fn room_address(room: &str, domain: &str) -> String {
    match is_breakout(room) {
        true => format!("{room}.{domain}"),
        false => format!("{room}@conference.{domain}"),
    }
}

/// The name is that of a breakout room.
pub fn is_breakout(room: &str) -> bool {
    room.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_belong_together() {
        for (address, name) in [("a@conference.d.e", "a"), ("a@breakout.d.e", "a@breakout")] {
            assert_eq!(room_key(&address.parse().unwrap(), "d.e").as_deref(), Some(name));
            assert_eq!(room_address(name, "d.e"), address);
        }
        for address in ["a@lobby.d.e", "a@conference.x.d.e", "conference.d.e", "a@d.e", "a@conference.d"] {
            assert_eq!(room_key(&address.parse().unwrap(), "d.e"), None, "{address}");
        }
    }
}

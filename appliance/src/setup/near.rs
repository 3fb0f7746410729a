//! Who is near enough to set up the box: in a network of its own, never on the internet.

use std::net::IpAddr;

/// Private, link-local or loopback (RFC 1918, RFC 3927, RFC 4193).
pub(crate) fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_ones_own_networks_are_near() {
        for near in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.7",
            "169.254.7.7",
            "127.0.0.1",
            "::1",
            "fe80::1",
            "fd12::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in [
            "8.8.8.8",
            "172.32.0.1",
            "192.0.2.7",
            "100.64.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "2a00::1",
            "::",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}

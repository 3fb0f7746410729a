//! The names and addresses of this box, as others can use them.

use std::net::{IpAddr, Ipv6Addr};

use aws_lc_rs::hmac;
use bridge::shell::candidates::{LocalAddress, Rules};

/// The host name, lower case; `moothall` where there is none that can stand in a URL.
pub(crate) fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    usable(&name.unwrap_or_default()).unwrap_or_else(|| "moothall".to_owned())
}

fn usable(name: &str) -> Option<String> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (name.len() <= 253 && name.split('.').all(good)).then_some(name)
}

/// The name that the box alone has in its network: `moothall-` and four letters of its own; bare where the system has no identity.
pub(crate) fn box_name() -> String {
    of_machine(&std::fs::read_to_string("/etc/machine-id").unwrap_or_default())
}

/// The identity itself is confidential (machine-id(5)): what is shown is made from it and does not lead back.
fn of_machine(id: &str) -> String {
    let id = id.trim();
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "moothall".to_owned();
    }
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, id.as_bytes()), b"moothall box name");
    tag.as_ref().iter().take(2).fold("moothall-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// What multicast DNS resolves in the same network.
pub(crate) fn local(host: &str) -> String {
    format!("{}.local", host.split('.').next().unwrap_or(host))
}

/// What the certificate is valid for, sorted: host name, `HOSTNAME.local`, the box's own name, `localhost`, and all addresses but
/// those that change by themselves.
pub(crate) fn certificate_names(host: &str, addresses: &[LocalAddress], rules: &Rules) -> Vec<String> {
    let shown: Vec<LocalAddress> =
        addresses.iter().filter(|a| a.ip.is_loopback() || !rules.hides(&a.interface)).cloned().collect();
    let passing = temporary_addresses(&std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default());
    names([host, &box_name()], &shown, &rules.public, &passing)
}

fn names([host, own]: [&str; 2], addresses: &[LocalAddress], public: &[IpAddr], passing: &[Ipv6Addr]) -> Vec<String> {
    let lasting = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => !passing.contains(v6) && !v6.is_unicast_link_local(),
    };
    let addresses = addresses.iter().map(|address| address.ip).filter(lasting);
    let mut list: Vec<String> = addresses.chain(public.iter().copied()).map(|ip| ip.to_string()).collect();
    list.extend([host.to_owned(), local(host), local(own), "localhost".to_owned()]);
    list.sort_unstable();
    list.dedup();
    list
}

/// Privacy addresses (RFC 8981) in `/proc/net/if_inet6`: they last a day, and each new certificate costs everybody a warning.
fn temporary_addresses(table: &str) -> Vec<Ipv6Addr> {
    const TEMPORARY: u8 = 0x01;
    let parse = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let address = u128::from_str_radix(columns.next()?, 16).ok()?;
        let flags = u8::from_str_radix(columns.nth(3)?, 16).ok()?;
        (flags & TEMPORARY != 0).then(|| Ipv6Addr::from(address))
    };
    table.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_that_cannot_stand_in_a_url_is_not_used() {
        assert_eq!(usable("Hall-1.Example.org.").as_deref(), Some("hall-1.example.org"));
        for bad in ["", "my_box", "-a", "räthaus", "a..b"] {
            assert_eq!(usable(bad), None, "{bad}");
        }
        assert_eq!(local("hall.example.org"), "hall.local");
    }

    #[test]
    fn a_box_keeps_its_name_and_hides_its_identity() {
        let names = ["3d1219c7c4c5404aaa1f6d2a48adfda4\n", "3d1219c7c4c5404aaa1f6d2a48adfda5"].map(of_machine);
        assert_eq!(names, ["moothall-9886", "moothall-7d4c"]);
        assert_eq!(of_machine("uninitialized\n"), "moothall");
    }

    #[test]
    fn the_certificate_names_lasting_addresses_once() {
        let address = |ip: &str| LocalAddress { interface: "eth0".to_owned(), ip: ip.parse().unwrap() };
        let addresses = ["192.168.1.20", "2001:db8::20", "2001:db8::7777", "fe80::1"].map(address);
        let passing = ["2001:db8::7777".parse().unwrap()];
        let public = ["198.51.100.7".parse().unwrap(), "192.168.1.20".parse().unwrap()];
        assert_eq!(
            names(["hall", "moothall-3f2a"], &addresses, &public, &passing),
            ["192.168.1.20", "198.51.100.7", "2001:db8::20", "hall", "hall.local", "localhost", "moothall-3f2a.local"]
        );
    }

    #[test]
    fn privacy_addresses_are_known_by_their_flag() {
        let table = "\
20010db8000000000000000000007777 02 40 00 01     eth0
20010db8000000000000000000000020 02 40 00 00     eth0
00000000000000000000000000000001 01 80 10 80       lo
";
        assert_eq!(temporary_addresses(table), ["2001:db8::7777".parse::<Ipv6Addr>().unwrap()]);
    }
}

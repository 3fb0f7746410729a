//! Which addresses clients are offered: every local one that they may reach, the public faces of them, and loopback for those who
//! came over it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::core::{CandidateKind, LocalCandidate};

/// One address of one network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAddress {
    pub interface: String,
    pub ip: IpAddr,
}

/// What the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Names of interfaces, a `*` at the end matches any rest. Empty: all that are not denied.
    pub interfaces: Vec<String>,
    pub denied: Vec<String>,
    /// Addresses by which the internet reaches this box.
    pub public: Vec<IpAddr>,
    /// What the sockets are bound to; the unspecified address stands for every address of its family.
    pub bound: Vec<IpAddr>,
    /// The media port.
    pub port: u16,
}

impl Rules {
    /// True for interfaces whose addresses are not for others to know.
    pub fn hides(&self, interface: &str) -> bool {
        let allowed = self.interfaces.is_empty() || matches_any(&self.interfaces, interface);
        !allowed || matches_any(&self.denied, interface)
    }
}

/// What a STUN server saw: `base` is ours, `mapped` the internet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    pub base: IpAddr,
    pub mapped: SocketAddr,
}

/// The addresses of this machine now, in a stable order. Reads the kernel's list.
pub fn local_addresses() -> io::Result<Vec<LocalAddress>> {
    let mut list: Vec<LocalAddress> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| {
            !matches!(interface.oper_status, if_addrs::IfOperStatus::Down | if_addrs::IfOperStatus::LowerLayerDown)
        })
        .map(|interface| LocalAddress { ip: interface.ip(), interface: interface.name })
        .collect();
    list.sort_by(|a, b| (a.ip, &a.interface).cmp(&(b.ip, &b.interface)));
    list.dedup_by_key(|address| address.ip);
    Ok(list)
}

/// Candidates in the order of preference: local addresses, their public faces, loopback.
pub fn gather(rules: &Rules, local: &[LocalAddress], mappings: &[Mapping]) -> Vec<LocalCandidate> {
    let hosts: Vec<IpAddr> = local.iter().filter(|address| offered(rules, address)).map(|address| address.ip).collect();
    let host =
        |ip: &IpAddr, loopback| LocalCandidate { ip: *ip, port: rules.port, kind: CandidateKind::Host, loopback };
    let mut candidates: Vec<LocalCandidate> = hosts.iter().map(|ip| host(ip, false)).collect();
    for public in &rules.public {
        let base = hosts.iter().find(|ip| ip.is_ipv4() == public.is_ipv4());
        if let Some(base) = base.filter(|_| !hosts.contains(public)) {
            add(&mut candidates, SocketAddr::new(*public, rules.port), *base);
        }
    }
    for Mapping { base, mapped } in mappings {
        if hosts.contains(base) && !hosts.contains(&mapped.ip()) {
            add(&mut candidates, *mapped, *base);
        }
    }
    let loopback = local.iter().map(|address| address.ip).filter(|ip| ip.is_loopback() && bound(rules, *ip));
    candidates.extend(loopback.map(|ip| host(&ip, true)));
    candidates
}

fn add(candidates: &mut Vec<LocalCandidate>, public: SocketAddr, base: IpAddr) {
    let known = candidates.iter().any(|candidate| (candidate.ip, candidate.port) == (public.ip(), public.port()));
    if !known {
        let kind = CandidateKind::Srflx { base };
        candidates.push(LocalCandidate { ip: public.ip(), port: public.port(), kind, loopback: false });
    }
}

/// True for an address that clients elsewhere may use.
fn offered(rules: &Rules, address: &LocalAddress) -> bool {
    !rules.hides(&address.interface)
        && !address.ip.is_loopback()
        && !is_link_local(address.ip)
        && bound(rules, address.ip)
}

fn bound(rules: &Rules, ip: IpAddr) -> bool {
    rules.bound.iter().any(|bound| *bound == ip || (bound.is_unspecified() && bound.is_ipv4() == ip.is_ipv4()))
}

fn matches_any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    })
}

/// Needs a zone to be reached, which a candidate cannot carry. 169.254/16 stays: two machines on one cable have nothing else.
fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if is_v6_link_local(&v6))
}

fn is_v6_link_local(ip: &Ipv6Addr) -> bool {
    ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Vec<LocalAddress> {
        let list = [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("eth0", "192.168.1.20"),
            ("eth0", "2001:db8::20"),
            ("eth0", "fe80::1"),
            ("docker0", "172.17.0.1"),
        ];
        list.map(|(name, ip)| LocalAddress { interface: name.to_owned(), ip: ip.parse().unwrap() }).to_vec()
    }

    fn rules() -> Rules {
        Rules {
            denied: vec!["docker*".to_owned()],
            bound: vec!["0.0.0.0".parse().unwrap(), "::".parse().unwrap()],
            port: 10_000,
            ..Rules::default()
        }
    }

    fn shown(candidates: &[LocalCandidate]) -> Vec<String> {
        let line = |c: &LocalCandidate| {
            let mark = if c.loopback { " loopback" } else { "" };
            match c.kind {
                CandidateKind::Host => format!("{} {}{mark}", c.ip, c.port),
                CandidateKind::Srflx { base } => format!("{} {} of {base}{mark}", c.ip, c.port),
            }
        };
        candidates.iter().map(line).collect()
    }

    #[test]
    fn checklist_16_local_addresses_are_offered_without_link_local_and_container_networks() {
        let expected = ["192.168.1.20 10000", "2001:db8::20 10000", "127.0.0.1 10000 loopback", "::1 10000 loopback"];
        assert_eq!(shown(&gather(&rules(), &machine(), &[])), expected);
    }

    #[test]
    fn an_allow_list_leaves_out_the_rest() {
        let rules = Rules { interfaces: vec!["wlan*".to_owned()], ..rules() };
        assert_eq!(shown(&gather(&rules, &machine(), &[])), ["127.0.0.1 10000 loopback", "::1 10000 loopback"]);
    }

    #[test]
    fn only_addresses_that_the_sockets_hear_on_are_offered() {
        let rules = Rules { bound: vec!["127.0.0.1".parse().unwrap()], ..rules() };
        assert_eq!(shown(&gather(&rules, &machine(), &[])), ["127.0.0.1 10000 loopback"]);
    }

    #[test]
    fn checklist_16_public_addresses_stand_for_a_local_one_of_their_family() {
        let rules = Rules { public: vec!["198.51.100.7".parse().unwrap(), "192.168.1.20".parse().unwrap()], ..rules() };
        let candidates = gather(&rules, &machine(), &[]);
        assert!(shown(&candidates).contains(&"198.51.100.7 10000 of 192.168.1.20".to_owned()));
        assert_eq!(candidates.len(), 5);
    }

    #[test]
    fn what_a_stun_server_saw_is_offered_once_with_its_port() {
        let mapping = |mapped: &str| Mapping { base: "192.168.1.20".parse().unwrap(), mapped: mapped.parse().unwrap() };
        let seen = [mapping("198.51.100.7:41000"), mapping("198.51.100.7:41000"), mapping("192.168.1.20:10000")];
        let candidates = gather(&rules(), &machine(), &seen);
        assert!(shown(&candidates).contains(&"198.51.100.7 41000 of 192.168.1.20".to_owned()));
        assert_eq!(candidates.len(), 5);
    }

    #[test]
    fn this_machine_has_a_loopback_address() {
        assert!(local_addresses().unwrap().iter().any(|address| address.ip.is_loopback()));
    }
}

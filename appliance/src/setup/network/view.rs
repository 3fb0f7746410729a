//! How the box is connected, and to what it could be, as the page is told.

use std::net::IpAddr;

use serde::Serialize;

use super::profile::Lock;

/// Everything there is to choose from.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct View {
    pub(super) devices: Vec<Device>,
    /// Wireless networks, the strongest first.
    pub(super) points: Vec<Point>,
    /// Seconds until the box goes back to the network before, unless somebody says that the new one works.
    pub(super) pending: Option<u64>,
}

/// A plug or a radio.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Device {
    pub(super) device: String,
    pub(super) kind: Kind,
    pub(super) state: State,
    /// IPv4, or IPv6 where there is none.
    pub(super) addresses: Vec<String>,
    /// The network gave the address.
    pub(super) given: bool,
    /// The wireless network that it is in, or has made.
    pub(super) network: Option<String>,
    /// It has made a network of its own.
    pub(super) own: bool,
    /// It could make one.
    pub(super) can_own: bool,
    /// Why the last try failed.
    pub(super) trouble: Option<Trouble>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Cable,
    Wireless,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Connected,
    Connecting,
    /// It could be connected.
    Idle,
    /// No cable, or the radio is switched off.
    Unplugged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trouble {
    Password,
    /// Nobody gave an address.
    Address,
    /// The network is not to be seen.
    Gone,
    Other,
}

/// A wireless network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Point {
    pub(super) device: String,
    pub(super) name: String,
    /// Percent.
    pub(super) strength: u8,
    pub(super) lock: &'static str,
}

/// So many are told.
const MAX_POINTS: usize = 24;

impl Kind {
    /// NMDeviceType, of those that people know.
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            // The second is one that only exists in the machine, for example into a container.
            1 | 20 => Some(Self::Cable),
            2 => Some(Self::Wireless),
            _ => None,
        }
    }
}

impl State {
    /// NMDeviceState; `None` if NetworkManager keeps out of it.
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            0..=10 => None,
            20 => Some(Self::Unplugged),
            40..=90 => Some(Self::Connecting),
            100 => Some(Self::Connected),
            _ => Some(Self::Idle),
        }
    }
}

impl Trouble {
    /// NMDeviceStateReason, as far as it is a failure.
    pub(super) fn of(reason: u32) -> Option<Self> {
        match reason {
            7..=11 => Some(Self::Password),
            5 | 6 | 15..=17 => Some(Self::Address),
            53 => Some(Self::Gone),
            4 | 18 | 19 => Some(Self::Other),
            _ => None,
        }
    }
}

/// Addresses of a device that people can use: those of its own making only where there is no other.
pub(super) fn shown(addresses: Vec<String>) -> Vec<String> {
    let (made, mut others): (Vec<String>, Vec<String>) = addresses.into_iter().partition(|text| is_own_making(text));
    if others.is_empty() {
        // Those of IPv6 mean nothing in an address bar.
        others.extend(made.into_iter().filter(|address| !address.contains(':')));
    }
    others
}

/// Made by the box, because nobody gave one (RFC 3927, RFC 4291).
pub(super) fn is_own_making(address: &str) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => v6.is_unicast_link_local(),
        Err(_) => false,
    }
}

/// An access point, as NetworkManager sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) device: String,
    pub(super) ssid: Vec<u8>,
    pub(super) strength: u8,
    pub(super) lock: Lock,
}

/// One for each network: most have several access points. Hidden ones and those without a name that can be written are left out.
pub(super) fn points(mut seen: Vec<Seen>) -> Vec<Point> {
    seen.sort_by_key(|seen| std::cmp::Reverse(seen.strength));
    let mut points: Vec<Point> = Vec::new();
    for Seen { device, ssid, strength, lock } in seen {
        let Ok(name) = String::from_utf8(ssid) else { continue };
        if name.chars().all(|c| c.is_control() || c.is_whitespace()) || points.iter().any(|point| point.name == name) {
            continue;
        }
        points.push(Point { device, name, strength, lock: lock.name() });
    }
    points.truncate(MAX_POINTS);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_is_told_once_with_its_strongest_access_point() {
        let seen =
            |ssid: &[u8], strength| Seen { device: "wlan0".to_owned(), ssid: ssid.to_vec(), strength, lock: Lock::Psk };
        let said = points(vec![
            seen(b"Hall", 40),
            seen(b"Hall", 80),
            seen(b"", 90),
            seen(b"\0\0", 90),
            seen(b"\xff", 90),
            seen("Büro".as_bytes(), 60),
        ]);
        let said: Vec<_> = said.iter().map(|point| (point.name.as_str(), point.strength, point.lock)).collect();
        assert_eq!(said, [("Hall", 80, "password"), ("Büro", 60, "password")]);
        let many = (0..100).map(|n| seen(format!("net {n}").as_bytes(), n)).collect();
        assert_eq!(points(many).len(), MAX_POINTS);
    }

    #[test]
    fn addresses_of_ones_own_making_are_shown_where_there_are_no_others() {
        let shown = |list: &[&str]| super::shown(list.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(shown(&["169.254.7.7", "192.168.1.40"]), ["192.168.1.40"]);
        assert_eq!(shown(&["169.254.7.7"]), ["169.254.7.7"]);
        assert_eq!(shown(&["fe80::1", "2001:db8::1"]), ["2001:db8::1"]);
        assert!(shown(&["fe80::1"]).is_empty());
    }

    #[test]
    fn numbers_of_network_manager_have_a_meaning() {
        assert_eq!(
            [10, 20, 30, 50, 100, 120].map(State::of),
            [
                None,
                Some(State::Unplugged),
                Some(State::Idle),
                Some(State::Connecting),
                Some(State::Connected),
                Some(State::Idle)
            ]
        );
        assert_eq!(
            [0, 7, 17, 53, 39].map(Trouble::of),
            [None, Some(Trouble::Password), Some(Trouble::Address), Some(Trouble::Gone), None]
        );
        assert_eq!([1, 2, 13].map(Kind::of), [Some(Kind::Cable), Some(Kind::Wireless), None]);
    }
}

//! `[network]`: where the box listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{Key, Port};

/// Addresses and ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    pub port: Port,
    /// Plain HTTP that sends browsers to `port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_redirect: Option<Port>,
    pub addresses: Vec<IpAddr>,
    pub mdns: bool,
    pub media_port: Port,
    pub media_addresses: Vec<IpAddr>,
    /// Plain HTTP for monitoring. Empty: none.
    pub statistics: Vec<SocketAddr>,
}

impl Default for Network {
    fn default() -> Self {
        let all = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        Self {
            port: Port(8443),
            http_redirect: None,
            addresses: all.clone(),
            mdns: true,
            media_port: Port(10_000),
            media_addresses: all,
            statistics: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
        }
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "network.port",
        expects: "a port number from 0 to 65535",
        doc: "TCP port of the page, the API and the signaling (HTTPS). Ports below 1024 need the right\n(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE). 0 takes any free port.",
        example: "",
    },
    Key {
        path: "network.http_redirect",
        expects: "a port number from 0 to 65535",
        doc: "TCP port on which plain HTTP is answered with the way to HTTPS, for people who type a bare name.",
        example: "80",
    },
    Key {
        path: "network.addresses",
        expects: "a list of IP addresses of this box, such as [\"192.168.1.20\"]",
        doc: "Addresses to listen on for HTTPS. \"0.0.0.0\" is every IPv4 address, \"::\" every IPv6 address.",
        example: "",
    },
    Key {
        path: "network.mdns",
        expects: "true or false",
        doc: "Answer to the name moothall-xxxx.local (the start prints it) in the local network, and tell other programs there\nthat the box hosts meetings.",
        example: "",
    },
    Key {
        path: "network.media_port",
        expects: "a port number from 0 to 65535",
        doc: "UDP port of all audio and video. A router in front of the box must forward it. 0 takes any free port.",
        example: "",
    },
    Key {
        path: "network.media_addresses",
        expects: "a list of IP addresses of this box, such as [\"192.168.1.20\"]",
        doc: "Addresses to listen on for audio and video.",
        example: "",
    },
    Key {
        path: "network.statistics",
        expects: "a list of \"ADDRESS:PORT\", such as [\"127.0.0.1:8080\"]",
        doc: "Where numbers for monitoring are served over plain HTTP: /metrics for Prometheus, /colibri/stats with the names of\nJitsi Videobridge, /about/health. Whoever can reach it can read them. Empty: nowhere.",
        example: "",
    },
];

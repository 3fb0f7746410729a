//! `[bridge]`: audio and video.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Count, HostPort, Kbps, Key};

/// What the bridge offers and how much it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bridge {
    pub public_addresses: Vec<IpAddr>,
    pub stun_servers: Vec<HostPort>,
    pub srtp_profiles: Vec<SrtpProfile>,
    pub max_participants: Count,
    pub receiver_kbps: Kbps,
    pub max_egress_kbps: Kbps,
    /// `None`: by the processors.
    pub workers: Option<Count>,
    /// Interface names, `*` at the end matches any rest. Empty: all that are not denied.
    pub interfaces: Vec<String>,
    pub interfaces_denied: Vec<String>,
}

/// SRTP protection profile, named as in the IANA registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SrtpProfile {
    #[serde(rename = "AEAD_AES_128_GCM")]
    AeadAes128Gcm,
    #[serde(rename = "AES_CM_128_HMAC_SHA1_80")]
    Aes128CmHmacSha1_80,
}

impl Default for Bridge {
    fn default() -> Self {
        // Virtual networks of containers and virtual machines: nobody outside this machine can reach them.
        let virtual_networks = ["docker*", "br-*", "veth*", "virbr*", "lxc*", "lxdbr*", "cni*", "flannel*", "podman*"];
        Self {
            public_addresses: Vec::new(),
            stun_servers: Vec::new(),
            srtp_profiles: vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmHmacSha1_80],
            max_participants: Count::new(100),
            receiver_kbps: Kbps::new(4000),
            max_egress_kbps: Kbps::new(1_000_000),
            workers: None,
            interfaces: Vec::new(),
            interfaces_denied: virtual_networks.map(str::to_owned).to_vec(),
        }
    }
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "bridge.public_addresses",
        expects: "a list of public IP addresses, such as [\"198.51.100.7\"]",
        doc: "Addresses by which the internet reaches this box when a router translates between them and its own.",
        example: "",
    },
    Key {
        path: "bridge.stun_servers",
        expects: "a list of \"HOST:PORT\", such as [\"stun.example.org:3478\"]",
        doc: "STUN servers to ask for the public address, once a minute.",
        example: "",
    },
    Key {
        path: "bridge.srtp_profiles",
        expects: "a list of \"AEAD_AES_128_GCM\" and \"AES_CM_128_HMAC_SHA1_80\", most wanted first",
        doc: "Encryption of audio and video, most wanted first.",
        example: "",
    },
    Key {
        path: "bridge.max_participants",
        expects: "a number from 1 to 10000",
        doc: "How many participants the box carries at once, in all its meetings.",
        example: "",
    },
    Key {
        path: "bridge.receiver_kbps",
        expects: "a number of kilobits per second from 100 to 1000000",
        doc: "Video for one receiver never takes more than this, in kilobits per second.",
        example: "",
    },
    Key {
        path: "bridge.max_egress_kbps",
        expects: "a number of kilobits per second from 100 to 1000000",
        doc: "All receivers together are never sent more than this, in kilobits per second: what the line of the box\ncarries upwards. They share it evenly; speech comes first.",
        example: "",
    },
    Key {
        path: "bridge.workers",
        expects: "a number from 1 to 16",
        doc: "Threads that forward audio and video; a meeting lives on one of them. Left out: one, and on machines with\nmore than four processors half as many as those.",
        example: "4",
    },
    Key {
        path: "bridge.interfaces",
        expects: "a list of interface names, such as [\"eth0\", \"wlan*\"]",
        doc: "Network interfaces whose addresses are offered for audio and video; a * at the end matches any rest.\nEmpty: all that are not denied.",
        example: "",
    },
    Key {
        path: "bridge.interfaces_denied",
        expects: "a list of interface names, such as [\"docker*\", \"veth*\"]",
        doc: "Network interfaces whose addresses are never offered.",
        example: "",
    },
];

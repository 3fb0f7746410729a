//! `[tls]`: who proves that the box is the box.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Key;

/// Certificate, or the proxy that has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate chain, leaf first. After loading: absolute or relative to the working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// PEM file with the private key of `cert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Not empty: plain HTTP for these proxies.
    pub behind_proxy: Vec<IpAddr>,
}

pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "tls.cert",
        expects: "the path of a PEM file, relative to this file",
        doc: "Certificate chain, leaf first (PEM). Without it the box has a certificate from its own authority,\nwhich devices trust once they were at its page /trust. The file is read again when it changes.",
        example: "\"fullchain.pem\"",
    },
    Key {
        path: "tls.key",
        expects: "the path of a PEM file, relative to this file",
        doc: "Private key of tls.cert (PEM).",
        example: "\"privkey.pem\"",
    },
    Key {
        path: "tls.behind_proxy",
        expects: "a list of IP addresses, such as [\"127.0.0.1\"]",
        doc: "Serve plain HTTP instead, to these proxies, which do the HTTPS. Their X-Forwarded-For,\nX-Forwarded-Proto and X-Forwarded-Host are believed. Only with network.addresses on loopback.",
        example: "",
    },
];

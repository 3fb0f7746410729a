//! The only part of this crate that touches the world: sockets, TLS, HTTP, WebSockets, the page and the clock.
//!
//! `serve` runs on a tokio current-thread runtime (enable time and IO; two blocking threads are plenty). Every
//! connection is one task: first byte, TLS, HTTP, and then perhaps a WebSocket that carries XMPP frames to
//! `Signal` or bridge messages to a [`ChannelGate`].

mod authority;
mod branding;
mod channel;
mod client_config;
mod files;
mod limits;
mod page;
mod tls;

use std::io;
use std::net::IpAddr;

use thiserror::Error;

pub use self::authority::Authority;
pub use self::branding::{BadColour, Branding, Colour, Logo, LogoError, MAX_LOGO};
pub use self::channel::{ChannelGate, ChannelId, ChannelRefusal, ChannelRequest, ToClient};
pub use self::client_config::ClientConfig;
pub use self::files::{Web, WebFile};
pub use self::limits::Limits;
pub use self::page::PAGE;
pub use self::tls::{Certificates, TlsError, certified_key};


/// What the shell is told once, at start.
#[derive(Debug)]
pub struct ShellConfig {
    /// Bound and listening. All of them speak TLS, or none.
    pub listen: Vec<std::net::TcpListener>,
    /// `None`: plain HTTP, for use behind one of `proxies`. Keep a clone to exchange the certificate later.
    pub tls: Option<Certificates>,
    /// Addresses whose `X-Forwarded-Host` and `X-Forwarded-Proto` are believed.
    pub proxies: Vec<IpAddr>,
    pub client: ClientConfig,
    pub branding: Branding,
    pub web: Web,
    /// For `/about/version`.
    pub version: String,
    pub limits: Limits,
}

/// Why the shell could not start.
#[derive(Debug, Error)]
pub enum ShellError {
    #[error("a listening socket cannot be used: {0}")]
    Listener(#[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

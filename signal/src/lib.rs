//! Signaling and conference focus in one crate: what Prosody and Jicofo do for Jitsi's clients.
//!
//! **Purpose.** [`Signal`](router::Signal) is a pure state machine: frames of XMPP streams in, frames and bridge orders out.
//! [`shell`] gives it sockets, TLS, WebSockets and a clock.
//!
//! **Place.** Above `jitsi-wire`; beside `bridge`, which it reaches only through [`focus::bridge_port`].
//!
//! **Entry rule.** `c2s`, `components`, `muc`, `focus`, `services` and `router` read no clock, open nothing and spawn nothing.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own time"))]

pub mod c2s;
pub mod components;
pub mod focus;
pub mod muc;
pub mod router;
pub mod services;
#[expect(clippy::disallowed_methods, reason = "clock, tasks and files come in here")]
pub mod shell;

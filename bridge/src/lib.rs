//! The bridge: a selective forwarding unit that Jitsi's clients and focus take for a Jitsi Videobridge.
//!
//! **Purpose.** [`core::Bridge`] is a pure state machine: orders and datagrams in, datagrams and events out. [`shell`] runs it on
//! a thread of its own over epoll.
//!
//! **Entry rule.** `core` and `control` read no clock, open nothing, spawn nothing.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own time"))]

pub mod control;
pub mod core;
#[expect(clippy::disallowed_methods, reason = "clock and thread come in here")]
pub mod shell;

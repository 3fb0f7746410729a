//! The bridge: a selective forwarding unit that Jitsi's clients and focus take for a Jitsi Videobridge.
//!
//! **Purpose.** [`core::Bridge`] is a pure state machine: orders and datagrams in, datagrams and events out. [`shell`] runs it on
//! a thread of its own over epoll.
//!
//! **Entry rule.** `core` and `control` read no clock, open nothing, spawn nothing.

pub mod control;
pub mod core;
pub mod shell;

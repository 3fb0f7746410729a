//! Runs the pure core on a plain thread: sockets, timer, mailbox, nothing else.
//!
//! [`udp::Sockets::bind`] opens the media port, [`candidates::gather`] says which addresses to offer, [`worker::start`] starts the
//! thread and gives the [`mailbox::Mailbox`] through which orders and bridge channels reach it. What the bridge has to say comes
//! out of the listener that [`worker::start`] takes, on the worker's thread: hand it on, never wait there.

pub mod candidates;
pub mod mailbox;
pub mod metrics;
mod outbox;
mod stun;
pub mod udp;
mod waker;
pub mod worker;

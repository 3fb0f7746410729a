//! Runs the pure core on plain threads: sockets, timer, mailbox, nothing else.
//!
//! [`udp::Sockets::bind`] opens the media port, [`candidates::gather`] says which addresses to offer, [`worker::start`] starts the
//! threads and gives the [`mailbox::Mailbox`] through which orders and bridge channels reach them. What the bridge has to say comes
//! out of the listener that [`worker::start`] takes, on the workers' threads: hand it on, never wait there.
//!
//! On small boards there is one worker. Where there are several, each has a core of its own, and a conference lives on one of them.
//! The first receives for all and hands on what is not its own ([`routes`], [`parcel`]); each sends for itself.

mod burst;
pub mod candidates;
mod company;
pub mod mailbox;
pub mod metrics;
mod outbox;
mod parcel;
mod pause;
mod routes;
mod stun;
mod tap;
pub mod udp;
mod waker;
pub mod worker;

//! The shell over real sockets on loopback. Every wait has a deadline; nothing sleeps to let something happen.

mod bosh;
mod bounds;
mod channels;
mod client;
mod recordings;
mod server;
mod setup;
mod sites;
mod streams;
mod transport;
mod trust;

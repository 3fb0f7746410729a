//! One browser.
pub mod channel;
pub mod dtls;
pub mod ice;
pub mod identity;
pub mod sctp;
pub mod transport;

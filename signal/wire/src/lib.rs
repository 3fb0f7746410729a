//! Bytes that other people defined.
//!
//! **Purpose.** Types and codecs of the wire formats that Jitsi's clients, focus and bridge speak: XMPP stanzas
//! ([`xmpp`]), their HTTP binding ([`bosh`]), Jingle ([`jingle`]), requests to the focus ([`focus`]), the orders a focus gives a bridge ([`colibri2`]) and the JSON messages of the bridge
//! channel ([`bridge_channel`]).
//!
//! **Place.** Below `signal` and `bridge`, which meet only through these types.
//!
//! **Entry rule.** Only types whose bytes are defined outside this project, each with a captured sample in its tests. No
//! behaviour: nothing here keeps state, reads a clock or decides.

pub mod bosh;
pub mod bridge_channel;
pub mod colibri2;
pub mod focus;
pub mod jingle;
pub mod xmpp;

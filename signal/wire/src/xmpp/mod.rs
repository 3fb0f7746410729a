//! XMPP stanzas as trees.

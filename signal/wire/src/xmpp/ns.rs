//! Namespaces that appear on the wire, under the names their documents use.

/// RFC 6120, content of a client's stream.
pub const CLIENT: &str = "jabber:client";
/// RFC 6120, `stream:features` and `stream:error`.
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// RFC 6120, conditions of a stream error.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120, conditions of a stanza error.
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// RFC 7395.
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// RFC 6120.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// RFC 6120.
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// RFC 3921, obsolete.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// XEP-0198.
pub const SM: &str = "urn:xmpp:sm:3";
/// XEP-0199.
pub const PING: &str = "urn:xmpp:ping";
pub const JIBRI: &str = "http://jitsi.org/protocol/jibri";
/// Ours: recordings of a room, for its moderators.
pub const RECORDINGS: &str = "https://moothall.org/protocol/recordings";
/// XEP-0030.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0030.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// XEP-0115.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// XEP-0215.
pub const EXTDISCO_2: &str = "urn:xmpp:extdisco:2";
/// XEP-0215, older version.
pub const EXTDISCO_1: &str = "urn:xmpp:extdisco:1";
/// XEP-0045.
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// XEP-0045.
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// XEP-0045.
pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// XEP-0045.
pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// XEP-0045, FORM_TYPE of a room's configuration.
pub const MUC_ROOMCONFIG: &str = "http://jabber.org/protocol/muc#roomconfig";
/// XEP-0045, FORM_TYPE in a room's disco#info.
pub const MUC_ROOMINFO: &str = "http://jabber.org/protocol/muc#roominfo";
/// XEP-0004.
pub const DATA_FORMS: &str = "jabber:x:data";
/// XEP-0172.
pub const NICK: &str = "http://jabber.org/protocol/nick";
/// XEP-0203.
pub const DELAY: &str = "urn:xmpp:delay";
/// XEP-0461.
pub const OLD_DELAY: &str = "jabber:x:delay";
pub const REPLY: &str = "urn:xmpp:reply:0";
/// XEP-0424.
pub const REACTIONS: &str = "urn:xmpp:reactions:0";
pub const RETRACT: &str = "urn:xmpp:message-retract:1";
/// Jitsi: `json-message`, `permissions`, refusals of a join.
pub const DISPLAY_NAME: &str = "http://jitsi.org/protocol/display-name";
pub const JITMEET: &str = "http://jitsi.org/jitmeet";
/// Jitsi: remote mute and audio state.
pub const JITMEET_AUDIO: &str = "http://jitsi.org/jitmeet/audio";
/// Jitsi: remote mute and video state.
pub const JITMEET_VIDEO: &str = "http://jitsi.org/jitmeet/video";
/// Jitsi: remote mute of a shared screen.
pub const JITMEET_DESKTOP: &str = "http://jitsi.org/jitmeet/desktop";
/// Jitsi: `startmuted`.
pub const START_MUTED: &str = "http://jitsi.org/jitmeet/start-muted";
/// Jitsi: `etherpad`.
pub const ETHERPAD: &str = "http://jitsi.org/jitmeet/etherpad";
/// Jitsi: conference requests, `conference-properties`, `bridge-session`.
pub const FOCUS: &str = "http://jitsi.org/protocol/focus";
/// Jitsi: `web-socket`.
pub const COLIBRI: &str = "http://jitsi.org/protocol/colibri";
/// Jitsi: `initial-last-n` and the orders of a focus to a bridge.
pub const COLIBRI2: &str = "jitsi:colibri2";
/// XEP-0166.
pub const JINGLE: &str = "urn:xmpp:jingle:1";
/// XEP-0166, application-specific conditions.
pub const JINGLE_ERRORS: &str = "urn:xmpp:jingle:errors:1";
/// XEP-0167.
pub const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";
/// XEP-0167, feature of a client that takes audio.
pub const RTP_AUDIO: &str = "urn:xmpp:jingle:apps:rtp:audio";
/// XEP-0167, feature of a client that takes video.
pub const RTP_VIDEO: &str = "urn:xmpp:jingle:apps:rtp:video";
/// XEP-0293.
pub const RTCP_FB: &str = "urn:xmpp:jingle:apps:rtp:rtcp-fb:0";
/// XEP-0294.
pub const RTP_HDREXT: &str = "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0";
/// XEP-0339.
pub const SSMA: &str = "urn:xmpp:jingle:apps:rtp:ssma:0";
/// XEP-0176.
pub const ICE_UDP: &str = "urn:xmpp:jingle:transports:ice-udp:1";
/// XEP-0320.
pub const DTLS: &str = "urn:xmpp:jingle:apps:dtls:0";
/// XEP-0343.
pub const DTLS_SCTP: &str = "urn:xmpp:jingle:transports:dtls-sctp:1";
/// XEP-0338.
pub const GROUPING: &str = "urn:xmpp:jingle:apps:grouping:0";

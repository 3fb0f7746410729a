//! What a client can do, learned by disco#info (XEP-0030) and kept by its entity capabilities (XEP-0115).

use std::collections::VecDeque;

use aws_lc_rs::digest;
use jitsi_wire::xmpp::{Element, ns};

/// Verified answers kept; a deployment sees one per client version and configuration.
const MAX_CACHED: usize = 64;
/// Features read of one answer; clients list about 20.
const MAX_FEATURES: usize = 256;
/// Bytes of a `ver` that is kept: a base64 SHA-1 has 28.
const MAX_VER: usize = 64;

const RTX: &str = "urn:ietf:rfc:4588";
const REMB: &str = "http://jitsi.org/remb";
const TCC: &str = "http://jitsi.org/tcc";
const OPUS_RED: &str = "http://jitsi.org/opus-red";
const JSON_SOURCES: &str = "http://jitsi.org/json-encoded-sources";
const SOURCE_NAME: &str = "http://jitsi.org/source-name";
const MULTI_VIDEO: &str = "http://jitsi.org/receive-multiple-video-streams";
const SSRC_REWRITING: &str = "http://jitsi.org/ssrc-rewriting-1";
const MID_DEMUX: &str = "http://jitsi.org/rtp-mid-demux";
const START_MUTED_METADATA: &str = "http://jitsi.org/start-muted-room-metadata";
const AUDIO_MUTE: &str = "http://jitsi.org/protocol/audio-mute";

/// Features that shape an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) audio: bool,
    pub(super) video: bool,
    /// A data channel may be offered.
    pub(super) sctp: bool,
    pub(super) rtx: bool,
    pub(super) remb: bool,
    pub(super) tcc: bool,
    pub(super) opus_red: bool,
    /// Sources as JSON.
    pub(super) json_sources: bool,
    pub(super) source_names: bool,
    /// More than one video source per person.
    pub(super) multi_video: bool,
    /// Is told on the bridge channel which streams are whose, not by signaling.
    pub(super) ssrc_rewriting: bool,
    /// Tells those streams apart by MID.
    pub(super) mid_demux: bool,
    /// Reads the start-muted policy from room metadata.
    pub(super) start_muted_metadata: bool,
    /// A gateway that can be muted.
    pub(super) audio_mute: bool,
}

impl Features {
    /// What is assumed of a client that does not say: audio and video as XML, which everybody reads. Jicofo adds SCTP; we
    /// offer the WebSocket instead, because clients without SCTP take a `data` content for a second video.
    pub(super) const ASSUMED: Features = Features {
        audio: true,
        video: true,
        sctp: false,
        rtx: false,
        remb: false,
        tcc: true,
        opus_red: false,
        json_sources: false,
        source_names: false,
        multi_video: false,
        ssrc_rewriting: false,
        mid_demux: false,
        start_muted_metadata: false,
        audio_mute: false,
    };

    fn of(list: &[&str]) -> Self {
        let has = |feature: &str| list.contains(&feature);
        Features {
            audio: has(ns::RTP_AUDIO),
            video: has(ns::RTP_VIDEO),
            sctp: has(ns::DTLS_SCTP),
            rtx: has(RTX),
            remb: has(REMB),
            tcc: has(TCC),
            opus_red: has(OPUS_RED),
            json_sources: has(JSON_SOURCES),
            source_names: has(SOURCE_NAME),
            multi_video: has(MULTI_VIDEO),
            ssrc_rewriting: has(SSRC_REWRITING),
            mid_demux: has(MID_DEMUX),
            start_muted_metadata: has(START_MUTED_METADATA),
            audio_mute: has(AUDIO_MUTE),
        }
    }
}

/// `c` of a presence: which software, in which configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caps {
    pub(super) node: String,
    pub(super) ver: String,
}

impl Caps {
    /// The caps in a presence, when there are any of a bearable size.
    pub(super) fn of(presence: &Element) -> Option<Self> {
        let c = presence.child_in("c", ns::CAPS)?;
        let (node, ver) = (c.attr("node")?, c.attr("ver")?);
        (node.len() <= MAX_TEXT && ver.len() <= MAX_VER).then(|| Caps { node: node.to_owned(), ver: ver.to_owned() })
    }

    /// gst-meet ignores session-terminate: it cannot be invited twice.
    pub(super) fn is_gst_meet(&self) -> bool {
        self.node.contains("gst-meet")
    }

    /// The `node` of the query. COMPAT(gst-meet): it answers a query without node in every version, its own node only in
    /// later ones.
    fn query_node(&self) -> Option<String> {
        (!self.is_gst_meet()).then(|| format!("{}#{}", self.node, self.ver))
    }
}

const MAX_TEXT: usize = 256;

/// The `query` that asks an occupant for its features.
pub(super) fn query(caps: Option<&Caps>) -> Element {
    Element::in_ns("query", ns::DISCO_INFO).with_attr_opt("node", caps.and_then(Caps::query_node))
}

/// Features by verified `ver`, oldest first.
#[derive(Debug, Default)]
pub(super) struct CapsCache {
    known: VecDeque<(String, Features)>,
}

impl CapsCache {
    pub(super) fn get(&self, ver: &str) -> Option<Features> {
        self.known.iter().find(|(known, _)| known == ver).map(|(_, features)| *features)
    }

    /// Reads an answer to [`query`], and keeps it when `caps` is truly its hash: a client must not be able to speak for
    /// others.
    pub(super) fn learn(&mut self, caps: Option<&Caps>, iq: &Element) -> Option<Features> {
        let query = iq.child_in("query", ns::DISCO_INFO)?;
        let list: Vec<&str> =
            query.children_named("feature").filter_map(|f| f.attr("var")).take(MAX_FEATURES).collect();
        let features = Features::of(&list);
        if let Some(caps) = caps
            && self.get(&caps.ver).is_none()
            && is_unambiguous(query)
            && verification(query, list) == caps.ver
        {
            if self.known.len() >= MAX_CACHED {
                self.known.pop_front();
            }
            self.known.push_back((caps.ver.clone(), features));
        }
        Some(features)
    }
}

/// Whether no other answer has the same verification string: its parts are divided by `<` and `/` and nothing escapes them
/// (XEP-0115, 8.1), so features could be hidden in each other or in identities.
fn is_unambiguous(query: &Element) -> bool {
    let part = |e: &Element, name: &str| e.attr(name).unwrap_or_default().to_owned();
    let is_plain = |text: &str| !text.contains('<');
    let is_sound = |identity: &Element| {
        let (category, kind) = (part(identity, "category"), part(identity, "type"));
        let whole = [&category, &kind, &part(identity, "xml:lang")].iter().all(|t| is_plain(t) && !t.contains('/'));
        whole && !category.is_empty() && !kind.is_empty() && is_plain(&part(identity, "name"))
    };
    query.children_named("identity").all(is_sound)
        && query.children_named("feature").all(|feature| is_plain(&part(feature, "var")))
}

/// The verification string of XEP-0115 chapter 5, without extended information, which no client of Jitsi has.
pub(super) fn verification(query: &Element, mut features: Vec<&str>) -> String {
    let part = |e: &Element, name: &str| e.attr(name).unwrap_or_default().to_owned();
    let mut identities: Vec<String> = query
        .children_named("identity")
        .take(MAX_FEATURES)
        .map(|e| format!("{}/{}/{}/{}<", part(e, "category"), part(e, "type"), part(e, "xml:lang"), part(e, "name")))
        .collect();
    identities.sort();
    features.sort_unstable();
    let mut text: String = identities.concat();
    for feature in features {
        text.push_str(feature);
        text.push('<');
    }
    base64(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// RFC 4648 chapter 4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4usize {
            let shift = 18 - 6 * u32::try_from(n).unwrap_or(0);
            let index = usize::try_from(word >> shift & 63).unwrap_or(0);
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            out.push(if n <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use jitsi_wire::xmpp::Limits;

    fn parse(text: &str) -> Element {
        Element::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn the_example_of_xep_0115_verifies() {
        let query = parse(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' type='pc' name='Exodus 0.9.1'/>\
             <feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/caps'/></query>",
        );
        let list = query.children_named("feature").filter_map(|f| f.attr("var")).collect();
        assert_eq!(verification(&query, list), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    #[test]
    fn only_an_answer_that_hashes_to_its_ver_is_kept_for_others() {
        let iq = parse(
            "<iq><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:ietf:rfc:4588'/></query></iq>",
        );
        let mut cache = CapsCache::default();
        let liar =
            Caps { node: "https://jitsi.org/jitsi-meet".to_owned(), ver: "cvjWXufsg4xT62Ec2mlATkFZ9lk=".to_owned() };
        assert!(cache.learn(Some(&liar), &iq).unwrap().rtx);
        assert_eq!(cache.get(&liar.ver), None);
        let query = iq.child("query").unwrap();
        let honest = Caps { ver: verification(query, vec!["urn:ietf:rfc:4588"]), ..liar };
        cache.learn(Some(&honest), &iq).unwrap();
        assert!(cache.get(&honest.ver).unwrap().rtx);
    }

    /// What is kept of the answer `lie`, for a client that truly has [`RTX`] and [`REMB`].
    fn learned_from(lie: &str) -> Option<Features> {
        let ns = "http://jabber.org/protocol/disco#info";
        let honest = parse(&format!("<query xmlns='{ns}'><feature var='{REMB}'/><feature var='{RTX}'/></query>"));
        let lie = parse(&format!("<iq><query xmlns='{ns}'>{lie}</query></iq>"));
        let query = lie.child("query").unwrap();
        let list = query.children_named("feature").filter_map(|f| f.attr("var")).collect();
        let caps = Caps { node: "n".to_owned(), ver: verification(&honest, vec![REMB, RTX]) };
        assert_eq!(verification(query, list), caps.ver, "it must look the same");
        let mut cache = CapsCache::default();
        cache.learn(Some(&caps), &lie).unwrap();
        cache.get(&caps.ver)
    }

    #[test]
    fn features_that_are_hidden_from_the_hash_are_not_believed() {
        let honest = format!("<feature var='{RTX}'/><feature var='{REMB}'/>");
        assert!(learned_from(&honest).unwrap().rtx);
        let in_one = format!("<feature var='{REMB}&lt;{RTX}'/>");
        assert_eq!(learned_from(&in_one), None);
        let as_identity =
            format!("<identity category='http:' type='' xml:lang='jitsi.org' name='remb'/><feature var='{RTX}'/>");
        assert_eq!(learned_from(&as_identity), None);
        let in_category =
            format!("<identity category='http://jitsi.org/remb' type='y' name='x'/><feature var='{RTX}'/>");
        let query = parse(&format!("<query>{in_category}</query>"));
        assert!(!is_unambiguous(&query));
    }

    #[test]
    fn the_oldest_answer_makes_place() {
        let mut cache = CapsCache::default();
        let mut vers = Vec::new();
        for n in 0..=MAX_CACHED {
            let iq = parse(&format!(
                "<iq><query xmlns='http://jabber.org/protocol/disco#info'><feature var='f{n}'/></query></iq>"
            ));
            let ver = verification(iq.child("query").unwrap(), vec![&format!("f{n}")]);
            cache.learn(Some(&Caps { node: "n".to_owned(), ver: ver.clone() }), &iq).unwrap();
            vers.push(ver);
        }
        let kept: Vec<bool> = vers.iter().map(|ver| cache.get(ver).is_some()).collect();
        assert!(!kept[0] && kept[1..].iter().all(|kept| *kept));
    }

    #[test]
    fn base64_pads() {
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }

    #[test]
    fn gst_meet_is_asked_without_a_node() {
        let presence = parse(
            "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://github.com/avstack/gst-meet' ver='swMAgANtyBNi66ghGYklxmQQoAQ='/></presence>",
        );
        let caps = Caps::of(&presence).unwrap();
        assert!(caps.is_gst_meet());
        assert_eq!(query(Some(&caps)).to_string(), "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    }
}

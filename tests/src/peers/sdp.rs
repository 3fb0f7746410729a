//! Session descriptions (RFC 8866, RFC 8829) as far as Janus wants them: what a bot offers, what it reads, what it answers.

use super::media::AUDIO_LEVEL;
use crate::bot::Bot;
use crate::bot::sender::{OPUS, TRANSPORT_CC, VP8};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::net::SocketAddr;

const LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const TRANSPORT_CC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// One of these lines describes a codec or an extension; an answer takes them as they are.
const KEPT: [&str; 4] = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:"];

/// What a description says of the other side.
#[derive(Debug, PartialEq, Eq)]
pub struct Remote {
    pub ufrag: String,
    pub pwd: String,
    pub addr: SocketAddr,
    /// Media ids of its video, as they come.
    pub video: Vec<String>,
    /// Extension with the number for transport-wide feedback.
    pub transport_cc: Option<u8>,
}

/// Offers all that a bot sends, and wants nothing.
pub fn offer(bot: &Bot) -> String {
    let mut media = Vec::new();
    if bot.sender.load.audio {
        let ssrc = bot.sender.audio_ssrc;
        media.push((
            "audio",
            OPUS,
            format!(
                "a=rtpmap:{OPUS} opus/48000/2\r\na=extmap:{AUDIO_LEVEL} {LEVEL_URI}\r\na=ssrc:{ssrc} cname:bot\r\n"
            ),
        ));
    }
    let ssrcs: Vec<String> = bot.sender.video_ssrcs().iter().map(|(ssrc, _)| ssrc.to_string()).collect();
    if !ssrcs.is_empty() {
        let mut video = format!("a=rtpmap:{VP8} VP8/90000\r\na=extmap:{TRANSPORT_CC} {TRANSPORT_CC_URI}\r\n");
        for feedback in ["nack", "nack pli", "ccm fir", "transport-cc"] {
            let _ = write!(video, "a=rtcp-fb:{VP8} {feedback}\r\n");
        }
        if ssrcs.len() > 1 {
            let _ = write!(video, "a=ssrc-group:SIM {}\r\n", ssrcs.join(" "));
        }
        for ssrc in &ssrcs {
            let _ = write!(video, "a=ssrc:{ssrc} cname:bot\r\n");
        }
        media.push(("video", VP8, video));
    }
    let mids = (0..media.len()).map(|mid| mid.to_string()).collect::<Vec<_>>();
    let mut sdp = session(&mids);
    for (mid, (kind, payload_type, lines)) in mids.iter().zip(&media) {
        let _ =
            write!(sdp, "m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}\r\n{}a=sendonly\r\n{lines}", transport(bot, mid));
    }
    sdp
}

/// Takes all that is offered, and sends nothing.
pub fn answer(offer: &str, bot: &Bot) -> String {
    let mids: Vec<String> = values(offer, "a=mid:").map(str::to_owned).collect();
    let mut sdp = session(&mids);
    let sections = offer.split("\nm=").skip(1);
    for (mid, section) in mids.iter().zip(sections) {
        let mut lines = section.lines();
        let first = lines.next().unwrap_or_default().trim_end();
        let _ = write!(sdp, "m={first}\r\n{}a=recvonly\r\n", transport(bot, mid));
        for line in lines.filter(|line| KEPT.iter().any(|kept| line.starts_with(kept))) {
            let _ = write!(sdp, "{}\r\n", line.trim_end());
        }
    }
    sdp
}

fn session(mids: &[String]) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n", mids.join(" "))
}

/// The same in every section: all go one way.
fn transport(bot: &Bot, mid: &str) -> String {
    let (ip, port) = (bot.addr.ip(), bot.addr.port());
    format!(
        "c=IN IP4 {ip}\r\na=mid:{mid}\r\na=rtcp-mux\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\n\
         a=setup:active\r\na=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n",
        bot.ice.ufrag, bot.ice.pwd, bot.dtls.fingerprint
    )
}

impl Remote {
    pub fn read(sdp: &str) -> Result<Self> {
        let first = |name| values(sdp, name).next().with_context(|| format!("{name} in {sdp}"));
        Ok(Self {
            ufrag: first("a=ice-ufrag:")?.into(),
            pwd: first("a=ice-pwd:")?.into(),
            addr: values(sdp, "a=candidate:").find_map(candidate).with_context(|| format!("candidate in {sdp}"))?,
            video: sdp
                .split("\nm=")
                .filter(|section| section.starts_with("video"))
                .filter_map(|section| values(section, "a=mid:").next().map(str::to_owned))
                .collect(),
            transport_cc: values(sdp, "a=extmap:")
                .filter(|value| value.ends_with(TRANSPORT_CC_URI))
                .find_map(|value| value.split([' ', '/']).next()?.parse().ok()),
        })
    }
}

fn values<'a>(sdp: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    sdp.lines().filter_map(move |line| line.trim_end().strip_prefix(name))
}

/// RFC 8839, 5.1: foundation, component, transport, priority, address, port.
fn candidate(value: &str) -> Option<SocketAddr> {
    let mut fields = value.split(' ').skip(1);
    let (component, transport) = (fields.next()?, fields.next()?);
    let (ip, port) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    (component == "1" && transport.eq_ignore_ascii_case("udp")).then_some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::keys::Offer;
    use crate::peers::scene::People;

    fn bot(people: People) -> Bot {
        Bot::new(1, "192.0.2.2:4000".parse().unwrap(), people.sources(1), Offer::Gcm)
    }

    #[test]
    fn an_offer_has_a_section_for_each_kind_and_says_which_encodings_belong_together() {
        let sdp = offer(&bot(People::Meeting(2)));
        assert_eq!(
            values(&sdp, "m=").collect::<Vec<_>>(),
            ["audio 9 UDP/TLS/RTP/SAVPF 111", "video 9 UDP/TLS/RTP/SAVPF 100"]
        );
        assert_eq!(values(&sdp, "a=group:").collect::<Vec<_>>(), ["BUNDLE 0 1"]);
        assert_eq!(values(&sdp, "a=ssrc-group:").collect::<Vec<_>>(), ["SIM 1101 1103 1105"]);
        let alone = offer(&bot(People::OneTo(1)));
        assert_eq!(values(&alone, "m=").count(), 1);
        assert_eq!(values(&alone, "a=ssrc-group:").count(), 0);
    }

    #[test]
    fn what_one_bot_offers_another_can_read() {
        let remote = Remote::read(&offer(&bot(People::Meeting(2)))).unwrap();
        assert_eq!(remote.ufrag, "bot1");
        assert_eq!(remote.addr.to_string(), "192.0.2.2:4000");
        assert_eq!((remote.video, remote.transport_cc), (vec!["1".to_owned()], Some(TRANSPORT_CC)));
    }

    #[test]
    fn an_answer_takes_every_section_with_its_codecs() {
        let offered = offer(&bot(People::Meeting(2))).replace("a=setup:active", "a=setup:actpass");
        let sdp = answer(&offered, &bot(People::OneTo(1)));
        assert_eq!(values(&sdp, "m=").collect::<Vec<_>>(), values(&offered, "m=").collect::<Vec<_>>());
        assert_eq!(values(&sdp, "a=mid:").collect::<Vec<_>>(), ["0", "1"]);
        assert_eq!(values(&sdp, "a=recvonly").count(), 2);
        assert_eq!(values(&sdp, "a=rtcp-fb:").count(), 4);
        assert_eq!(values(&sdp, "a=ssrc:").count(), 0, "it sends nothing");
    }

    #[test]
    fn candidates_of_other_transports_and_components_are_passed_over() {
        assert_eq!(candidate("1 1 TCP 2015363327 192.0.2.2 9 typ host tcptype active"), None);
        assert_eq!(candidate("1 2 udp 2015363327 192.0.2.2 9 typ host"), None);
        let host = candidate("1 1 udp 2015363583 192.0.2.2 40123 typ host");
        assert_eq!(host.unwrap().to_string(), "192.0.2.2:40123");
    }
}

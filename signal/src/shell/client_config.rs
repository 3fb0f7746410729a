//! `/config.js`: what the web library and the mobile apps need to know before they connect.

use serde_json::{Value, json};

use super::authority::Origin;

/// What `/config.js` tells clients, apart from the address by which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// The one XMPP domain, lower case.
    pub domain: String,
    /// Domain of recorders: its occupants are invisible to people.
    pub hidden_domain: String,
    /// Data channel rather than WebSocket towards the bridge.
    pub prefer_sctp: bool,
    /// `vp8`, `vp9`, `h264`, `av1`, most wanted first.
    pub codecs: Vec<String>,
    /// The same for phones.
    pub mobile_codecs: Vec<String>,
    /// Origins of pages that may have a room in a frame, besides our own.
    pub embedders: Vec<String>,
    /// The box has an authority of its own, which devices learn of at `/trust`.
    pub trust: bool,
    /// Meetings can be recorded.
    pub recording: bool,
    /// What people read besides when one is.
    pub recording_notice: Option<String>,
    /// Meetings can be written down.
    pub transcription: bool,
    /// Show the stock page's room of mirrors before joining.
    pub prejoin: bool,
}

impl ClientConfig {
    /// Fixed defaults for a domain.
    pub fn new(domain: &str) -> Self {
        let codecs = ["vp8", "vp9", "h264", "av1"].map(str::to_owned).to_vec();
        Self {
            domain: domain.to_owned(),
            hidden_domain: format!("recorder.{domain}"),
            prefer_sctp: false,
            mobile_codecs: codecs.clone(),
            codecs,
            embedders: Vec::new(),
            trust: false,
            recording: false,
            recording_notice: None,
            transcription: false,
            prejoin: true,
        }
    }

    /// Nothing but JSON: the apps evaluate it in a bare scope and keep `JSON.stringify` of it.
    /// `set_up` is whether the box has yet to be set up, and people are shown the way.
    pub(super) fn value(&self, origin: &Origin, set_up: bool) -> Value {
        let upper = |codecs: &[String]| codecs.iter().map(|codec| codec.to_uppercase()).collect::<Vec<_>>();
        let authority = &origin.authority;
        let domain = &self.domain;
        json!({
            "hosts": {
                "domain": domain,
                "muc": format!("conference.{domain}"),
                "focus": format!("focus.{domain}"),
            },
            "websocket": format!("{}://{authority}/xmpp-websocket", origin.websocket()),
            "bosh": format!("{}://{authority}/http-bind", origin.http()),
            // There is no other shard that a client would have to notice by asking once a minute.
            "websocketKeepAlive": -1,
            "enableIceRestart": true,
            "bridgeChannel": { "preferSctp": self.prefer_sctp },
            "hiddenDomain": self.hidden_domain,
            "p2p": { "enabled": false },
            // Where the library of 2022 looks for it. Without, it does not hear that newer clients mute.
            "sourceNameSignaling": true,
            "flags": {
                "ssrcRewritingEnabled": false,
                "sourceNameSignaling": true,
                "sendMultipleVideoStreams": true,
                "receiveMultipleVideoStreams": true,
            },
            "videoQuality": {
                "codecPreferenceOrder": upper(&self.codecs),
                "mobileCodecPreferenceOrder": upper(&self.mobile_codecs),
                // The library of 2022 knows no order, but one codec that it wants and one that it leaves out.
                "preferredCodec": self.codecs.first().map(|codec| codec.to_uppercase()),
                "disabledCodec": self.left_out(),
            },
            "embedders": self.embedders,
            "trustPage": self.trust.then_some("/trust"),
            "setupPage": set_up.then_some("/setup"),
            "prejoinConfig": { "enabled": self.prejoin },
            "deploymentInfo": {},
            "disableThirdPartyRequests": true,
            "analytics": {},
            "gatherStats": false,
            "recordingService": { "enabled": self.recording, "sharingEnabled": false, "notice": self.recording_notice },
            "fileRecordingsServiceEnabled": false,
            "liveStreaming": { "enabled": false },
            "transcription": { "enabled": self.transcription },
        })
    }

    /// The first codec that meetings do not use.
    fn left_out(&self) -> Option<&'static str> {
        ["VP9", "H264", "AV1"]
            .into_iter()
            .find(|name| !self.codecs.iter().any(|codec| codec.eq_ignore_ascii_case(name)))
    }

    pub(super) fn script(&self, origin: &Origin, set_up: bool) -> String {
        assignment("config", &self.value(origin, set_up))
    }
}

/// `var NAME = VALUE;`, also safe inside a `<script>` element and for engines before ES2019.
pub(super) fn assignment(name: &str, value: &Value) -> String {
    let mut script = format!("var {name} = ");
    for character in value.to_string().chars() {
        match character {
            '<' => script.push_str("\\u003c"),
            '\u{2028}' => script.push_str("\\u2028"),
            '\u{2029}' => script.push_str("\\u2029"),
            other => script.push(other),
        }
    }
    script.push_str(";\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::authority::Authority;

    fn config_for(host: &str, secure: bool) -> Value {
        let origin = Origin { authority: Authority::parse(host).unwrap(), secure, client: None, proxied: false };
        let script = ClientConfig::new("box.internal").script(&origin, false);
        let json = script.strip_prefix("var config = ").and_then(|rest| rest.strip_suffix(";\n")).unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn urls_carry_the_name_by_which_the_client_came() {
        let config = config_for("[fe80::1]:8443", true);
        assert_eq!(config["websocket"], "wss://[fe80::1]:8443/xmpp-websocket");
        assert_eq!(config["bosh"], "https://[fe80::1]:8443/http-bind");
        assert_eq!(config_for("localhost:8080", false)["websocket"], "ws://localhost:8080/xmpp-websocket");
    }

    #[test]
    fn the_domain_is_the_same_for_everybody() {
        for host in ["a.example", "10.0.0.1:8443"] {
            let hosts = &config_for(host, true)["hosts"];
            assert_eq!(hosts["domain"], "box.internal");
            assert_eq!(hosts["muc"], "conference.box.internal");
            assert_eq!(hosts["focus"], "focus.box.internal");
        }
    }

    #[test]
    fn every_library_names_its_sources() {
        let config = config_for("a.example", true);
        assert_eq!(config["sourceNameSignaling"], true, "the library of 2022 looks here");
        assert_eq!(config["flags"]["sourceNameSignaling"], true);
    }

    #[test]
    fn every_library_is_told_the_codecs_in_its_own_way() {
        let video = &config_for("a.example", true)["videoQuality"];
        assert_eq!(video["codecPreferenceOrder"], json!(["VP8", "VP9", "H264", "AV1"]));
        assert_eq!((&video["preferredCodec"], &video["disabledCodec"]), (&json!("VP8"), &Value::Null));
        let codecs = ["h264", "vp8"].map(str::to_owned).to_vec();
        let client = ClientConfig { mobile_codecs: codecs.clone(), codecs, ..ClientConfig::new("box.internal") };
        let authority = Authority::parse("a.example").unwrap();
        let value = client.value(&Origin { authority, secure: true, client: None, proxied: false }, false);
        let video = &value["videoQuality"];
        assert_eq!(video["mobileCodecPreferenceOrder"], json!(["H264", "VP8"]));
        assert_eq!((&video["preferredCodec"], &video["disabledCodec"]), (&json!("H264"), &json!("VP9")));
    }

    #[test]
    fn what_is_not_there_is_switched_off() {
        let config = config_for("a.example", true);
        assert_eq!(config["p2p"]["enabled"], false);
        assert_eq!(config["flags"]["ssrcRewritingEnabled"], false);
        assert_eq!(config["bridgeChannel"]["preferSctp"], false);
        assert_eq!(config["disableThirdPartyRequests"], true);
    }
}

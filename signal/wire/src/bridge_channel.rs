//! JSON messages of the bridge channel (WebSocket or data channel between a client and the bridge).
//!
//! One object per text frame; `colibriClass` names the type. Shapes: jitsi-videobridge `BridgeChannelMessage.kt`,
//! lib-jitsi-meet `BridgeChannel.ts`. Reading is tolerant: fields and classes that are not known are ignored, `null` is the
//! same as absent, of a repeated key the last one counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Longest message that is read, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 40;

/// Why a text frame is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("longer than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("not a JSON object with a colibriClass")]
    NotAMessage,
    #[error("a field has the wrong type or a value that makes no sense")]
    BadField,
}

/// What a client tells the bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// `ClientHello`
    Hello,
    /// `EndpointMessage`
    EndpointMessage(Relayed),
    /// `EndpointStats`
    EndpointStats(Relayed),
    /// `ReceiverVideoConstraints`
    ReceiverVideoConstraints(ReceiverVideoConstraints),
    /// `LastNChangedEvent`; -1 is unlimited.
    LastN(i32),
    /// `ReceiverAudioSubscription`, either form.
    AudioSubscription(AudioSubscription),
    /// `SourceVideoTypeMessage`
    SourceVideoType { source: String, video_type: VideoType },
    /// `VideoTypeMessage` (clients before source names): about the source `ENDPOINT-v0`.
    VideoType(VideoType),
    /// A class that is not for bridges, or newer than this text.
    Unknown(String),
}

impl ClientMessage {
    /// Reads one text frame.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut fields = object(text)?;
        let class = match fields.get("colibriClass") {
            Some(Value::String(class)) => class.clone(),
            _ => return Err(Unreadable::NotAMessage),
        };
        Ok(match class.as_str() {
            "ClientHello" => Self::Hello,
            "EndpointMessage" => Self::EndpointMessage(Relayed::new(fields)?),
            "EndpointStats" => Self::EndpointStats(Relayed::new(fields)?),
            "ReceiverVideoConstraints" => Self::ReceiverVideoConstraints(typed(fields)?),
            "LastNChangedEvent" => {
                fields.remove("colibriClass");
                let LastN { last_n } = typed(fields)?;
                Self::LastN(last_n.ok_or(Unreadable::BadField)?)
            }
            "ReceiverAudioSubscription" => {
                Self::AudioSubscription(AudioSubscription::from(typed::<RawSubscription>(fields)?))
            }
            "SourceVideoTypeMessage" => {
                let raw: RawVideoType = typed(fields)?;
                Self::SourceVideoType {
                    source: raw.source_name.ok_or(Unreadable::BadField)?,
                    video_type: VideoType::parse(&raw.video_type).ok_or(Unreadable::BadField)?,
                }
            }
            "VideoTypeMessage" => {
                let raw: RawVideoType = typed(fields)?;
                Self::VideoType(VideoType::parse(&raw.video_type).ok_or(Unreadable::BadField)?)
            }
            _ => Self::Unknown(class),
        })
    }
}

/// A message whose content belongs to the clients: kept as it is, only the sender's name is ours to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Relayed {
    /// Endpoint that it is for; `None` or blank: everybody.
    pub to: Option<String>,
    fields: Map<String, Value>,
}

impl Relayed {
    fn new(fields: Map<String, Value>) -> Result<Self, Unreadable> {
        let to = match fields.get("to") {
            None => None,
            Some(Value::String(to)) => Some(to.clone()),
            Some(_) => return Err(Unreadable::BadField),
        };
        Ok(Self { to, fields })
    }

    /// The same message as text, said to come from `from` whatever the client wrote there.
    pub fn stamped(mut self, from: &str) -> String {
        self.fields.insert("from".to_owned(), Value::String(from.to_owned()));
        Value::Object(self.fields).to_string()
    }
}

/// `ReceiverVideoConstraints`: what a client wants to see. Absent fields leave the bridge's state as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReceiverVideoConstraints {
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_whole")]
    pub last_n: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_sources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_stage_sources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_constraints: Option<VideoConstraint>,
    /// By source name; clients without source names use endpoint ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraints: Option<BTreeMap<String, VideoConstraint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_bandwidth_bps: Option<f64>,
    /// Endpoint ids, from clients without source names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected_endpoints: Option<Vec<String>>,
    /// Endpoint ids, from clients without source names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_stage_endpoints: Option<Vec<String>>,
}

/// Bounds of one received video.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoConstraint {
    /// Pixels of the smaller side; 0 is off, -1 unlimited, less is refused.
    #[serde(deserialize_with = "height")]
    pub max_height: i32,
    /// Frames per second; 0 is off, -1 unlimited.
    #[serde(default = "unlimited", deserialize_with = "frame_rate")]
    pub max_frame_rate: f64,
}

impl VideoConstraint {
    /// Any frame rate at this height.
    pub fn height(max_height: i32) -> Self {
        Self { max_height, max_frame_rate: unlimited() }
    }
}

/// Which audio a client wants: an excluded source never, an included one always, any other if `all`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AudioSubscription {
    pub all: bool,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl AudioSubscription {
    /// Whether the source of this name is to be sent.
    pub fn wants(&self, source: &str) -> bool {
        self.asks_for(source) || (self.all && !self.exclude.iter().any(|name| name == source))
    }

    /// Whether it is named, and not excluded as well.
    pub fn asks_for(&self, source: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == source);
        named(&self.include) && !named(&self.exclude)
    }
}

impl From<RawSubscription> for AudioSubscription {
    fn from(raw: RawSubscription) -> Self {
        let list = raw.list.unwrap_or_default();
        match raw.mode.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("all") => Self { all: true, ..Self::default() },
            Some("none") => Self::default(),
            Some("include") => Self { include: list, ..Self::default() },
            Some("exclude") => Self { all: true, exclude: list, ..Self::default() },
            _ => Self {
                all: raw.all.unwrap_or(false),
                include: raw.include.unwrap_or_default(),
                exclude: raw.exclude.unwrap_or_default(),
            },
        }
    }
}

/// What a video source shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoType {
    Camera,
    Desktop,
    DesktopHighFps,
    /// The source exists and sends nothing.
    None,
}

impl VideoType {
    /// Any case; `disabled` is another word for none.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "camera" => Self::Camera,
            "desktop" => Self::Desktop,
            "desktop_high_fps" => Self::DesktopHighFps,
            "none" | "disabled" => Self::None,
            _ => return None,
        })
    }
}

/// What the bridge tells a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "colibriClass")]
pub enum BridgeMessage {
    ServerHello {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// How tall the best picture is that anybody wants of this source; -1 unlimited, 0 nobody wants it.
    #[serde(rename_all = "camelCase")]
    SenderSourceConstraints { source_name: String, max_height: i32 },
    /// For clients without source names.
    #[serde(rename_all = "camelCase")]
    SenderVideoConstraints { video_constraints: IdealHeight },
    #[serde(rename_all = "camelCase")]
    DominantSpeakerEndpointChangeEvent {
        dominant_speaker_endpoint: String,
        #[serde(default)]
        previous_speakers: Vec<String>,
        #[serde(default)]
        silence: bool,
    },
    /// `active` is a text on the wire.
    EndpointConnectivityStatusChangeEvent {
        endpoint: String,
        #[serde(serialize_with = "bool_as_text", deserialize_with = "text_as_bool")]
        active: bool,
    },
    /// Video sources of which some encoding is being sent to this client.
    #[serde(rename_all = "camelCase")]
    ForwardedSources { forwarded_sources: Vec<String> },
    /// Under which SSRCs a client with SSRC rewriting gets videos from now on; what is not named stays.
    #[serde(rename_all = "camelCase")]
    VideoSourcesMap { mapped_sources: Vec<MappedVideo> },
    /// The same of audio.
    #[serde(rename_all = "camelCase")]
    AudioSourcesMap { mapped_sources: Vec<MappedAudio> },
    /// For clients without source names.
    #[serde(rename_all = "camelCase")]
    LastNEndpointsChangeEvent {
        #[serde(rename = "lastNEndpoints")]
        last_n_endpoints: Vec<String>,
    },
    /// What this client can be sent, in bits per second.
    #[serde(rename_all = "camelCase")]
    ConnectionStats { estimated_downlink_bandwidth: u64 },
}

impl BridgeMessage {
    /// The text frame.
    pub fn to_text(&self) -> String {
        // Strings, numbers and lists of strings always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One entry of `VideoSourcesMap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MappedVideo {
    pub source: String,
    pub owner: String,
    pub ssrc: u32,
    /// Always a real one: lib-jitsi-meet takes -1 for an SSRC.
    pub rtx: u32,
    /// `CAMERA` or `DESKTOP`.
    pub video_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
}

/// One entry of `AudioSourcesMap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedAudio {
    pub source: String,
    pub owner: String,
    pub ssrc: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
}

/// Content of `SenderVideoConstraints`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdealHeight {
    pub ideal_height: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct LastN {
    #[serde(deserialize_with = "optional_whole")]
    last_n: Option<i32>,
}

#[derive(Deserialize)]
struct RawSubscription {
    all: Option<bool>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
    mode: Option<String>,
    list: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawVideoType {
    source_name: Option<String>,
    video_type: String,
}

/// The object in `text` without the members that are `null`.
fn object(text: &str) -> Result<Map<String, Value>, Unreadable> {
    if text.len() > MAX_MESSAGE {
        return Err(Unreadable::TooLong);
    }
    if depth(text) > MAX_DEPTH {
        return Err(Unreadable::TooDeep);
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(mut fields)) => {
            fields.retain(|_, value| !value.is_null());
            Ok(fields)
        }
        _ => Err(Unreadable::NotAMessage),
    }
}

/// Deepest nesting, brackets inside strings apart.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn typed<T: for<'a> Deserialize<'a>>(fields: Map<String, Value>) -> Result<T, Unreadable> {
    serde_json::from_value(Value::Object(fields)).map_err(|_| Unreadable::BadField)
}

fn unlimited() -> f64 {
    -1.0
}

/// Scripts compute heights, so 359.5 arrives as well as 360.
fn whole(number: f64) -> Option<i32> {
    let bounds = f64::from(i32::MIN)..=f64::from(i32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked in the line before")]
    bounds.contains(&number).then(|| number.round() as i32)
}

fn optional_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        None => Ok(None),
        Some(number) => {
            whole(number).filter(|n| *n >= -1).map(Some).ok_or_else(|| serde::de::Error::custom("out of range"))
        }
    }
}

fn height<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    whole(f64::deserialize(deserializer)?)
        .filter(|height| *height >= -1)
        .ok_or_else(|| serde::de::Error::custom("out of range"))
}

fn frame_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        None => Ok(unlimited()),
        Some(rate) if rate >= -1.0 => Ok(rate),
        Some(_) => Err(serde::de::Error::custom("out of range")),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn bool_as_text<S: serde::Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *value { "true" } else { "false" })
}

fn text_as_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(String::deserialize(deserializer)? == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_of_a_client_is_read() {
        use ClientMessage as M;
        let parse = |text| M::parse(text).unwrap();
        assert_eq!(parse(r#"{"colibriClass":"ClientHello"}"#), M::Hello);
        assert_eq!(parse(r#"{"colibriClass":"LastNChangedEvent","lastN":4}"#), M::LastN(4));
        let M::ReceiverVideoConstraints(constraints) = parse(
            r#"{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"selectedSources":[],"onStageSources":["1a2b3c4d-v0"],"defaultConstraints":{"maxHeight":0},"constraints":{"1a2b3c4d-v0":{"maxHeight":720},"99aa88bb-v0":{"maxHeight":180}},"assumedBandwidthBps":-1}"#,
        ) else {
            panic!("not constraints");
        };
        assert_eq!(constraints.last_n, Some(-1));
        assert_eq!(constraints.on_stage_sources, Some(vec!["1a2b3c4d-v0".into()]));
        assert_eq!(constraints.selected_sources, Some(vec![]));
        assert_eq!(constraints.selected_endpoints, None);
        assert_eq!(constraints.default_constraints, Some(VideoConstraint::height(0)));
        assert_eq!(constraints.constraints.unwrap()["99aa88bb-v0"].max_height, 180);
        let M::ReceiverVideoConstraints(legacy) = parse(
            r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":180,"maxFrameRate":15.0},"selectedEndpoints":["1a2b3c4d"]}"#,
        ) else {
            panic!("not constraints");
        };
        assert_eq!(legacy.selected_endpoints, Some(vec!["1a2b3c4d".into()]));
        assert_eq!(legacy.default_constraints.unwrap().max_frame_rate, 15.0);
        assert_eq!(
            parse(r#"{"colibriClass":"SourceVideoTypeMessage","sourceName":"1a2b3c4d-v1","videoType":"desktop"}"#),
            M::SourceVideoType { source: "1a2b3c4d-v1".into(), video_type: VideoType::Desktop }
        );
        assert_eq!(
            parse(
                r#"{"colibriClass":"SourceVideoTypeMessage","videoType":"NONE","sourceName":"1a2b3c4d-v0","endpointId":"1a2b3c4d"}"#
            ),
            M::SourceVideoType { source: "1a2b3c4d-v0".into(), video_type: VideoType::None }
        );
        assert_eq!(
            parse(r#"{"colibriClass":"VideoTypeMessage","videoType":"camera"}"#),
            M::VideoType(VideoType::Camera)
        );
    }

    #[test]
    fn checklist_56_both_forms_of_an_audio_subscription_mean_the_same() {
        let parse = |text| match ClientMessage::parse(text).unwrap() {
            ClientMessage::AudioSubscription(subscription) => subscription,
            other => panic!("{other:?}"),
        };
        let new =
            parse(r#"{"colibriClass":"ReceiverAudioSubscription","all":true,"include":[],"exclude":["99aa88bb-a0"]}"#);
        let old = parse(r#"{"colibriClass":"ReceiverAudioSubscription","mode":"Exclude","list":["99aa88bb-a0"]}"#);
        assert_eq!(new, old);
        assert!(new.wants("1a2b3c4d-a0") && !new.wants("99aa88bb-a0"));
        let silent = parse(r#"{"colibriClass":"ReceiverAudioSubscription","include":["x-a0"]}"#);
        assert!(silent.wants("x-a0") && !silent.wants("y-a0"), "absent `all` is false");
    }

    #[test]
    fn a_relayed_message_keeps_everything_but_the_senders_name() {
        let text = r#"{"colibriClass":"EndpointMessage","to":"","from":"liar","msgPayload":{"type":"e2e-ping-request","id":7,"s":"\"\n"}}"#;
        let ClientMessage::EndpointMessage(message) = ClientMessage::parse(text).unwrap() else {
            panic!("not an endpoint message");
        };
        assert_eq!(message.to.as_deref(), Some(""));
        let out: Value = serde_json::from_str(&message.stamped("1a2b3c4d")).unwrap();
        let mut expected: Value = serde_json::from_str(text).unwrap();
        expected["from"] = "1a2b3c4d".into();
        assert_eq!(out, expected);
    }

    #[test]
    fn checklist_53_what_the_bridge_says_has_the_bytes_that_clients_know() {
        let samples = [
            (BridgeMessage::ServerHello { version: None }, r#"{"colibriClass":"ServerHello"}"#),
            (
                BridgeMessage::ServerHello { version: Some("0.1.0".into()) },
                r#"{"colibriClass":"ServerHello","version":"0.1.0"}"#,
            ),
            (
                BridgeMessage::SenderSourceConstraints { source_name: "1a2b3c4d-v0".into(), max_height: 180 },
                r#"{"colibriClass":"SenderSourceConstraints","sourceName":"1a2b3c4d-v0","maxHeight":180}"#,
            ),
            (
                BridgeMessage::SenderVideoConstraints { video_constraints: IdealHeight { ideal_height: 180 } },
                r#"{"colibriClass":"SenderVideoConstraints","videoConstraints":{"idealHeight":180}}"#,
            ),
            (
                BridgeMessage::DominantSpeakerEndpointChangeEvent {
                    dominant_speaker_endpoint: "1a2b3c4d".into(),
                    previous_speakers: vec!["99aa88bb".into()],
                    silence: false,
                },
                r#"{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"1a2b3c4d","previousSpeakers":["99aa88bb"],"silence":false}"#,
            ),
            (
                BridgeMessage::EndpointConnectivityStatusChangeEvent { endpoint: "1a2b3c4d".into(), active: false },
                r#"{"colibriClass":"EndpointConnectivityStatusChangeEvent","endpoint":"1a2b3c4d","active":"false"}"#,
            ),
            (
                BridgeMessage::ForwardedSources { forwarded_sources: vec!["1a2b3c4d-v0".into(), "99aa88bb-v0".into()] },
                r#"{"colibriClass":"ForwardedSources","forwardedSources":["1a2b3c4d-v0","99aa88bb-v0"]}"#,
            ),
            (
                BridgeMessage::ConnectionStats { estimated_downlink_bandwidth: 2_417_000 },
                r#"{"colibriClass":"ConnectionStats","estimatedDownlinkBandwidth":2417000}"#,
            ),
            (
                BridgeMessage::LastNEndpointsChangeEvent {
                    last_n_endpoints: vec!["1a2b3c4d".into(), "99aa88bb".into()],
                },
                r#"{"colibriClass":"LastNEndpointsChangeEvent","lastNEndpoints":["1a2b3c4d","99aa88bb"]}"#,
            ),
        ];
        for (message, text) in samples {
            assert_eq!(message.to_text(), text);
            assert_eq!(serde_json::from_str::<BridgeMessage>(text).unwrap(), message);
        }
    }

    #[test]
    fn checklist_39_unknown_fields_nulls_and_repeated_keys_do_no_harm() {
        let text = r#"{"lastN":3,"colibriClass":"ReceiverVideoConstraints","lastN":5,"news":{"a":[1]},"constraints":null,"defaultConstraints":{"maxHeight":359.6,"maxFrameRate":null,"x":1}}"#;
        let ClientMessage::ReceiverVideoConstraints(c) = ClientMessage::parse(text).unwrap() else {
            panic!("not constraints");
        };
        assert_eq!(c.last_n, Some(5));
        assert_eq!(c.constraints, None);
        assert_eq!(c.default_constraints, Some(VideoConstraint::height(360)));
        assert_eq!(
            ClientMessage::parse(r#"{"colibriClass":"PinnedEndpointChangedEvent","x":1}"#),
            Ok(ClientMessage::Unknown("PinnedEndpointChangedEvent".into()))
        );
    }

    #[test]
    fn checklist_45_heights_below_minus_one_and_broken_frames_are_refused() {
        let bad = r#"{"colibriClass":"ReceiverVideoConstraints","defaultConstraints":{"maxHeight":-2}}"#;
        assert_eq!(ClientMessage::parse(bad), Err(Unreadable::BadField));
        let nan = r#"{"colibriClass":"LastNChangedEvent","lastN":1e300}"#;
        assert_eq!(ClientMessage::parse(nan), Err(Unreadable::BadField));
        for text in ["", "[]", "{", "1", r#"{"colibriClass":1}"#, r#"{"a":"b"}"#] {
            assert_eq!(ClientMessage::parse(text), Err(Unreadable::NotAMessage), "{text}");
        }
        let long = format!(r#"{{"colibriClass":"{}"}}"#, "x".repeat(MAX_MESSAGE));
        assert_eq!(ClientMessage::parse(&long), Err(Unreadable::TooLong));
        let deep =
            format!(r#"{{"colibriClass":"EndpointMessage","msgPayload":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(ClientMessage::parse(&deep), Err(Unreadable::TooDeep));
        let brackets = r#"{"colibriClass":"EndpointMessage","msgPayload":{"t":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"["}}"#;
        assert!(ClientMessage::parse(brackets).is_ok());
    }
}

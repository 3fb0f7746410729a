//! Requests to the conference focus, namespace `http://jitsi.org/protocol/focus` (jitsi-xmpp-extensions, `ConferenceIq`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::xmpp::{Element, ns};

/// What a client asks of the focus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FocusRequest {
    Conference(ConferenceRequest),
    /// `login-url`: where to log in. Only the 2022 client asks.
    LoginUrl {
        room: Option<String>,
        machine_uid: Option<String>,
    },
    Logout {
        session_id: Option<String>,
    },
}

impl FocusRequest {
    /// The request in an `iq`, when it has one.
    pub fn find(iq: &Element) -> Option<Self> {
        let payload = iq.elements().find(|e| e.xmlns() == Some(ns::FOCUS))?;
        let text = |name| payload.attr(name).map(str::to_owned);
        match payload.name.as_str() {
            "conference" => Some(FocusRequest::Conference(ConferenceRequest::parse(payload))),
            "login-url" => Some(FocusRequest::LoginUrl { room: text("room"), machine_uid: text("machine-uid") }),
            "logout" => Some(FocusRequest::Logout { session_id: text("session-id") }),
            _ => None,
        }
    }
}

/// `conference` as a client writes it: is the room ready, who are you, may I?
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceRequest {
    /// Bare JID of the room. Mandatory, but clients forget things.
    pub room: Option<String>,
    pub machine_uid: Option<String>,
    pub session_id: Option<String>,
    pub token: Option<String>,
    pub properties: Vec<(String, String)>,
}

impl ConferenceRequest {
    pub fn parse(element: &Element) -> Self {
        let text = |name| element.attr(name).map(str::to_owned);
        Self {
            room: text("room"),
            machine_uid: text("machine-uid"),
            session_id: text("session-id"),
            token: text("token"),
            properties: element
                .children_named("property")
                .filter_map(|p| Some((p.attr("name")?.to_owned(), p.attr("value")?.to_owned())))
                .collect(),
        }
    }

    /// Value of the property `name`.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn to_element(&self) -> Element {
        Element::in_ns("conference", ns::FOCUS)
            .with_attr_opt("room", self.room.as_deref())
            .with_attr_opt("machine-uid", self.machine_uid.as_deref())
            .with_attr_opt("session-id", self.session_id.as_deref())
            .with_attr_opt("token", self.token.as_deref())
            .with_children(properties(&self.properties))
    }
}

/// `conference` as the focus answers it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceAnswer {
    pub room: String,
    pub ready: bool,
    /// Bare real JID of the focus: the item `jid` of its occupant begins with this and a slash.
    pub focus_jid: String,
    pub session_id: Option<String>,
    pub identity: Option<String>,
    pub vnode: Option<String>,
    pub properties: Vec<(String, String)>,
}

impl ConferenceAnswer {
    pub fn to_element(&self) -> Element {
        Element::in_ns("conference", ns::FOCUS)
            .with_attr("room", self.room.as_str())
            .with_attr("ready", self.ready.to_string())
            .with_attr("focusjid", self.focus_jid.as_str())
            .with_attr_opt("session-id", self.session_id.as_deref())
            .with_attr_opt("identity", self.identity.as_deref())
            .with_attr_opt("vnode", self.vnode.as_deref())
            .with_children(properties(&self.properties))
    }

    pub fn parse(element: &Element) -> Self {
        let text = |name| element.attr(name).map(str::to_owned);
        Self {
            room: text("room").unwrap_or_default(),
            ready: element.attr("ready") == Some("true"),
            focus_jid: text("focusjid").unwrap_or_default(),
            session_id: text("session-id"),
            identity: text("identity"),
            vnode: text("vnode"),
            properties: ConferenceRequest::parse(element).properties,
        }
    }
}

/// A [`ConferenceRequest`] as it is posted over HTTP.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedRequest {
    room: Option<String>,
    machine_uid: Option<String>,
    session_id: Option<String>,
    #[serde(default)]
    properties: Map<String, Value>,
}

impl ConferenceRequest {
    /// The request in the body of an HTTP request.
    pub fn from_json(text: &str) -> Option<Self> {
        let posted: PostedRequest = serde_json::from_str(text).ok()?;
        let value = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            _ => None,
        };
        Some(Self {
            room: posted.room,
            machine_uid: posted.machine_uid,
            session_id: posted.session_id,
            token: None,
            properties: posted.properties.into_iter().filter_map(|(name, v)| Some((name, value(v)?))).collect(),
        })
    }
}

/// A [`ConferenceAnswer`] as it goes out over HTTP.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostedAnswer<'a> {
    ready: bool,
    room: &'a str,
    focus_jid: &'a str,
    session_id: Option<&'a str>,
    identity: Option<&'a str>,
    vnode: Option<&'a str>,
    properties: Map<String, Value>,
}

impl ConferenceAnswer {
    /// The body of an HTTP answer.
    pub fn to_json(&self) -> String {
        let properties = self.properties.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        let answer = PostedAnswer {
            ready: self.ready,
            room: &self.room,
            focus_jid: &self.focus_jid,
            session_id: self.session_id.as_deref(),
            identity: self.identity.as_deref(),
            vnode: self.vnode.as_deref(),
            properties: properties.collect(),
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }
}

fn properties(list: &[(String, String)]) -> impl Iterator<Item = Element> {
    list.iter().map(|(name, value)| {
        Element::new("property").with_attr("name", name.as_str()).with_attr("value", value.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmpp::Limits;

    #[test]
    fn requests_of_real_clients_are_understood() {
        let parse = |text| FocusRequest::find(&Element::parse(text, &Limits::default()).unwrap());
        let current = r#"<iq id="b976aea4:sendIQ" to="focus.meet.test" type="set" xmlns="jabber:client"><conference machine-uid="aeb98a4f39ff4a11b9816c2cae3ee16e" room="tcurrent@conference.meet.test" xmlns="http://jitsi.org/protocol/focus"><property name="rtcstatsEnabled" value="false"/><property name="visitors-version" value="1"/></conference></iq>"#;
        let Some(FocusRequest::Conference(request)) = parse(current) else {
            panic!("not a conference request");
        };
        assert_eq!(request.room.as_deref(), Some("tcurrent@conference.meet.test"));
        assert_eq!(request.property("visitors-version"), Some("1"));
        let gst = r#"<iq xmlns='jabber:client' id="626a4039" to="focus.meet.test" type="set"><conference xmlns='http://jitsi.org/protocol/focus' machine-uid="f922e9f7-9653-40cc-bd8c-fb0a9959292d" room="gst1@conference.meet.test"><property name="stereo" value="false"/><property name="startBitrate" value="800"/></conference></iq>"#;
        let Some(FocusRequest::Conference(request)) = parse(gst) else {
            panic!("not a conference request");
        };
        assert_eq!(request.property("startBitrate"), Some("800"));
        let login = "<iq type='get' to='focus.meet.example' id='l1' xmlns='jabber:client'><login-url xmlns='http://jitsi.org/protocol/focus' room='a@b' machine-uid='5d' popup='true'/></iq>";
        assert!(matches!(parse(login), Some(FocusRequest::LoginUrl { .. })));
    }

    #[test]
    fn over_http_the_same_is_said_in_json() {
        let request = ConferenceRequest::from_json(
            r#"{"room":"standup@conference.meet.example","machineUid":"5d0c1f6a77b0","sessionId":"a0b9",
                "properties":{"startAudioMuted":"10","visitors-version":1,"odd":[]},"new":{}}"#,
        )
        .unwrap();
        assert_eq!(request.room.as_deref(), Some("standup@conference.meet.example"));
        assert_eq!(request.machine_uid.as_deref(), Some("5d0c1f6a77b0"));
        assert_eq!(request.property("startAudioMuted"), Some("10"));
        assert_eq!(request.property("visitors-version"), Some("1"));
        assert_eq!(request.property("odd"), None);
        for bad in ["", "[]", "{\"room\":1}", "{\"properties\":[]}"] {
            assert_eq!(ConferenceRequest::from_json(bad), None, "{bad}");
        }
        let answer = ConferenceAnswer {
            room: "standup@conference.meet.example".to_owned(),
            ready: true,
            focus_jid: "focus@auth.meet.example".to_owned(),
            properties: vec![("authentication".to_owned(), "false".to_owned())],
            ..ConferenceAnswer::default()
        };
        assert_eq!(
            answer.to_json(),
            r#"{"ready":true,"room":"standup@conference.meet.example","focusJid":"focus@auth.meet.example","sessionId":null,"identity":null,"vnode":null,"properties":{"authentication":"false"}}"#
        );
    }

    #[test]
    fn the_answer_reads_as_the_contract_shows_it() {
        let answer = ConferenceAnswer {
            room: "standup@conference.meet.example".to_owned(),
            ready: true,
            focus_jid: "focus@auth.meet.example".to_owned(),
            properties: vec![("authentication".to_owned(), "false".to_owned())],
            ..ConferenceAnswer::default()
        };
        let element = answer.to_element();
        assert_eq!(
            element.to_string(),
            "<conference xmlns='http://jitsi.org/protocol/focus' room='standup@conference.meet.example' ready='true' \
             focusjid='focus@auth.meet.example'><property name='authentication' value='false'/></conference>"
        );
        assert_eq!(ConferenceAnswer::parse(&element), answer);
    }
}

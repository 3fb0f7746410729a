//! Sources in both forms: `source` and `ssrc-group` of XEP-0339 inside a description, and the compact JSON that clients
//! with the feature `http://jitsi.org/json-encoded-sources` read.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use super::{JingleError, Semantics, SsrcGroup};
use crate::xmpp::{Element, ns};

/// One stream of a named track.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Never 0.
    pub ssrc: u32,
    /// Source name, for instance `3f2a9c41-v0`.
    pub name: Option<String>,
    /// `camera` or `desktop` as written.
    pub video_type: Option<String>,
    /// Stream and track id with a blank between them.
    pub msid: Option<String>,
    /// Endpoint id, or `jvb`; old focuses wrote the occupant JID.
    pub owner: Option<String>,
}

impl Source {
    /// A screen rather than a camera.
    pub fn is_desktop(&self) -> bool {
        self.video_type.as_deref() == Some("desktop")
    }
}

/// Sources of one kind of media and how they belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceSet {
    pub sources: Vec<Source>,
    pub groups: Vec<SsrcGroup>,
}

impl SourceSet {
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.groups.is_empty()
    }
}

/// Everything that one owner sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnerSources {
    /// Endpoint id, or `jvb`.
    pub owner: String,
    pub audio: SourceSet,
    pub video: SourceSet,
}

impl Semantics {
    pub fn as_str(&self) -> &str {
        match self {
            Semantics::Fid => "FID",
            Semantics::Sim => "SIM",
            Semantics::Other(text) => text,
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "FID" => Semantics::Fid,
            "SIM" => Semantics::Sim,
            other => Semantics::Other(other.to_owned()),
        }
    }
}

/// The `source` and `ssrc-group` elements of a set, each with its own `xmlns`.
pub fn sources_to_xml(set: &SourceSet) -> Vec<Element> {
    let sources = set.sources.iter().map(source_to_element);
    let groups = set.groups.iter().map(|group| {
        Element::in_ns("ssrc-group", ns::SSMA).with_attr("semantics", group.semantics.as_str()).with_children(
            group.ssrcs.iter().map(|ssrc| Element::in_ns("source", ns::SSMA).with_attr("ssrc", ssrc.to_string())),
        )
    });
    sources.chain(groups).collect()
}

fn source_to_element(source: &Source) -> Element {
    Element::in_ns("source", ns::SSMA)
        .with_attr("ssrc", source.ssrc.to_string())
        .with_attr_opt("name", source.name.as_deref())
        .with_attr_opt("videoType", source.video_type.as_deref())
        .with_children(
            source
                .msid
                .as_deref()
                .map(|msid| Element::new("parameter").with_attr("name", "msid").with_attr("value", msid)),
        )
        .with_children(
            source.owner.as_deref().map(|owner| Element::in_ns("ssrc-info", ns::JITMEET).with_attr("owner", owner)),
        )
}

/// Sources and groups in a description.
pub fn sources_from_xml(description: &Element) -> Result<SourceSet, JingleError> {
    let sources = description.children_named("source").map(source_from).collect::<Result<_, _>>()?;
    let groups = description
        .children_named("ssrc-group")
        .map(|group| {
            Ok(SsrcGroup {
                semantics: Semantics::parse(group.attr("semantics").unwrap_or_default()),
                ssrcs: group.children_named("source").map(ssrc_of).collect::<Result<_, _>>()?,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(SourceSet { sources, groups })
}

fn source_from(element: &Element) -> Result<Source, JingleError> {
    let msid =
        element.children_named("parameter").find(|p| p.attr("name") == Some("msid")).and_then(|p| p.attr("value"));
    Ok(Source {
        ssrc: ssrc_of(element)?,
        name: element.attr("name").map(str::to_owned),
        video_type: element.attr("videoType").map(str::to_owned),
        msid: msid.map(str::to_owned),
        owner: element.child("ssrc-info").and_then(|info| info.attr("owner")).map(str::to_owned),
    })
}

fn ssrc_of(element: &Element) -> Result<u32, JingleError> {
    element.attr("ssrc").and_then(|text| text.parse().ok()).filter(|ssrc| *ssrc != 0).ok_or(JingleError::BadSsrc)
}

/// The JSON form: `{"sources":{OWNER:[[video],[video groups],[audio],[audio groups]]}}`, owners in the order given.
pub fn sources_to_json(owners: &[OwnerSources]) -> String {
    // Strings and integers into a string: serializing them cannot fail.
    serde_json::to_string(&Document(owners)).unwrap_or_default()
}

/// [`sources_to_json`] as the `json-message` child of a `jingle` element.
pub fn json_message(owners: &[OwnerSources]) -> Element {
    Element::in_ns("json-message", ns::JITMEET).with_text(sources_to_json(owners))
}

struct Document<'a>(&'a [OwnerSources]);
struct Owners<'a>(&'a [OwnerSources]);
struct Owner<'a>(&'a OwnerSources);
struct Sources<'a>(&'a [Source]);
struct JsonSource<'a>(&'a Source);
struct Groups<'a>(&'a [SsrcGroup]);
struct Group<'a>(&'a SsrcGroup);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("sources", &Owners(self.0))?;
        map.end()
    }
}

impl Serialize for Owners<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|o| (o.owner.as_str(), Owner(o))))
    }
}

impl Serialize for Owner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        seq.serialize_element(&Sources(&self.0.video.sources))?;
        seq.serialize_element(&Groups(&self.0.video.groups))?;
        seq.serialize_element(&Sources(&self.0.audio.sources))?;
        if !self.0.audio.groups.is_empty() {
            seq.serialize_element(&Groups(&self.0.audio.groups))?;
        }
        seq.end()
    }
}

impl Serialize for Sources<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(JsonSource))
    }
}

impl Serialize for JsonSource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("s", &self.0.ssrc)?;
        if let Some(name) = &self.0.name {
            map.serialize_entry("n", name)?;
        }
        if let Some(msid) = &self.0.msid {
            map.serialize_entry("m", msid)?;
        }
        if self.0.is_desktop() {
            map.serialize_entry("v", "d")?;
        }
        map.end()
    }
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Group))
    }
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        seq.serialize_element(match &self.0.semantics {
            Semantics::Fid => "f",
            Semantics::Sim => "s",
            Semantics::Other(text) => text,
        })?;
        for ssrc in &self.0.ssrcs {
            seq.serialize_element(ssrc)?;
        }
        seq.end()
    }
}

/// Reads the JSON form.
pub fn sources_from_json(text: &str) -> Result<Vec<OwnerSources>, JingleError> {
    let document: Value = serde_json::from_str(text).map_err(|_| JingleError::BadJson)?;
    let owners = document.get("sources").and_then(Value::as_object).ok_or(JingleError::BadJson)?;
    owners
        .iter()
        .map(|(owner, parts)| {
            let parts = parts.as_array().ok_or(JingleError::BadJson)?;
            let part = |n| parts.get(n).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            Ok(OwnerSources {
                owner: owner.clone(),
                video: SourceSet {
                    sources: part(0).iter().map(source_from_json).collect::<Result<_, _>>()?,
                    groups: part(1).iter().map(group_from_json).collect::<Result<_, _>>()?,
                },
                audio: SourceSet {
                    sources: part(2).iter().map(source_from_json).collect::<Result<_, _>>()?,
                    groups: part(3).iter().map(group_from_json).collect::<Result<_, _>>()?,
                },
            })
        })
        .collect()
}

fn source_from_json(value: &Value) -> Result<Source, JingleError> {
    let text = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Source {
        ssrc: ssrc_from_json(value.get("s").ok_or(JingleError::BadSsrc)?)?,
        name: text("n"),
        video_type: (text("v").as_deref() == Some("d")).then(|| "desktop".to_owned()),
        msid: text("m"),
        owner: None,
    })
}

fn group_from_json(value: &Value) -> Result<SsrcGroup, JingleError> {
    let items = value.as_array().ok_or(JingleError::BadJson)?;
    let (semantics, ssrcs) = items.split_first().ok_or(JingleError::BadJson)?;
    Ok(SsrcGroup {
        semantics: match semantics.as_str().ok_or(JingleError::BadJson)? {
            "f" => Semantics::Fid,
            "s" => Semantics::Sim,
            other => Semantics::Other(other.to_owned()),
        },
        ssrcs: ssrcs.iter().map(ssrc_from_json).collect::<Result<_, _>>()?,
    })
}

fn ssrc_from_json(value: &Value) -> Result<u32, JingleError> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|ssrc| *ssrc != 0).ok_or(JingleError::BadSsrc)
}

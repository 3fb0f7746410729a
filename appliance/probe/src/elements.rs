//! The elements of GStreamer that a recording needs, and which of them are here.

use gstreamer as gst;
use gstreamer::prelude::*;
use serde::{Deserialize, Serialize};

use crate::encoder::Encoder;

/// An element, and whether it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    pub name: String,
    pub purpose: Purpose,
    /// `None`: it is not here.
    pub plugin: Option<Plugin>,
    /// The Debian package it is in, if it is in one.
    pub package: Option<String>,
}

/// What an element is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    Encode,
    Decode,
    Compose,
    Sound,
    File,
    Stream,
}

/// Where an element comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    pub name: String,
    pub version: String,
}

const BASE: Option<&str> = Some("gstreamer1.0-plugins-base");
const GOOD: Option<&str> = Some("gstreamer1.0-plugins-good");
const BAD: Option<&str> = Some("gstreamer1.0-plugins-bad");
const UGLY: Option<&str> = Some("gstreamer1.0-plugins-ugly");
const LIBAV: Option<&str> = Some("gstreamer1.0-libav");

const WANTED: [(&str, Purpose, Option<&str>); 32] = [
    ("mpph264enc", Purpose::Encode, None),
    ("vpuenc_h264", Purpose::Encode, None),
    ("nvv4l2h264enc", Purpose::Encode, None),
    // Registered where there is a device; the plugin is everywhere.
    ("v4l2h264enc", Purpose::Encode, GOOD),
    ("vah264enc", Purpose::Encode, BAD),
    ("vah264lpenc", Purpose::Encode, BAD),
    ("x264enc", Purpose::Encode, UGLY),
    ("openh264enc", Purpose::Encode, BAD),
    ("v4l2h264dec", Purpose::Decode, GOOD),
    ("v4l2slh264dec", Purpose::Decode, BAD),
    ("vah264dec", Purpose::Decode, BAD),
    ("avdec_h264", Purpose::Decode, LIBAV),
    ("openh264dec", Purpose::Decode, BAD),
    ("vp8dec", Purpose::Decode, GOOD),
    ("vp9dec", Purpose::Decode, GOOD),
    ("av1dec", Purpose::Decode, BAD),
    ("dav1ddec", Purpose::Decode, None),
    ("compositor", Purpose::Compose, BASE),
    ("videoconvert", Purpose::Compose, BASE),
    ("videoscale", Purpose::Compose, BASE),
    ("v4l2convert", Purpose::Compose, GOOD),
    ("opusdec", Purpose::Sound, BASE),
    ("opusenc", Purpose::Sound, BASE),
    ("audiomixer", Purpose::Sound, BASE),
    ("avenc_aac", Purpose::Sound, LIBAV),
    ("voaacenc", Purpose::Sound, BAD),
    ("matroskamux", Purpose::File, GOOD),
    ("mp4mux", Purpose::File, GOOD),
    ("h264parse", Purpose::File, BAD),
    ("flvmux", Purpose::Stream, GOOD),
    ("rtmp2sink", Purpose::Stream, BAD),
    ("srtsink", Purpose::Stream, BAD),
];

/// Looks each element up in the registry. What is there may still not work.
pub fn elements() -> Vec<Element> {
    let found = |&(name, purpose, package): &(&str, Purpose, Option<&str>)| Element {
        name: name.to_owned(),
        purpose,
        plugin: gst::ElementFactory::find(name).map(|factory| plugin(&factory)),
        package: package.map(str::to_owned),
    };
    WANTED.iter().map(found).collect()
}

/// An element that a program registered for itself has no plugin.
fn plugin(factory: &gst::ElementFactory) -> Plugin {
    let plugin = factory.plugin();
    Plugin {
        name: plugin.as_ref().map(|plugin| plugin.plugin_name().to_string()).unwrap_or_default(),
        version: plugin.as_ref().map(|plugin| plugin.version().to_string()).unwrap_or_default(),
    }
}

impl Element {
    pub(crate) fn is_encoder(&self) -> bool {
        Encoder::named(&self.name).is_some()
    }

    pub(crate) fn name_and_version(&self) -> Option<String> {
        let plugin = self.plugin.as_ref()?;
        Some(format!("{} {}", self.name, plugin.version).trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_here_or_their_package_is_named() {
        gst::init().unwrap();
        let elements = elements();
        let named = |name: &str| elements.iter().find(|element| element.name == name).unwrap();
        let x264 = named("x264enc");
        let plugin = x264.plugin.as_ref().expect("x264enc is missing: apt install gstreamer1.0-plugins-ugly");
        assert_eq!(plugin.name, "x264");
        assert!(x264.is_encoder() && !named("vp8dec").is_encoder());
        assert!(x264.name_and_version().unwrap().starts_with("x264enc 1."));
        assert_eq!(named("mp4mux").package.as_deref(), Some("gstreamer1.0-plugins-good"));
    }

    #[test]
    fn every_known_encoder_is_looked_for() {
        gst::init().unwrap();
        for encoder in Encoder::registered() {
            assert!(WANTED.iter().any(|(name, ..)| *name == encoder.element), "{encoder}");
        }
    }
}

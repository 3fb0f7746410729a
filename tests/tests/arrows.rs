//! Dependencies point from processes to domain to contracts, never back. The list here may only shrink.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may"
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Package, then what of ours it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("jitsi-wire", &[]),
    ("board-config", &[]),
    ("signal", &["jitsi-wire", "board-config"]),
    ("bridge", &["jitsi-wire", "media-tap", "board-config"]),
    ("media-tap", &[]),
    ("manual", &["board-config"]),
    ("recorder", &["media-tap", "encoder-probe", "board-config"]),
    ("room-hal", &["board-config"]),
    ("appliance", &["signal", "bridge", "media-tap", "jitsi-wire", "room-hal", "board-config"]),
    ("encoder-probe", &[]),
    ("tests", &["signal", "bridge", "jitsi-wire", "board-config"]),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn dependencies(package: &Value, dev: bool) -> BTreeSet<String> {
    package["dependencies"]
        .as_array()
        .expect("dependencies")
        .iter()
        .filter(|d| (d["kind"] == "dev") == dev)
        .map(|d| d["name"].as_str().expect("name").to_owned())
        .collect()
}

#[test]
fn every_dependency_is_an_arrow_of_the_drawing() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let ours: BTreeSet<&str> = packages.iter().map(|p| p["name"].as_str().expect("name")).collect();
    let drawn: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, drawn, "every package is in the drawing, and nothing else");
    for package in packages {
        let name = package["name"].as_str().expect("name");
        let (_, allowed) = ARROWS.iter().find(|(n, _)| *n == name).expect("drawn");
        for dependency in dependencies(package, false) {
            let fine = !ours.contains(dependency.as_str()) || allowed.contains(&dependency.as_str());
            assert!(fine, "{name} may not use {dependency}");
        }
    }
}

#[test]
fn only_the_bridge_knows_webrtc_and_only_media_processes_know_gstreamer() {
    for package in metadata()["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("name");
        for dependency in dependencies(package, false) {
            if dependency.starts_with("rtc-") || dependency == "webrtc" {
                assert!(["bridge", "tests"].contains(&name), "{name} uses {dependency}");
            }
            if dependency.starts_with("gstreamer") {
                assert!(["recorder", "encoder-probe"].contains(&name), "{name} uses {dependency}");
            }
        }
    }
}

//! What we build on: licences that go with ours, one registry, nothing that needs a newer Rust than we ask for.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests may")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Licences whose terms a distributor of `Apache-2.0 OR MIT` binaries can meet by naming them.
const FINE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// The workspace's own `rust-version`.
const RUST: (u32, u32) = (1, 92);

fn packages() -> Vec<Value> {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("text");
    let host = version.lines().find_map(|l| l.strip_prefix("host: ")).expect("host");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let all = metadata["packages"].as_array().expect("packages").clone();
    // `packages` names every platform's; `resolve` only what this one builds.
    let used: Vec<&Value> = metadata["resolve"]["nodes"].as_array().expect("nodes").iter().map(|n| &n["id"]).collect();
    all.into_iter().filter(|p| used.contains(&&p["id"])).collect()
}

fn text<'a>(package: &'a Value, field: &str) -> &'a str {
    package[field].as_str().unwrap_or_default()
}

/// An alternative suffices, every part of a conjunction counts. Good for the expressions that occur: parentheses are flat.
fn acceptable(expression: &str) -> bool {
    expression.replace(['(', ')'], "").split(" AND ").all(|part| {
        part.split(" OR ").flat_map(|p| p.split('/')).any(|licence| {
            let (licence, exception) = licence.trim().split_once(" WITH ").unwrap_or((licence.trim(), ""));
            FINE.contains(&licence) && matches!(exception, "" | "LLVM-exception")
        })
    })
}

#[test]
fn every_licence_goes_with_ours() {
    for package in packages() {
        let licence = text(&package, "license");
        assert!(acceptable(licence), "{} is under {licence:?}", text(&package, "name"));
    }
    assert!(!acceptable("GPL-3.0-only") && !acceptable("MIT AND AGPL-3.0-only") && !acceptable(""));
}

#[test]
fn every_crate_comes_from_the_registry_or_from_here() {
    for package in packages() {
        let ours = package["source"].is_null() && text(&package, "license") == "Apache-2.0 OR MIT";
        assert!(ours || text(&package, "source").starts_with("registry+"), "{}", text(&package, "name"));
    }
}

#[test]
fn nothing_needs_a_newer_rust() {
    for package in packages() {
        let mut parts = text(&package, "rust_version").split('.').map(|n| n.parse().unwrap_or(0));
        let needs = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        assert!(needs <= RUST, "{} needs Rust {needs:?}", text(&package, "name"));
    }
}

#[test]
fn crates_that_are_there_twice_are_listed() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(text(&package, "name").into()).or_default().push(text(&package, "version").into());
    }
    assert!(versions.contains_key("tokio"));
    for (name, versions) in versions.into_iter().filter(|(_, v)| v.len() > 1) {
        println!("{name}: {}", versions.join(", "));
    }
}

//! `metadata.json`, as scripts that were written for Jibri read it.

use serde_json::{Value, json};

use crate::manifest::Manifest;

pub(super) const NAME: &str = "metadata.json";

/// Jibri's has the identities of tokens; here they are what is known of people.
pub(super) fn json(manifest: &Manifest, site: Option<&str>) -> Vec<u8> {
    let participants = manifest.participants.iter();
    let participants: Vec<Value> = participants
        .map(|participant| json!({ "user": { "id": participant.endpoint, "name": participant.name } }))
        .collect();
    let site = site.unwrap_or_default().trim_end_matches('/');
    let metadata = json!({ "meeting_url": format!("{site}/{}", manifest.room), "participants": participants });
    serde_json::to_vec_pretty(&metadata).unwrap_or_default()
}

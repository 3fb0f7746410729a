//! Tells a server that there is a recording, signed as Standard Webhooks says (<https://www.standardwebhooks.com>): whoever has the
//! secret can tell that it comes from this box, and when.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::exit::{Failure, Reason};
use crate::manifest::Manifest;

/// For one attempt.
const PATIENCE: Duration = Duration::from_secs(15);
/// Before each further attempt: more than an hour in all.
const AGAIN: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(3600),
];
/// Shorter ones can be guessed.
const SHORTEST: usize = 24;
const PREFIX: &str = "whsec_";
/// The receiver does not want to hear of it any more.
const GONE: u16 = 410;

/// Where to tell, and how to sign.
#[derive(Clone)]
pub struct Webhook {
    url: String,
    secret: Arc<Vec<u8>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Webhook {
    /// The file holds the secret: `whsec_` and base64, as services make them, or any line of 24 characters or more.
    pub fn new(url: String, secret: &Path) -> Result<Self, Failure> {
        let bad = |why: &dyn fmt::Display| {
            Failure::new(Reason::Folder, format_args!("The secret of the webhook, {}: {why}.", secret.display()))
        };
        let text = fs::read_to_string(secret).map_err(|error| bad(&error))?;
        let secret = key(text.trim()).ok_or_else(|| bad(&format_args!("it is shorter than {SHORTEST} characters")))?;
        Ok(Self { url, secret: Arc::new(secret) })
    }

    /// Says it until it is taken, or nobody can be reached for long.
    pub(super) fn tell(&self, manifest: &Manifest, folder: &Path, script: Option<i32>) -> Result<(), String> {
        let body = body(manifest, folder, script);
        let agent = agent();
        let mut pauses = AGAIN.into_iter();
        loop {
            let why = match self.send(&agent, &manifest.recording, &body) {
                Ok(status @ 200..300) => {
                    tracing::info!(status, "the webhook was told");
                    return Ok(());
                }
                Ok(GONE) => return Err(format!("{} does not want to be told any more (410)", self.url)),
                Ok(status) => format!("{} answered {status}", self.url),
                Err(error) => format!("{} cannot be told: {error}", self.url),
            };
            let Some(pause) = pauses.next() else { return Err(why) };
            tracing::warn!("{why}; once more in {} s", pause.as_secs());
            std::thread::sleep(pause);
        }
    }

    fn send(&self, agent: &Agent, id: &str, body: &[u8]) -> Result<u16, ureq::Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let answer = agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("user-agent", concat!("Moothall/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", since.to_string())
            .header("webhook-signature", sign(&self.secret, id, since, body))
            .send(body)?;
        Ok(answer.status().as_u16())
    }
}

fn agent() -> Agent {
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = roots.iter().map(|root| ureq::tls::Certificate::from_der(root).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .http_status_as_error(false);
    config.build().new_agent()
}

fn key(text: &str) -> Option<Vec<u8>> {
    let key = match text.strip_prefix(PREFIX).map(|key| STANDARD.decode(key)) {
        Some(Ok(key)) => key,
        _ => text.as_bytes().to_vec(),
    };
    (text.len() >= SHORTEST).then_some(key)
}

fn sign(secret: &[u8], id: &str, seconds: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

fn body(manifest: &Manifest, folder: &Path, script: Option<i32>) -> Vec<u8> {
    let files = manifest.files.iter().map(|file| {
        json!({
            "file": file.file, "endpoint": file.endpoint, "source": file.source, "kind": file.kind, "codec": file.codec,
            "desktop": file.desktop, "offsetMs": file.offset_ms, "durationMs": file.duration_ms, "bytes": file.bytes,
        })
    });
    let body = json!({
        "type": "recording.finished",
        "timestamp": crate::dates::utc(manifest.begin_unix_ms.saturating_add(manifest.duration_ms)),
        "data": {
            "recording": manifest.recording, "room": manifest.room, "meeting": manifest.meeting,
            "initiator": manifest.initiator, "begin": manifest.begin, "durationMs": manifest.duration_ms,
            "state": manifest.state, "error": manifest.error, "participants": manifest.participants,
            "folder": folder, "files": files.collect::<Vec<_>>(), "scriptExit": script,
        },
    });
    serde_json::to_vec(&body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_that_can_be_guessed_are_refused() {
        assert_eq!(key("short"), None);
        assert_eq!(key("a line of text that is long"), Some(b"a line of text that is long".to_vec()));
    }
}

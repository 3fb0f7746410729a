//! RAUC installs a bundle, over D-Bus (de.pengutronix.rauc.Installer).

use std::path::Path;
use std::time::Duration;

use smol::Timer;
use smol::stream::StreamExt;
use zbus::{Connection, Proxy, Variant};

use crate::supervise::systemd::{Systemd, proxy};
use crate::supervise::within;

/// A card may be slow.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
const EVERY: Duration = Duration::from_secs(2);

/// Why there is no update.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("there is no RAUC on this box")]
    NoRauc,
    #[error("it is not signed by anybody whom this box trusts, or was changed or cut short since ({0})")]
    Signature(String),
    #[error("it is for another board ({0})")]
    Compatible(String),
    #[error("it cannot be installed ({0})")]
    Other(String),
    #[error("it took longer than {} minutes", PATIENCE.as_secs() / 60)]
    Slow,
}

impl Refused {
    /// By RAUC's own words, which are kept.
    fn of(said: String) -> Self {
        let lower = said.to_lowercase();
        if ["signature", "certificate", "signed", "squashfs"].iter().any(|word| lower.contains(word)) {
            Self::Signature(said)
        } else if lower.contains("compatible") {
            Self::Compatible(said)
        } else {
            Self::Other(said)
        }
    }
}

impl From<zbus::Error> for Refused {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::FDO(known) if matches!(*known, zbus::fdo::Error::ServiceUnknown(_)) => Self::NoRauc,
            error => Self::Other(error.to_string()),
        }
    }
}

/// Puts a bundle into the slot that does not run; `tell` hears how far it is.
pub(super) async fn install(bundle: &Path, tell: impl Fn(&str)) -> Result<(), Refused> {
    let bus = Connection::system().await.map_err(|_| Refused::NoRauc)?;
    let rauc = proxy(&bus, "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer").await?;
    let mut completed = rauc.receive_signal("Completed").await?;
    let arguments = std::collections::HashMap::<&str, Variant<'_>>::new();
    let path = bundle.to_str().ok_or_else(|| Refused::Other("its name is not UTF-8".to_owned()))?;
    let () = rauc.call("InstallBundle", &(path, arguments)).await?;
    let end = smol::future::or(async { Some(completed.next().await) }, async {
        follow(&rauc, tell).await;
        None
    });
    let Some(end) = within(PATIENCE, end).await else { return Err(Refused::Slow) };
    let code = end.flatten().and_then(|message| message.body().deserialize::<i32>().ok());
    if code == Some(0) {
        return Ok(());
    }
    Err(Refused::of(rauc.get_property("LastError").await?))
}

/// Never ends.
async fn follow(rauc: &Proxy<'_>, tell: impl Fn(&str)) {
    let mut before = String::new();
    loop {
        if let Ok((percent, step, _depth)) = rauc.get_property::<(i32, String, i32)>("Progress").await {
            let now = format!("{percent:3} % {step}");
            if now != before {
                tell(&now);
                before = now;
            }
        }
        Timer::after(EVERY).await;
    }
}

/// Ends everything and starts the machine again.
pub(super) async fn restart() -> zbus::Result<()> {
    Systemd::on(Connection::system().await?).reboot().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rauc_says_becomes_what_a_person_can_act_on() {
        for (said, sentence) in [
            (
                "Failed to check bundle identifier: Invalid identifier. Did you pass a valid RAUC bundle?",
                "it cannot be installed",
            ),
            ("signature verification failed: Verify error:self signed certificate", "it is not signed by anybody"),
            (
                "Compatible mismatch: Expected 'moothall-rpi5' but bundle manifest has 'moothall-rpi4'",
                "it is for another board",
            ),
        ] {
            let told = Refused::of(said.to_owned()).to_string();
            assert!(told.starts_with(sentence) && told.contains(said), "{told}");
        }
    }
}

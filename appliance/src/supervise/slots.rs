//! Slots of an image, by RAUC over D-Bus: the one that runs is told to be good, or left for the one before.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use smol::Timer;
use zbus::Connection;
use zbus::OwnedVariant;

use super::call::call;
use super::judge::{Decision, Judge, Stay};
use super::report::{System, Verdict};
use super::systemd::proxy;
use super::{Shared, within};
use crate::{dates, durable};

/// Which system this is; only images have the file.
const SYSTEM: &str = "/etc/moothall-system";
/// On the data partition: the last system that was good.
const GOOD: &str = "/data/good-system";
/// And the last update that was taken back.
const TAKEN_BACK: &str = "/data/update-failed.txt";
/// Somebody may have written a long story.
const MAX_TAKEN_BACK: usize = 16 * 1024;

/// RAUC starts when it is asked for the first time.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(10);

/// Ends when the system was found good, or at once where there are no slots.
pub(super) async fn run(shared: Rc<Shared>) {
    let Ok(system) = fs::read_to_string(SYSTEM) else { return };
    let rauc = loop {
        match asked(&shared).await {
            Ok(slots) => break slots,
            Err(error) => tracing::warn!(error, "RAUC does not say which slot this is"),
        }
        Timer::after(RETRY).await;
    };
    shared.system.replace(Some(System {
        slot: rauc.booted.clone(),
        verdict: Verdict::Open,
        taken_back: taken_back(Path::new(TAKEN_BACK)),
    }));
    let was_good = fs::read_to_string(GOOD).is_ok_and(|good| good == system);
    let mut judge = Judge::new(was_good, rauc.other_good);
    loop {
        let said = call(shared.state_dir.as_deref()).await;
        match judge.heard(said.good) {
            Decision::Keep => match keep(&rauc, &system, was_good).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(error, "this slot cannot be marked as good");
                    Timer::after(RETRY).await;
                }
            },
            Decision::Again(pause) => {
                tracing::warn!("the box cannot call itself:\n{}", said.text.trim_end());
                Timer::after(pause).await;
            }
            Decision::Back => {
                if let Err(error) = leave(&shared, &rauc, &said.text).await {
                    tracing::error!(error, "this slot cannot be left");
                }
                Timer::after(RETRY).await;
            }
            Decision::Stay(why, pause) => {
                let reason = match why {
                    Stay::WasGood => "this system was good before",
                    Stay::NothingElse => "the other slot is not good either",
                };
                tracing::error!(reason, "nobody can meet here, and the slot stays:\n{}", said.text.trim_end());
                Timer::after(pause).await;
            }
        }
    }
    if let Some(system) = &mut *shared.system.borrow_mut() {
        system.verdict = Verdict::Good;
        system.taken_back = taken_back(Path::new(TAKEN_BACK));
    }
    tracing::info!(slot = rauc.booted, "the box has called itself: this slot is good");
}

fn taken_back(file: &Path) -> Option<String> {
    let text = crate::provision::folder::read(file, MAX_TAKEN_BACK).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// What RAUC says.
#[derive(Debug)]
struct Rauc {
    bus: Connection,
    /// The boot loader's names.
    booted: String,
    other_good: bool,
}

async fn asked(shared: &Shared) -> Result<Rauc, String> {
    let bus = shared.bus.connection().await.ok_or("there is no system's bus")?;
    let slots: Vec<(String, HashMap<String, OwnedVariant>)> =
        rauc(&bus, "GetSlotStatus", &()).await.map_err(|error| error.to_string())?;
    let word = |slot: &HashMap<String, OwnedVariant>, key: &str| {
        slot.get(key).and_then(|value| value.downcast_ref::<&str>().ok().map(str::to_owned)).unwrap_or_default()
    };
    let mut here = None;
    let mut other_good = false;
    for (_, slot) in &slots {
        if word(slot, "state") == "booted" {
            here = Some(word(slot, "bootname"));
        } else {
            other_good |= word(slot, "boot-status") == "good";
        }
    }
    Ok(Rauc { booted: here.ok_or("none of its slots runs")?, other_good, bus })
}

async fn rauc<B, R>(bus: &Connection, method: &str, body: &B) -> zbus::Result<R>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
    R: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
{
    let installer = proxy(bus, "de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer").await?;
    within(PATIENCE, installer.call(method, body))
        .await
        .unwrap_or_else(|| Err(zbus::Error::from(io::Error::from(io::ErrorKind::TimedOut))))
}

async fn mark(rauc_: &Rauc, state: &str) -> Result<(), String> {
    let (_slot, said): (String, String) =
        rauc(&rauc_.bus, "Mark", &(state, "booted")).await.map_err(|error| error.to_string())?;
    tracing::info!(said, "RAUC");
    Ok(())
}

async fn keep(rauc: &Rauc, system: &str, was_good: bool) -> Result<(), String> {
    mark(rauc, "good").await?;
    if was_good {
        return Ok(());
    }
    durable::replace(Path::new(GOOD), system.as_bytes(), 0o644).map_err(|error| format!("{GOOD}: {error}"))?;
    // A better one has come since.
    match fs::remove_file(TAKEN_BACK) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{TAKEN_BACK}: {error}")),
        _ => Ok(()),
    }
}

/// Writes down why, and starts the other slot.
async fn leave(shared: &Shared, rauc: &Rauc, why: &str) -> Result<(), String> {
    let story = format!(
        "The update in slot {} was taken back at {}, because nobody could meet on it:\n{why}",
        rauc.booted,
        dates::minute(dates::now())
    );
    tracing::error!("{}", story.trim_end());
    // Without the story it is left all the same.
    if let Err(error) = durable::replace(Path::new(TAKEN_BACK), story.as_bytes(), 0o644) {
        tracing::error!(%error, "the reason cannot be kept");
    }
    mark(rauc, "bad").await?;
    let systemd = shared.bus.systemd().await.ok_or("there is no system's bus")?;
    systemd.reboot().await.map_err(|error| error.to_string())
}

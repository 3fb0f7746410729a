//! Looks at the services from time to time, and gives them what is theirs: memory, and the hardware's patience.

use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::Timer;

use super::systemd::Systemd;
use super::{HOST, SERVICES, Shared, within};

const EVERY: Duration = Duration::from_secs(10);
/// For one look at everything.
const PATIENCE: Duration = Duration::from_secs(20);
/// The hardware waits no longer for systemd, where it can wait so long.
const HARDWARE_PATIENCE: Duration = Duration::from_secs(30);

/// Never ends.
pub(super) async fn run(shared: Rc<Shared>) {
    let mut provided = false;
    loop {
        if let Some(systemd) = shared.bus.systemd().await {
            if !provided {
                provided = within(PATIENCE, provide(&shared, &systemd)).await.is_some();
            }
            match within(PATIENCE, look(&shared, &systemd)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!(%error, "systemd does not say how the services are"),
                None => tracing::warn!("systemd does not answer"),
            }
        }
        shared.looked.set(Instant::now());
        Timer::after(EVERY).await;
    }
}

async fn look(shared: &Shared, systemd: &Systemd) -> zbus::Result<()> {
    let mut services = Vec::with_capacity(SERVICES.len());
    for (unit, _) in SERVICES {
        services.extend(systemd.service(unit).await?);
    }
    let host = services.iter().find(|service| service.unit == HOST);
    // It tells systemd that it lives: one that hangs is not active for long. Many boards have no panel.
    let _ = shared.health.send(host.is_some_and(|host| host.state == "active"));
    shared.services.replace(services);
    Ok(())
}

/// What cannot be given is told, and that is all: the units have limits of their own.
async fn provide(shared: &Shared, systemd: &Systemd) {
    for (unit, memory) in &shared.limits {
        match systemd.service(unit).await {
            Ok(None) => {}
            Ok(Some(_)) => match systemd.limit(unit, *memory).await {
                Ok(()) => tracing::info!(unit, bytes = memory.bytes(), "memory is limited"),
                Err(error) => tracing::warn!(unit, %error, "memory cannot be limited"),
            },
            Err(error) => tracing::warn!(unit, %error, "systemd does not say how a service is"),
        }
    }
    if let Some(longest) = shared.watchdog
        && let Err(error) = watch(systemd, Duration::from_secs(longest.into())).await
    {
        tracing::warn!(%error, "the hardware's watchdog cannot be set");
    }
}

/// A system in which the watchdog is off is somebody else's: it is left as it is.
async fn watch(systemd: &Systemd, longest: Duration) -> zbus::Result<()> {
    let now = systemd.hardware_watchdog().await?;
    let wanted = HARDWARE_PATIENCE.min(longest);
    if now.is_zero() || now == wanted {
        return Ok(());
    }
    systemd.set_hardware_watchdog(wanted).await?;
    tracing::info!(seconds = wanted.as_secs(), "the hardware's watchdog is set");
    Ok(())
}

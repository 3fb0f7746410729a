//! A changed configuration comes into effect once nobody meets.

use std::rc::Rc;
use std::time::Duration;

use smol::Timer;
use smol::channel::Receiver;

use super::systemd::{Systemd, proxy};
use super::{Shared, within};
use crate::status;

const HOST: &str = "moothall-host.service";
/// How often it is looked whether people still meet.
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// Never ends. One wish is as good as several.
pub(super) async fn run(shared: Rc<Shared>, wishes: Receiver<()>) {
    while wishes.recv().await.is_ok() {
        idle(&shared).await;
        match shared.bus.systemd().await {
            Some(systemd) => match within(PATIENCE, apply(&systemd)).await {
                Some(Ok(true)) => tracing::info!("the host was started anew, with the changed configuration"),
                Some(Ok(false)) => {}
                Some(Err(error)) => tracing::warn!(%error, "the host cannot be started anew"),
                None => tracing::warn!("systemd does not answer: the changed configuration waits for the next start"),
            },
            None => tracing::warn!("without systemd the changed configuration waits for the next start"),
        }
    }
}

/// Resolves when nobody meets here.
async fn idle(shared: &Shared) {
    loop {
        let dir = shared.state_dir.clone();
        let asked = smol::unblock(move || status::ask(dir.as_deref())).await;
        if asked.map_or(true, |status| status.participants == 0) {
            return;
        }
        Timer::after(EVERY).await;
    }
}

/// Connections first, for addresses are looked at when the host starts. `false` if somebody has ended the host: then it stays so.
async fn apply(systemd: &Systemd) -> zbus::Result<bool> {
    let network = proxy(
        systemd.connection(),
        "org.freedesktop.NetworkManager",
        "/org/freedesktop/NetworkManager/Settings",
        "org.freedesktop.NetworkManager.Settings",
    );
    // Not every box has it.
    if let Err(error) = network.await?.call::<_, _, bool>("ReloadConnections", &()).await {
        tracing::debug!(%error, "connections are not read again");
    }
    let there = systemd.service(HOST).await?.is_some_and(|host| host.state != "inactive");
    if there {
        systemd.restart(HOST).await?;
    }
    Ok(there)
}

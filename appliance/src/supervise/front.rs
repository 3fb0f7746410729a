//! The front of the box: its light shows whether the host is well, and its button makes the console say where people can meet.

use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use board_config::Gpio;

use super::{Shared, within};
use crate::host::banner;
use crate::panel::{self, Event};
use crate::say::say;
use crate::status;

/// Presses of somebody who is impatient; more are dropped.
const MAX_WAITING: usize = 4;
/// For the host to say where it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Never ends. `health` is what is shown.
pub(super) async fn run(shared: Rc<Shared>, gpio: Option<Gpio>, health: Receiver<bool>) {
    // Many boards have no panel.
    let Some(gpio) = gpio else { return };
    let (tell, events) = smol::channel::bounded(MAX_WAITING);
    let tell = move |event| {
        // Whoever presses sees that nothing happens, and presses again.
        let _ = tell.try_send(event);
    };
    if let Err(error) = panel::start(gpio, health, tell) {
        return tracing::warn!(%error, "button and light cannot be used");
    }
    while let Ok(event) = events.recv().await {
        match event {
            Event::Announce => tracing::info!("the button was pressed"),
            Event::ReopenSetup => shared.setup.reopen(),
        }
        say(format_args!("{}", announcement(&shared).await));
    }
}

async fn announcement(shared: &Shared) -> String {
    let state_dir = shared.state_dir.clone();
    let asked = within(PATIENCE, smol::unblock(move || status::ask(state_dir.as_deref()))).await;
    match asked {
        Some(Ok(status)) => banner::place(&shared.name, &status.addresses),
        Some(Err(absent)) => format!("\n  {} is not open: {absent}", shared.name),
        None => format!("\n  {} is not open: the host does not answer", shared.name),
    }
}

//! People who are connected, have muted everything, and wait.

use crate::measure::Memory;
use crate::peers::cost::{Places, Used};
use crate::peers::moothall;
use crate::peers::scene::People;
use crate::peers::session::{Folder, Programs, Start, System};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::task::spawn_local;

pub const PEOPLE: People = People::Rooms { rooms: 100, each: 5 };
/// What joining leads to is over.
const SETTLED: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(10);

/// What they cost.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    pub before: Memory,
    pub after: Memory,
    /// Share of a processor.
    pub processor: f64,
    /// How often a thread of the server was woken in a second.
    pub wakes: f64,
}

impl Idle {
    /// KiB resident for each person, and what of it is no program text.
    pub fn each(&self) -> (f64, f64) {
        let each = |of: fn(&Memory) -> u64| of(&self.after).saturating_sub(of(&self.before)) as f64;
        let people = f64::from(PEOPLE.count());
        (each(|memory| memory.resident) / people, each(|memory| memory.anonymous) / people)
    }
}

/// Starts a server, connects everybody, and looks on. They answer all that they are asked.
pub async fn measure(places: &Places, programs: &Programs) -> Result<Idle> {
    let folder = Folder::new(System::Moothall)?;
    let start = Start { folder: &folder.0, places, programs };
    let (mut server, before, people) = moothall::gather(start, PEOPLE).await?;
    let settled = Instant::now() + SETTLED;
    let end = settled + MEASURED;
    let waiting: Vec<_> = people
        .into_iter()
        .map(|mut person| {
            person.bot.sender.stop();
            spawn_local(async move { person.run(end).await.map(|()| person) })
        })
        .collect();
    tokio::time::sleep_until(settled.into()).await;
    let used = Used::of(server.id())?;
    tokio::time::sleep_until(end.into()).await;
    let used = Used::of(server.id())? - used;
    let after = server.memory().with_context(|| server.fate())?;
    for person in waiting {
        // Kept until everybody's time is over.
        person.await?.with_context(|| server.fate())?;
    }
    Ok(Idle {
        before,
        after,
        processor: used.nanos as f64 / MEASURED.as_nanos() as f64,
        wakes: used.sleeps as f64 / MEASURED.as_secs_f64(),
    })
}

//! Where the kilobytes of an idle server go, and those of each person in a meeting.
//!
//! `kilobytes RELEASE WITH-NAMES` looks at what is resident of the release while nobody is there, and lets Valgrind say of another
//! build of the same program, whose functions have names, who asked for what is on the heap. What is asked for does not depend on how
//! it was compiled. Run it in a network namespace (`tests/netns`).
#![expect(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};
use tests::bot::sender::Load;
use tests::kilobytes::{Split, massif, more, smaps, sorted, table};
use tests::measure::Server;
use tests::participant::Participant;
use tests::peers::moothall::{ADDRESS, CONFIG};
use tests::peers::scene::{HEARD, People};
use tokio::task::LocalSet;

const PEOPLE: u32 = 10;
/// As in `bench-meeting`: a megabit a second and more, if somebody looks at the highest encoding.
const LOAD: Load = Load { audio: true, encodings: 3, frames_per_second: 20, packets_per_frame: 2, payload: 1000 };
/// Until everybody gets everything, at the pace of Valgrind.
const MEETING: Duration = Duration::from_secs(40);
/// What is asked of everybody: those who are heard, in 180p and in 720p.
const HEIGHTS: [(&str, u32); 2] = [("three of them seen in 180p", 180), ("three of them seen in 720p", 720)];

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [release, named] = &args[..] else { bail!("usage: kilobytes RELEASE WITH-NAMES") };
    let folder = env::temp_dir().join(format!("kilobytes-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("site.toml"), CONFIG)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(LocalSet::new().run_until(tell(release, named, &folder)));
    fs::remove_dir_all(&folder)?;
    told
}

async fn tell(release: &str, named: &str, folder: &Path) -> Result<()> {
    println!("{}", table("Resident while nobody is there", &resident(release, folder).await?, 20.0));
    for (index, (view, height)) in HEIGHTS.into_iter().enumerate() {
        let (idle, busy) = heap(named, folder, height).await?;
        if index == 0 {
            println!(
                "{}",
                table("Of this on the heap, asked for and mostly never filled where it is large", &idle, 4.0)
            );
        }
        let title = format!("On the heap for each of {PEOPLE} in a meeting, {view}");
        println!("{}", table(&title, &more(&idle, &busy, f64::from(PEOPLE)), 0.5));
    }
    Ok(())
}

/// What is resident of an idle server.
async fn resident(program: &str, folder: &Path) -> Result<Split> {
    let program = fs::canonicalize(program)?;
    let program = program.to_str().context("a path")?;
    let server = Server::start(program, &folder.join("state"), &folder.join("site.toml"))?;
    server.settled(ADDRESS).await?;
    smaps::split(&fs::read_to_string(format!("/proc/{}/smaps", server.id()))?, program)
}

/// What is on the heap before anybody came, and in a meeting.
async fn heap(program: &str, folder: &Path, height: u32) -> Result<(Split, Split)> {
    let mut server = Server::spawn(
        Command::new("valgrind")
            .args(["--tool=massif", "--depth=40", "--threshold=0.01", "--max-snapshots=10", "--fullpath-after="])
            .arg(format!("--massif-out-file={}", folder.join("massif").display()))
            .args([program, "host", "--state-dir"])
            .arg(folder.join("named"))
            .arg("--config")
            .arg(folder.join("site.toml")),
    )?;
    server.settled(ADDRESS).await?;
    let idle = snapshot(&server, folder)?;
    let people = People::Rooms { rooms: 1, each: PEOPLE };
    let mut all = Vec::new();
    for number in 1..=PEOPLE {
        let mut person = Participant::join(ADDRESS, "kilobytes", number, LOAD).await?;
        person.constraints = wishes(height);
        let muted = !people.sends(number);
        (person.bot.sender.audio_muted, person.bot.sender.video_muted) = (muted, muted);
        all.push(person);
    }
    let end = Instant::now() + MEETING;
    let run = |mut person: Participant| async move { person.run(end).await.map(|()| person) };
    let tasks: Vec<_> = all.into_iter().map(|person| tokio::task::spawn_local(run(person))).collect();
    tokio::time::sleep_until((end - Duration::from_secs(1)).into()).await;
    let busy = snapshot(&server, folder);
    for task in tasks {
        let person = task.await?.with_context(|| server.fate())?;
        let heard = person.bot.receiver.tracks.len();
        ensure!(heard >= 2 * (HEARD as usize - 1), "{heard} streams came to {}", person.jid());
    }
    Ok((idle, busy?))
}

fn wishes(height: u32) -> String {
    format!(
        r#"{{"colibriClass":"ReceiverVideoConstraints","lastN":{HEARD},"defaultConstraints":{{"maxHeight":{height}}}}}"#
    )
}

/// What is on the heap now.
fn snapshot(server: &Server, folder: &Path) -> Result<Split> {
    let file = folder.join("snapshot");
    let asked = Command::new("vgdb")
        .arg(format!("--pid={}", server.id()))
        .arg("detailed_snapshot")
        .arg(&file)
        .output()
        .context("vgdb")?;
    ensure!(asked.status.success(), "vgdb: {}", String::from_utf8_lossy(&asked.stderr));
    Ok(sorted(massif::split(&fs::read_to_string(file)?)?))
}

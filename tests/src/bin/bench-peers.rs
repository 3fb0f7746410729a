//! What forwarding costs, side by side: Moothall, Janus VideoRoom, and the floor that no server can go below.
//!
//! `bench-peers MOOTHALL JANUS-FOLDER PICTURE [ROUNDS [SYSTEM [PEOPLE]]]` runs every load on every system ROUNDS times in turn, prints
//! medians, and draws a picture. SYSTEM may be `all`; PEOPLE is how many there are in a scene. Run it in a network namespace (`tests/netns`). `bench-peers floor SETUP` is the floor itself.
#![allow(clippy::indexing_slicing, reason = "a crash is a failed measurement")]
#![expect(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};
use tests::peers::cost::Places;
use tests::peers::drive::{self, Spans};
use tests::peers::figures::Figures;
use tests::peers::scene::People;
use tests::peers::session::{Programs, System};
use tests::peers::{floor, plot, report};
use tokio::task::LocalSet;

const PEOPLE: [People; 4] = [People::OneTo(1), People::OneTo(10), People::OneTo(50), People::Meeting(10)];
const SPANS: Spans =
    Spans { warm: Duration::from_secs(13), measured: Duration::from_secs(4), drain: Duration::from_millis(500) };
const ROUNDS: u32 = 3;
/// No round begins later than this: what was measured until then is told.
const NO_LATER: Duration = Duration::from_secs(7 * 60);

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["floor", setup] => floor::run(Path::new(setup)),
        [moothall, janus, picture, ref more @ ..] if more.len() <= 3 => {
            let rounds = more.first().map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
            let only = more.get(1).filter(|system| **system != "all");
            let count = more.get(2).map(|people| people.parse()).transpose()?;
            compare(moothall, janus, picture, rounds, only.copied(), count)
        }
        _ => bail!("usage: bench-peers MOOTHALL JANUS-FOLDER PICTURE [ROUNDS [SYSTEM [PEOPLE]]]"),
    }
}

fn compare(
    moothall: &str,
    janus: &str,
    picture: &str,
    rounds: u32,
    only: Option<&str>,
    count: Option<u32>,
) -> Result<()> {
    let programs = Programs { moothall: moothall.into(), janus: janus.into() };
    let places = Places::choose()?;
    if !places.apart {
        println!("There is one processor: servers and load generator share it, and latencies say little.");
    }
    let mut figures = Figures::default();
    let begun = Instant::now();
    for round in 1..=rounds {
        if begun.elapsed() > NO_LATER {
            println!("\nThis machine is slow: {} rounds were made.", round - 1);
            break;
        }
        print!("\rround {round} of {rounds} ");
        for people in PEOPLE.into_iter().filter(|people| count.is_none_or(|count| count == people.count())) {
            let asked = |system: &System| only.is_none_or(|only| only.eq_ignore_ascii_case(&system.to_string()));
            for system in System::ALL.into_iter().filter(|system| system.can(people) && asked(system)) {
                print!(".");
                io::stdout().flush()?;
                if let Err(error) = measure(system, people, &places, &programs, &mut figures) {
                    println!("\n{system}, {people:?}: {error:#}. That does not count.");
                }
            }
        }
    }
    println!("\n\n{}", report::text(&figures));
    fs::write(picture, plot::svg(&figures)).with_context(|| format!("cannot write {picture}"))?;
    println!("{picture} shows it.");
    Ok(())
}

fn measure(system: System, people: People, places: &Places, programs: &Programs, figures: &mut Figures) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut session = runtime.block_on(LocalSet::new().run_until(system.open(people, places, programs)))?;
    for scene in people.scenes() {
        let run = drive::run(&mut session, scene, SPANS, places.apart)?;
        ensure!(run.delivered > 0, "nothing came, {scene}");
        figures.add(system, scene, run);
    }
    drop(session);
    Ok(())
}

//! What a server costs against the number of people: one meeting of 2 to 200, 1 to 50 meetings of four, and five hundred who wait.
//!
//! `bench-growth MOOTHALL PICTURE [PEOPLE]` prints a table and draws a picture; PEOPLE is how many there are at a point, 0 those who
//! wait. Run it in a network namespace (`tests/netns`).
#![expect(clippy::print_stdout, reason = "what this program is for")]

use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::time::{Duration, Instant};
use std::{env, fs, io};
use tests::growth::{Series, idle, plot, report};
use tests::peers::cost::Places;
use tests::peers::drive::{self, Spans};
use tests::peers::figures::Figures;
use tests::peers::scene::People;
use tests::peers::session::{Programs, System};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

const SPANS: Spans =
    Spans { warm: Duration::from_secs(10), measured: Duration::from_secs(5), drain: Duration::from_millis(500) };
/// No point is begun later than this.
const NO_LATER: Duration = Duration::from_secs(7 * 60);

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (moothall, picture, only) = match &args[..] {
        [moothall, picture] => (moothall, picture, None),
        [moothall, picture, people] => (moothall, picture, Some(people.parse::<u32>()?)),
        _ => bail!("usage: bench-growth MOOTHALL PICTURE [PEOPLE]"),
    };
    let programs = Programs { moothall: moothall.into(), janus: Default::default() };
    let places = Places::choose()?;
    if !places.apart {
        println!("There is one processor: server and load generator share it, and latencies say little.");
    }
    let asked = |count: u32| only.is_none_or(|only| only == count);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let idle = if asked(0) {
        let measured = runtime.block_on(LocalSet::new().run_until(idle::measure(&places, &programs)));
        Some(measured.context("people who wait")?)
    } else {
        None
    };
    let mut figures = Figures::default();
    let begun = Instant::now();
    for people in Series::ALL.into_iter().flat_map(Series::points).filter(|people| asked(people.count())) {
        if begun.elapsed() > NO_LATER {
            println!("\nThis machine is slow: what comes after {} s is left out.", NO_LATER.as_secs());
            break;
        }
        print!(".");
        io::stdout().flush()?;
        measure(&runtime, people, &places, &programs, &mut figures).with_context(|| format!("{people:?}"))?;
    }
    println!("\n\n{}", report::text(&figures, idle.as_ref()));
    fs::write(picture, plot::svg(&figures)).with_context(|| format!("cannot write {picture}"))?;
    println!("{picture} shows it.");
    Ok(())
}

fn measure(
    runtime: &Runtime,
    people: People,
    places: &Places,
    programs: &Programs,
    figures: &mut Figures,
) -> Result<()> {
    let mut session = runtime.block_on(LocalSet::new().run_until(System::Moothall.open(people, places, programs)))?;
    for scene in people.scenes() {
        let run = drive::run(&mut session, scene, SPANS, places.apart).with_context(|| session.server.fate())?;
        ensure!(run.delivered > 0, "nothing came");
        figures.add(System::Moothall, scene, run);
    }
    Ok(())
}

//! One look at a machine, from its devices to the choice.

use std::path::Path;

use gstreamer as gst;

use crate::benchmark::benchmark;
use crate::capabilities::Capabilities;
use crate::choose::{Trial, Verdict, choose};
use crate::devices::devices;
use crate::dry_run::dry_run;
use crate::elements::elements;
use crate::encoder::Encoder;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::run::Limits;

/// How to look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The file where results are kept, in a folder that exists. `None`: nowhere, and everything is tried.
    pub cache: Option<&'a Path>,
    /// Try everything, also what has hung before.
    pub again: bool,
    pub limits: Limits,
}

/// Why a machine cannot be looked at. What is wrong with an encoder is no error, but a [`Verdict`].
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("GStreamer does not start: {0}")]
    GStreamer(#[from] gst::glib::Error),
}

/// Finds out what this machine can encode, and chooses. With a cache it takes a moment; else some seconds for each encoder, which
/// work the processor hard. One at a time: two would measure each other.
pub fn probe(options: &Options<'_>) -> Result<Capabilities, ProbeError> {
    gst::init()?;
    let (devices, elements) = (devices(), elements());
    let machine = Machine::look(&devices, &elements);
    let mut memory = Memory::load(options.cache, &machine.system);
    if options.again {
        memory.forget();
    }
    let known = memory.trials(&machine);
    let cached = known.is_some();
    let trials = known.unwrap_or_else(|| try_all(&machine, &mut memory, &options.limits));
    let selection = choose(&trials);
    Ok(Capabilities { machine, devices, elements, trials, selection, cached })
}

fn try_all(machine: &Machine, memory: &mut Memory, limits: &Limits) -> Vec<Trial> {
    let trials: Vec<Trial> =
        Encoder::registered().into_iter().map(|encoder| try_one(encoder, memory, limits)).collect();
    memory.keep(machine, &trials);
    trials
}

fn try_one(encoder: Encoder, memory: &mut Memory, limits: &Limits) -> Trial {
    if let Some(failure) = memory.hung(&encoder.element) {
        let verdict = Verdict::Skipped(failure.clone());
        return Trial { encoder, verdict, rungs: Vec::new() };
    }
    let hardware = encoder.family.is_hardware();
    if hardware {
        memory.begin(&encoder.element);
    }
    let found = dry_run(&encoder, limits).and_then(|measured| Ok((measured, benchmark(&encoder, limits)?)));
    if hardware {
        memory.end(&encoder.element, found.as_ref().err());
    }
    match found {
        Ok((measured, rungs)) => Trial { encoder, verdict: Verdict::Good(measured), rungs },
        Err(failure) => {
            tracing::info!(%encoder, %failure, "encoder is not used");
            Trial { encoder, verdict: Verdict::Failed(failure), rungs: Vec::new() }
        }
    }
}

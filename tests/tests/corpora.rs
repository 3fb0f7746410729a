//! Every corpus is replayed, as it is and mutated by a fixed seed: what a fuzzer once found never comes back.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may"
)]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::fs;
use std::path::Path;
use tests::fuzz::{TARGETS, run};

const MUTATIONS: usize = 200;

fn mutate(rng: &mut ChaCha8Rng, sample: &[u8]) -> Vec<u8> {
    let mut data = sample.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        let at = rng.next_u64() as usize % data.len().max(1);
        match rng.next_u32() % 5 {
            0 => data.truncate(at),
            1 if !data.is_empty() => data[at] = rng.next_u32() as u8,
            2 if !data.is_empty() => data[at] ^= 1 << (rng.next_u32() % 8),
            3 => data.insert(at, rng.next_u32() as u8),
            _ => {
                let part = data.get(at..(at + 16).min(data.len())).unwrap_or_default().to_vec();
                data.splice(at..at, part);
            }
        }
    }
    data
}

#[test]
fn checklist_120_no_sample_and_no_mutation_of_one_ends_a_parser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, _) in TARGETS {
        let mut rng = ChaCha8Rng::seed_from_u64(20_240_101);
        let mut samples: Vec<_> = fs::read_dir(root.join(name))
            .unwrap_or_else(|e| panic!("corpus of {name}: {e}"))
            .map(|entry| entry.expect("entry").path())
            .collect();
        samples.sort();
        assert!(!samples.is_empty(), "{name} has a corpus");
        for sample in samples {
            let data = fs::read(&sample).expect("sample");
            run(name, &data);
            for _ in 0..MUTATIONS {
                run(name, &mutate(&mut rng, &data));
            }
        }
    }
}

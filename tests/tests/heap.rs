//! What people cost the bridge in memory; `make kilobytes` shows what is measured here.
#![allow(clippy::print_stdout, reason = "figures for people")]

use tests::heap::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KIB: isize = 1024;

#[test]
fn who_only_waits_takes_at_most_32_kib() {
    let each = heap::waiting(100);
    println!("bridge, {} KiB with nobody", heap::empty() / KIB);
    println!("bridge, each of 500 in rooms of five who have muted everything: {:.1} KiB", each as f64 / KIB as f64);
    assert!((KIB..32 * KIB).contains(&each), "{each} bytes");
}

#[test]
fn who_sends_two_megabits_a_second_takes_at_most_400_kib() {
    let sender = heap::sender();
    println!("bridge, one who sends 2 Mbit/s to another: {:.1} KiB more", sender as f64 / KIB as f64);
    assert!((100 * KIB..400 * KIB).contains(&sender), "{sender} bytes");
    let each = heap::meeting(10);
    println!("bridge, each of ten who all do and see each other in 720p: {:.1} KiB", each as f64 / KIB as f64);
}

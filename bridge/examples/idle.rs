//! The bridge alone with nobody in it, and what its process takes: a worker with its sockets and buffers, on any free port.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a crash is a failed measurement"
)]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use bridge::core::BridgeConfig;
use bridge::core::endpoint::identity::Identity;
use bridge::shell::udp::Sockets;
use bridge::shell::worker::{self, Listener};

fn main() {
    let everywhere = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let sockets = Sockets::bind(&everywhere, 0).expect("a port");
    let identity = Arc::new(Identity::generate().expect("an identity"));
    let listener: Listener = Arc::new(|_| {});
    let workers = worker::start(1, sockets, &BridgeConfig::default(), &identity, [7; 32], &listener).expect("a worker");
    // What a start leads to is over.
    std::thread::sleep(Duration::from_secs(1));
    let smaps = fs::read_to_string("/proc/self/smaps_rollup").expect("smaps");
    let kib = |name| {
        let line = smaps.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).expect("a field")
    };
    println!(
        "bridge alone, idle: {:.1} MiB resident, of it {:.1} MiB data",
        kib("Rss:") / 1024.0,
        kib("Anonymous:") / 1024.0
    );
    drop(workers);
}

//! What the shell counts; the core counts its own.

use std::ops::Add;

/// Totals since the start, copied out by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Times around the loop.
    pub turns: u64,
    /// Datagrams handed to the core.
    pub received: u64,
    /// Datagrams longer than a slot; no client sends such.
    pub oversized: u64,
    /// Datagrams given to the kernel.
    pub sent: u64,
    /// System calls that sent them; fewer where runs of equal datagrams went out together.
    pub send_calls: u64,
    /// Datagrams dropped because the kernel's buffer was full.
    pub dropped_full: u64,
    /// Datagrams dropped because another worker, which they were for, was too far behind.
    pub dropped_behind: u64,
    /// Datagrams dropped because no socket has the family of their path.
    pub dropped_unroutable: u64,
    /// Sends that failed otherwise (no route, interface down).
    pub send_errors: u64,
    /// Receives that failed otherwise.
    pub receive_errors: u64,
}

impl Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            turns: self.turns + other.turns,
            received: self.received + other.received,
            oversized: self.oversized + other.oversized,
            sent: self.sent + other.sent,
            send_calls: self.send_calls + other.send_calls,
            dropped_full: self.dropped_full + other.dropped_full,
            dropped_behind: self.dropped_behind + other.dropped_behind,
            dropped_unroutable: self.dropped_unroutable + other.dropped_unroutable,
            send_errors: self.send_errors + other.send_errors,
            receive_errors: self.receive_errors + other.receive_errors,
        }
    }
}

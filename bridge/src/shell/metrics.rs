//! What the shell counts; the core counts its own.

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
    /// Datagrams dropped because no socket has the family of their path.
    pub dropped_unroutable: u64,
    /// Sends that failed otherwise (no route, interface down).
    pub send_errors: u64,
    /// Receives that failed otherwise.
    pub receive_errors: u64,
}

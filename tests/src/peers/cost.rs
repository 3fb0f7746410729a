//! What a process takes of its processor, and which processor that is.

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::fs;
use std::ops::Sub;

/// Processor time of a process so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    /// Nanoseconds, of all its threads that live.
    pub nanos: u64,
    /// For how long they could have run, and something else did.
    pub waited: u64,
    /// Clock ticks of ten milliseconds, in its own code.
    pub user: u64,
    /// The same, in the kernel.
    pub system: u64,
    /// How often a thread of it went to sleep.
    pub sleeps: u64,
}

impl Used {
    pub fn of(process: u32) -> Result<Self> {
        let (mut nanos, mut waited, mut sleeps) = (0, 0, 0);
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?.path();
            // A thread may end while we look.
            if let (Ok(times), Ok(status)) =
                (fs::read_to_string(task.join("schedstat")), fs::read_to_string(task.join("status")))
            {
                let mut fields = times.split_whitespace().map(str::parse::<u64>);
                nanos += fields.next().context("time on a processor")??;
                waited += fields.next().context("time before it")??;
                sleeps += given_up(&status).context("status")?;
            }
        }
        let (user, system) = ticks(&fs::read_to_string(format!("/proc/{process}/stat"))?).context("stat")?;
        Ok(Self { nanos, waited, user, system, sleeps })
    }
}

/// How often a thread gave its processor up by itself (proc_pid_status(5)).
fn given_up(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// The fields utime and stime of `/proc/PID/stat` (proc_pid_stat(5)). The name before them may contain anything.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

impl Sub for Used {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            nanos: self.nanos.saturating_sub(before.nanos),
            waited: self.waited.saturating_sub(before.waited),
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            sleeps: self.sleeps.saturating_sub(before.sleeps),
        }
    }
}

/// Where servers and load generator run: apart, where there are two processors.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    server: CpuSet,
    generator: CpuSet,
    pub apart: bool,
}

impl Places {
    /// The last two processors that we may use: the first one has more to do than others.
    pub fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut free = (0..CpuSet::count()).rev().filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
        let server = free.next().context("a processor")?;
        let generator = free.next().unwrap_or(server);
        let only = |cpu| -> Result<CpuSet> {
            let mut set = CpuSet::new();
            set.set(cpu)?;
            Ok(set)
        };
        Ok(Self { server: only(server)?, generator: only(generator)?, apart: server != generator })
    }

    /// What is started meanwhile runs at the server's place for ever; this thread returns to its own.
    pub fn start<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        let this = Pid::from_raw(0);
        sched_setaffinity(this, &self.server)?;
        let started = start();
        sched_setaffinity(this, &self.generator)?;
        Ok(started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_parentheses() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 0 0 0 17 23 5 6 20 0 1 0 9 1 1 1";
        assert_eq!(ticks(stat), Some((17, 23)));
    }

    #[test]
    fn sleeps_are_those_that_the_thread_wanted() {
        assert_eq!(given_up("Name:\ta\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t4\n"), Some(17));
    }

    #[test]
    fn what_this_process_does_is_counted() {
        let before = Used::of(std::process::id()).unwrap();
        let mut sum = 0u64;
        while Used::of(std::process::id()).unwrap().nanos < before.nanos + 1_000_000 {
            sum = (0..10_000u64).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        let used = Used::of(std::process::id()).unwrap() - before;
        assert!(used.nanos >= 1_000_000, "{used:?}");
    }

    #[test]
    fn what_is_started_stays_at_its_place_and_we_return() {
        // In a thread of its own: others of this process keep what they have.
        std::thread::spawn(|| {
            let places = Places::choose().unwrap();
            let place = |pid| sched_getaffinity(Pid::from_raw(pid)).unwrap();
            let inside = places.start(|| place(0)).unwrap();
            assert_eq!((inside, place(0)), (places.server, places.generator));
        })
        .join()
        .unwrap();
    }
}

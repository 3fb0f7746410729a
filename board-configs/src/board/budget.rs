//! How the memory found is shared out, and how many people that carries.

use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A rule that gives a service its MemoryMax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Whatever the memory.
    pub fixed: Bytes,
    /// And so many per cent of it.
    pub share: u8,
    pub least: Bytes,
    pub most: Bytes,
}

/// The rule of each service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Budgets {
    pub supervisor: Budget,
    pub host: Budget,
    pub room_endpoint: Budget,
    pub recorder: Budget,
}

/// MemoryMax of each service on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The memory found.
    pub memory: Bytes,
    pub supervisor: Bytes,
    pub host: Bytes,
    pub room_endpoint: Bytes,
    pub recorder: Bytes,
}

/// How many participants a board carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participants {
    /// By the processor.
    pub per_core: u32,
    /// However large the machine.
    pub most: u32,
    /// Memory of the host without anybody.
    pub idle: Bytes,
    /// And for each.
    pub each: Bytes,
}

impl Budget {
    fn of(&self, memory: Bytes) -> Bytes {
        let share = memory.bytes() / 100 * u64::from(self.share);
        let (least, most) = (self.least.bytes(), self.most.bytes());
        Bytes::new(self.fixed.bytes().saturating_add(share).min(most).max(least))
    }
}

impl Budgets {
    pub(super) fn limits(&self, memory: Bytes) -> Limits {
        Limits {
            memory,
            supervisor: self.supervisor.of(memory),
            host: self.host.of(memory),
            room_endpoint: self.room_endpoint.of(memory),
            recorder: self.recorder.of(memory),
        }
    }
}

impl Limits {
    /// Each with the name of its service.
    pub fn services(&self) -> [(&'static str, Bytes); 4] {
        [
            ("supervisor", self.supervisor),
            ("host", self.host),
            ("room-endpoint", self.room_endpoint),
            ("recorder", self.recorder),
        ]
    }

    /// What is left to the kernel and its page cache when every service takes all it may.
    pub fn left(&self) -> Bytes {
        let taken = self.services().iter().map(|(_, limit)| limit.bytes()).sum();
        Bytes::new(self.memory.bytes().saturating_sub(taken))
    }

    /// True when that is a third of the memory.
    pub fn fit(&self) -> bool {
        self.left().bytes() >= self.memory.bytes() / 3
    }
}

impl Participants {
    pub(super) fn memory_each(&self, host: Bytes, participants: usize) -> Bytes {
        let participants = u64::try_from(participants.max(1)).unwrap_or(u64::MAX);
        Bytes::new(host.bytes().saturating_sub(self.idle.bytes()) / participants)
    }

    /// What is not known limits nothing.
    pub(super) fn carried(&self, cores: Option<u32>, host: Option<Bytes>) -> usize {
        let by_cores = cores.map_or(self.most, |cores| self.per_core.saturating_mul(cores.max(1)));
        let by_memory =
            host.map_or(u64::MAX, |host| host.bytes().saturating_sub(self.idle.bytes()) / self.each.bytes().max(1));
        let carried = by_memory.min(by_cores.min(self.most).into()).max(1);
        usize::try_from(carried).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Board, Config, Machine, boards};

    const MIB: u64 = 1024 * 1024;

    /// `MemTotal` where 1, 2, 4 and 8 GB are soldered on: firmware, display and kernel have taken their part.
    const FOUND: [u64; 8] = [906, 977, 1024, 1850, 1980, 3790, 7930, 8192];

    fn machine(mebibytes: u64, cores: u32) -> Machine {
        Machine { memory: Some(Bytes::new(mebibytes * MIB)), cores: Some(cores), ..Machine::default() }
    }

    fn all() -> impl Iterator<Item = (String, Board)> {
        boards().map(|name| (name.to_string(), Board::named(&name).unwrap()))
    }

    #[test]
    fn the_budgets_of_every_board_leave_a_third_to_kernel_and_page_cache() {
        for (name, board) in all() {
            for memory in FOUND {
                let limits = board.limits(&machine(memory, 4)).unwrap();
                assert!(limits.fit(), "{name} with {memory} MiB: {limits:?}");
                assert!(limits.services().iter().all(|(_, limit)| limit.bytes() >= 24 * MIB));
            }
        }
    }

    #[test]
    fn more_memory_never_gives_a_service_less() {
        for (name, board) in all() {
            let mut last = board.limits(&machine(256, 4)).unwrap();
            for memory in (256..9000).step_by(61) {
                let limits = board.limits(&machine(memory, 4)).unwrap();
                for ((service, now), (_, before)) in limits.services().iter().zip(last.services()) {
                    assert!(now.bytes() >= before.bytes(), "{name}, {service}, {memory} MiB");
                }
                last = limits;
            }
        }
    }

    #[test]
    fn a_machine_that_is_too_small_says_so() {
        for (_, board) in all() {
            assert!(!board.limits(&machine(512, 4)).unwrap().fit());
            assert!(board.carries(&machine(1, 1)) >= 1);
        }
    }

    #[test]
    fn what_a_board_carries_is_decided_by_what_runs_out_first() {
        let rule = Participants { per_core: 10, most: 35, idle: Bytes::new(16 * MIB), each: Bytes::new(MIB) };
        assert_eq!(rule.carried(Some(2), Some(Bytes::new(96 * MIB))), 20);
        assert_eq!(rule.carried(Some(4), Some(Bytes::new(96 * MIB))), 35);
        assert_eq!(rule.carried(Some(4), Some(Bytes::new(26 * MIB))), 10);
        assert_eq!(rule.carried(Some(4), Some(Bytes::new(2 * MIB))), 1);
        assert_eq!(rule.carried(None, None), 35);
    }

    #[test]
    fn the_memory_of_the_host_is_shared_by_as_many_as_may_come() {
        let board = Board::named(&boards().find(|board| board.as_str() == "rpi4").unwrap()).unwrap();
        let machine = machine(906, 4);
        let (host, idle) = (board.limits(&machine).unwrap().host.bytes(), board.participants.idle.bytes());
        let each = |participants| board.memory_each(&machine, participants).unwrap().bytes();
        assert_eq!((each(60) * 60, each(1)), ((host - idle) / 60 * 60, host - idle));
        assert!(each(board.carries(&machine)) >= board.participants.each.bytes());
        assert_eq!(each(0), each(1));
        assert_eq!(board.memory_each(&Machine::default(), 60), None);
    }

    #[test]
    fn a_pc_carries_what_is_the_default_and_a_small_board_less() {
        let default = Config::default().bridge.max_participants.get();
        let carried = |name: &str, memory, cores| {
            let name = boards().find(|board| board.as_str() == name).unwrap();
            Board::named(&name).unwrap().carries(&machine(memory, cores))
        };
        for (memory, cores) in [(906, 1), (977, 2), (65_536, 64)] {
            assert_eq!(carried("generic-x86-64", memory, cores), default);
        }
        assert_eq!(carried("rpi4", 906, 4), 60);
        assert_eq!(carried("rpi5", 3790, 4), 100);
        assert_eq!(carried("imx8mp", 1980, 4), 32);
        assert_eq!(carried("qemu-arm64", 977, 2), 8);
    }
}

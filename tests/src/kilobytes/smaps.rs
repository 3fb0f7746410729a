//! What is resident, by what it is (proc_pid_smaps(5)).

use super::{Split, add, number, sorted};
use anyhow::{Context, Result};

/// Resident KiB of `/proc/PID/smaps` of this program.
pub fn split(smaps: &str, program: &str) -> Result<Split> {
    let mut split = Split::new();
    let (mut name, mut of_program) = ("", false);
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            // What is zero at first follows the program's data.
            let follows = of_program && mapping.path.is_empty() && name == "data of the program";
            of_program = mapping.path == program || follows;
            name = if follows { name } else { mapping.name(program) };
        } else if let Some(kib) = line.strip_prefix("Rss:") {
            add(&mut split, name, number(kib.trim().strip_suffix("kB").context("kB")?)?);
        }
    }
    Ok(sorted(split))
}

struct Mapping<'a> {
    rights: &'a str,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let range = fields.next()?;
        let (from, to) = range.split_once('-')?;
        u64::from_str_radix(from, 16).ok()?;
        u64::from_str_radix(to, 16).ok()?;
        Some(Self { rights: fields.next()?, path: fields.nth(3).unwrap_or_default() })
    }

    fn name(&self, program: &str) -> &'static str {
        match self.path {
            path if path == program => match self.rights {
                "r-xp" => "program text",
                "r--p" => "constants, embedded files, tables of the linker",
                _ => "data of the program",
            },
            "[heap]" => "heap of the first thread",
            "[stack]" => "stack of the first thread",
            "" => "stacks and heaps of the other threads, and large buffers",
            path if path.starts_with('/') => "libraries of the system",
            _ => "of the kernel",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_told_apart_by_rights_and_path() {
        let smaps = "\
55d0-55d1 r--p 0000 fe:00 1 /opt/moothall\nRss:  100 kB\n55d1-55d2 r-xp 0000 fe:00 1 /opt/moothall\nRss:  900 kB\n\
55d2-55d3 rw-p 0000 fe:00 1 /opt/moothall\nRss:  12 kB\n55d3-55d4 rw-p 0000 00:00 0 \nRss:  8 kB\n\
55e0-55e4 rw-p 0000 00:00 0 [heap]\nRss:  300 kB\n7f00-7f01 rw-p 0000 00:00 0 \nRss:  40 kB\n\
7f10-7f11 r-xp 0000 fe:00 2 /lib/libc.so.6\nRss:  700 kB\nVmFlags: rd ex\n";
        let split = split(smaps, "/opt/moothall").unwrap();
        let of = |name: &str| split.iter().find(|(known, _)| known.starts_with(name)).map(|(_, kib)| *kib);
        assert_eq!(
            (of("program text"), of("constants"), of("data of the program")),
            (Some(900.0), Some(100.0), Some(20.0))
        );
        assert_eq!((of("heap of"), of("stacks and"), of("libraries")), (Some(300.0), Some(40.0), Some(700.0)));
    }
}

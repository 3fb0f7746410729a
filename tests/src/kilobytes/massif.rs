//! Snapshots of Valgrind's heap profiler.

use super::{Split, add, number, part, sorted};
use anyhow::{Context, Result};

/// Bytes on the heap of the snapshot in this text, by who asked for them, and what the allocator needs on top.
pub fn split(text: &str) -> Result<Split> {
    let snapshot = text.rsplit("snapshot=").find(|snapshot| snapshot.contains("heap_tree=detailed"));
    let snapshot = snapshot.context("a detailed snapshot")?;
    let field = |name: &str| snapshot.lines().find_map(|line| line.strip_prefix(name));
    let mut split = Split::new();
    add(&mut split, "heads of the allocator", number(field("mem_heap_extra_B=").context("extra")?)? / 1024.0);
    let mut callers: Vec<&str> = Vec::new();
    for line in snapshot.lines() {
        let Some(node) = Node::parse(line) else { continue };
        callers.truncate(node.depth);
        callers.push(node.who);
        if node.children == 0 {
            // The tree grows from the allocation to whoever called.
            add(&mut split, part(callers.iter().copied()), node.bytes / 1024.0);
        }
    }
    Ok(sorted(split))
}

/// A line such as ` n2: 4096 0x1A2B: function (file:line)`.
struct Node<'a> {
    depth: usize,
    children: u32,
    bytes: f64,
    who: &'a str,
}

impl<'a> Node<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let rest = line.trim_start_matches(' ');
        let depth = line.len() - rest.len();
        let (children, rest) = rest.strip_prefix('n')?.split_once(": ")?;
        let (bytes, who) = rest.split_once(' ')?;
        Some(Self { depth, children: children.parse().ok()?, bytes: bytes.parse().ok()?, who })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "snapshot=0\nmem_heap_B=3072\nmem_heap_extra_B=512\nheap_tree=detailed\n\
        n2: 3072 (heap allocation functions) malloc\n n1: 2048 0x1: push (vec.rs:1)\n  n0: 2048 0x2: bridge::x (a.rs:2)\n \
        n1: 1024 0x3: jent_zalloc (in x)\n  n0: 1024 0x4: main (in x)\n";

    #[test]
    fn bytes_belong_to_whoever_asked() {
        let split = split(TEXT).unwrap();
        let of = |name: &str| split.iter().find(|(known, _)| known == name).map(|(_, kib)| *kib);
        assert_eq!((of("bridge, rest"), of("entropy")), (Some(2.0), Some(1.0)));
        assert_eq!(of("heads of the allocator"), Some(0.5));
    }

    #[test]
    fn without_a_snapshot_there_is_no_answer() {
        assert!(split("snapshot=0\nheap_tree=empty\n").is_err());
    }
}

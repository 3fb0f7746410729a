//! Join, leave, accept, share, break: in any order, every accepted client is told of each stream exactly once.

use rand_core::Rng;

use super::*;

fn pick<'a>(rng: &mut ChaCha8Rng, list: &'a [String]) -> Option<&'a str> {
    let len = u32::try_from(list.len()).ok()?;
    let n = rng.next_u32().checked_rem(len)?;
    list.get(usize::try_from(n).ok()?).map(String::as_str)
}

fn nicks(world: &World, keep: impl Fn(&Client) -> bool) -> Vec<String> {
    let clients = world.clients.iter().filter(|(_, c)| keep(c));
    clients.map(|(nick, _)| nick.clone()).collect()
}

fn step(world: &mut World, rng: &mut ChaCha8Rng, names: &[String]) {
    match rng.next_u32() % 16 {
        0..=4 => {
            let nick = pick(rng, names).unwrap();
            let dialects = [Dialect::Ljm2026, Dialect::Ljm2022, Dialect::Gst];
            let dialect = dialects[usize::try_from(rng.next_u32() % 3).unwrap()];
            let eager = rng.next_u32().is_multiple_of(2);
            if !world.clients.contains_key(nick) {
                world.join_as(nick, dialect, eager, OccupantKind::Regular);
            }
        }
        5..=6 => {
            if let Some(nick) = pick(rng, &nicks(world, |_| true)) {
                world.leave(nick);
            }
        }
        7..=9 => {
            let waiting = nicks(world, |c| c.sid.is_some() && !c.accepted);
            if let Some(nick) = pick(rng, &waiting) {
                assert_eq!(verdict(&world.accept(nick)), "result");
            }
        }
        10..=11 => {
            if let Some(nick) = pick(rng, &nicks(world, |c| c.accepted && c.screen.is_none())) {
                assert_eq!(verdict(&world.share_screen(nick)), "result");
            }
        }
        12 => {
            if let Some(nick) = pick(rng, &nicks(world, |c| c.screen.is_some())) {
                assert_eq!(verdict(&world.unshare_screen(nick)), "result");
            }
        }
        13 => {
            if let Some(nick) = pick(rng, &nicks(world, |c| c.sid.is_some())) {
                world.endpoint_gone(nick);
            }
        }
        14 => {
            world.bridge.exists = false;
            world.bridge.endpoints.clear();
            // Found out by the next change.
            if let Some(nick) = pick(rng, &nicks(world, |c| c.accepted && c.screen.is_none())) {
                world.share_screen(nick);
            } else {
                let all = nicks(world, |_| true);
                all.iter().for_each(|nick| world.leave(nick));
            }
        }
        _ => world.advance(Duration::from_millis(u64::from(rng.next_u32() % 30_000))),
    }
}

#[test]
fn any_order_of_events_leaves_everybody_with_the_truth() {
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::from_seed([seed; 32]);
        let mut world = World::new();
        let names: Vec<String> = (0..6).map(|n| format!("p{n}")).collect();
        for _ in 0..150 {
            step(&mut world, &mut rng, &names);
            world.assert_consistent();
        }
        for nick in nicks(&world, |_| true) {
            world.leave(&nick);
        }
        world.advance(Duration::from_secs(60));
        assert!(!world.bridge.exists || world.bridge.endpoints.is_empty());
        assert!(world.rooms.is_empty(), "seed {seed}");
        assert_eq!(world.focus.next_wakeup(), None, "seed {seed}");
    }
}

#[test]
fn thirty_join_and_each_is_told_of_each_other_once() {
    let mut world = World::new();
    for n in 0..30 {
        let dialect = [Dialect::Ljm2026, Dialect::Ljm2022, Dialect::Gst][n % 3];
        world.join(&format!("p{n}"), dialect);
    }
    world.assert_consistent();
    for n in 0..15 {
        world.leave(&format!("p{n}"));
    }
    world.assert_consistent();
}

//! A full room.

use super::*;

const PEOPLE: u64 = 200;

fn full_room() -> World {
    let mut world = World::new(MucLimits::default());
    for n in 1..=PEOPLE {
        world.join(n);
    }
    assert_eq!(world.muc.occupant_count(), 200);
    world
}

/// What `counts` would be when everybody in `people` is sent one frame.
fn one_each(people: impl Iterator<Item = u64>) -> BTreeMap<u64, usize> {
    people.map(|n| (n, 1)).collect()
}

#[test]
fn who_comes_is_told_of_each_once_and_each_is_told_of_it_once() {
    let mut world = World::new(MucLimits::default());
    for n in 1..=PEOPLE {
        let frames = world.join(n);
        let (own, others): (Vec<_>, Vec<_>) = frames.into_iter().partition(|(to, _)| *to == n);
        // Whoever was alone reads the room's start time when the second one comes.
        let (presences, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, f)| f.starts_with("<presence "));
        assert_eq!(counts(&presences), one_each(1..n), "{n}");
        assert_eq!(others.len(), usize::from(n == 2), "{n}");
        // The focus, those who are here, itself, and the subject.
        let is_presence = own.iter().filter(|(_, f)| f.starts_with("<presence ")).count();
        assert_eq!((is_presence, own.len()), (usize::try_from(n).unwrap() + 1, usize::try_from(n).unwrap() + 2));
        world.wait(1);
    }
}

#[test]
fn what_one_changes_costs_a_frame_for_each() {
    let mut world = full_room();
    let mute = "<presence><audiomuted xmlns='http://jitsi.org/jitmeet/audio'>true</audiomuted></presence>";
    assert_eq!(counts(&world.say(7, "r@conference.d/n7", mute)), one_each(1..=PEOPLE));
    let chat = "<message type='groupchat' id='m'><body>hello</body></message>";
    assert_eq!(counts(&world.say(7, "r@conference.d", chat)), one_each(1..=PEOPLE));
    let private = "<message type='chat' id='p'><body>hello</body></message>";
    assert_eq!(counts(&world.say(7, "r@conference.d/n9", private)), one_each([9].into_iter()));
    let leave = "<presence type='unavailable'/>";
    assert_eq!(counts(&world.say(7, "r@conference.d/n7", leave)), one_each(1..=PEOPLE));
    world.muc.on_closed(SessionId(8));
    let rest = (1..=PEOPLE).filter(|n| !(7..=8).contains(n));
    assert_eq!(counts(&world.sent()), one_each(rest));
}

#[test]
fn a_new_moderator_and_a_lobby_cost_a_frame_for_each() {
    let mut world = full_room();
    world.muc.set_affiliation("r", "n1", super::super::Affiliation::Owner);
    assert_eq!(counts(&world.sent()), one_each(1..=PEOPLE));
    let lobby = "<iq type='set' id='l'><query xmlns='http://jabber.org/protocol/muc#owner'>\
                 <x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>";
    let frames = world.say(1, "r@conference.d", lobby);
    assert!(frames[0].1.contains(" type='result'"), "{frames:?}");
    // That it is there, and that the configuration is another; of 200 new members nobody is told.
    assert_eq!(counts(&frames[1..]), (1..=PEOPLE).map(|n| (n, 2)).collect());
    let members: String = (1..=PEOPLE).map(|n| format!("<item affiliation='member' jid='u{n}@d'/>")).collect();
    let members = members.replace("<item affiliation='member' jid='u1@d'/>", "");
    let all =
        format!("<iq type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>{members}</query></iq>");
    assert_eq!(counts(&world.say(1, "r@conference.d", &all)), one_each([1].into_iter()));
}

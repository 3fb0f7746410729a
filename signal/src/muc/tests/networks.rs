//! People behind one network address: an office, or one with many streams.

use super::*;

const OFFICE: &str = "192.0.2.1";

#[test]
fn an_office_comes_at_once() {
    let mut world = World::new(MucLimits::default());
    let presence = "<presence><SourceInfo>x</SourceInfo></presence>";
    for n in 1..=200 {
        world.at(n, OFFICE);
        world.join(n);
        assert!(world.is_in(n), "{n}");
    }
    for n in 1..=200 {
        for _ in 0..5 {
            let frames = world.say(n, &format!("r@conference.d/n{n}"), presence);
            assert_eq!(frames.len(), 200, "{n}");
        }
    }
}

#[test]
fn one_network_with_many_streams_has_no_more_to_say_than_a_few() {
    let limits = MucLimits { voice_per_second: 100, voice_burst: 10_000, voices_of_network: 3, ..MucLimits::default() };
    let mut world = World::new(limits);
    let chat = "<message type='groupchat'><x xmlns='u'>x</x></message>";
    let said = |world: &mut World, n: u64| {
        world.join(n);
        (0..30).filter(|_| condition(&world.say(n, "r@conference.d", chat)).is_none()).count()
    };
    let most = 3 * 10_000 / 512;
    let mut all = 0;
    for n in 1..=10 {
        world.at(n, OFFICE);
        all += said(&mut world, n);
    }
    assert!((40..=most).contains(&all), "{all}");
    // Nor after all are gone and come again.
    for n in 1..=10 {
        world.muc.on_closed(SessionId(n));
    }
    world.at(11, OFFICE);
    assert_eq!(said(&mut world, 11), 0);
    // Others notice nothing; and after a while it is forgotten.
    world.at(12, "192.0.2.2");
    assert!(said(&mut world, 12) > 10);
    world.wait(100);
    world.at(13, OFFICE);
    assert!(said(&mut world, 13) > 10);
}

fn lock(world: &mut World) {
    world.join(1);
    world.muc.set_affiliation("r", "n1", super::super::Affiliation::Owner);
    let form = "<iq type='set' id='l'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
                <field var='muc#roomconfig_roomsecret'><value>new</value></field></x></query></iq>";
    let frames = world.say(1, "r@conference.d", form);
    assert!(
        frames.iter().any(|(_, frame)| frame.starts_with("<iq ") && frame.contains(" type='result'")),
        "{frames:?}"
    );
}

#[test]
fn colleagues_with_an_old_password_do_not_keep_those_with_the_new_one_out() {
    let mut world = World::new(MucLimits::default());
    lock(&mut world);
    for n in 2..=26 {
        world.at(n, OFFICE);
        let frames = world.join_with(n, "<password>old</password>");
        assert_eq!(condition(&frames), Some("not-authorized".to_owned()), "{n}");
    }
    for n in 27..=60 {
        world.at(n, OFFICE);
        world.join_with(n, "<password>new</password>");
        assert!(world.is_in(n), "{n}");
    }
}

#[test]
fn an_office_waits_in_the_lobby() {
    let mut world = World::new(MucLimits::default());
    lock(&mut world);
    let lobby = "<iq type='set' id='l'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
                 <field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>";
    world.say(1, "r@conference.d", lobby);
    let knock = "<presence><x xmlns='http://jabber.org/protocol/muc'/></presence>";
    for n in 2..=51 {
        world.at(n, OFFICE);
        let frames = world.say(n, &format!("r@lobby.d/n{n}"), knock);
        assert_eq!(condition(&frames), None, "{n}");
    }
    let invited: String = (2..=51).map(|n| format!("<invite to='u{n}@d/x'/>")).collect();
    let invite = format!("<message><x xmlns='http://jabber.org/protocol/muc#user'>{invited}</x></message>");
    let frames = world.say(1, "r@conference.d", &invite);
    assert_eq!(counts(&frames), (2..=51).map(|n| (n, 1)).chain([(1, 50)]).collect());
    for n in 2..=51 {
        world.join(n);
        assert!(world.is_in(n), "{n}");
    }
}

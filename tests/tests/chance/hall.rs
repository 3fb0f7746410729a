//! A hall in which things happen, and what its model says.

use super::line::Line;
use super::model::{Person, Wish, height_of};
use bridge::core::ChannelId;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tests::bot::Bot;
use tests::bot::keys::Offer;
use tests::bot::receiver::Track;
use tests::bot::sender::Load;
use tests::meeting::{Whims, bot, world};
use tests::world::World;

/// How often the model is compared with what is.
const LOOK: Duration = Duration::from_millis(250);
/// After a change somebody is not looked at for so long: what is sent must change, and be repaired.
const GRACE: Duration = Duration::from_secs(3);
/// A narrow line has to be found to be wide again, and probed.
const WELL: Duration = Duration::from_secs(15);

pub(crate) struct Hall {
    pub(crate) world: World,
    seed: u64,
    whims: Whims,
    people: Vec<Person>,
    channels: Vec<ChannelId>,
    moves: u16,
    /// What has happened, for who has to find out why the model does not hold.
    story: Vec<String>,
}

impl Drop for Hall {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("seed {}:\n{}", self.seed, self.story.join("\n"));
        }
    }
}

impl Hall {
    /// Two to four people come in, and all have connected.
    pub(crate) fn open(seed: u64) -> Self {
        let mut hall = Self {
            world: world(seed, Line::good().link),
            seed,
            whims: Whims(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            people: Vec::new(),
            channels: Vec::new(),
            moves: 0,
            story: Vec::new(),
        };
        for _ in 0..2 + hall.whims.below(3) {
            hall.somebody_comes();
            let pause = hall.whims.below(600);
            hall.world.run(Duration::from_millis(pause));
        }
        let end = hall.world.now + Duration::from_secs(10);
        assert!(hall.world.run_until(end, |world| world.bots.iter().all(Bot::connected)), "seed {seed}: all connect");
        let now = hall.world.now;
        hall.people.iter_mut().for_each(|person| person.disturbed(now, GRACE));
        hall
    }

    fn somebody_comes(&mut self) {
        let number = self.people.len();
        let whims = &mut self.whims;
        let load = Load {
            audio: true,
            encodings: whims.one_of(&[0, 1, 3, 3, 3]),
            frames_per_second: 8 + whims.below(8) as u32,
            packets_per_frame: 1,
            payload: 300 + whims.below(600) as usize,
        };
        let person = Person {
            load,
            line: Line::of_chance(whims),
            wish: Wish::ALL,
            camera: load.encodings > 0,
            microphone: true,
            calm: self.world.now,
            granted: self.world.now + GRACE,
        };
        let offer = whims.one_of(&[Offer::Gcm, Offer::CmSha1]);
        let mut bot = bot(number as u32 + 1, load, offer);
        bot.sender.drift = whims.below(400) as i32 - 200;
        self.tell(&format!("{number} comes: {load:?} {:?}", person.line));
        self.people.push(person);
        self.enter(bot, person.line);
    }

    /// The newest of the people takes a place in the hall.
    fn enter(&mut self, bot: Bot, line: Line) {
        self.world.links.insert(bot.id.clone(), line.link);
        let index = self.world.join(bot);
        self.channels.truncate(index);
        self.channels.push(self.world.open_channel(index));
        self.wish(index, Wish::ALL);
    }

    fn wish(&mut self, who: usize, wish: Wish) {
        let now = self.world.now;
        self.people[who].wish = wish;
        self.people[who].granted = now + GRACE;
        let message = wish.message(name_of);
        self.tell(&format!("{who} wants {message}"));
        self.world.say(self.channels[who], &message);
    }

    /// One thing happens to one of them.
    pub(crate) fn something_happens(&mut self) {
        let who = self.whims.below(self.people.len() as u64) as usize;
        match self.whims.below(9) {
            0 | 1 => {
                let wish = self.some_wish();
                self.wish(who, wish);
            }
            2 => {
                let line = Line::of_chance(&mut self.whims);
                self.line(who, line);
            }
            3 if self.people[who].load.encodings > 0 => {
                let on = !self.people[who].camera;
                self.camera(who, on);
            }
            4 => {
                let on = !self.people[who].microphone;
                self.microphone(who, on);
            }
            5 => self.moves_to_another_address(who),
            6 => {
                self.tell(&format!("{who} restarts ICE"));
                self.disturb(who, GRACE * 2);
                self.world.restart_ice(who);
            }
            7 => self.comes_again(),
            _ => {}
        }
    }

    fn some_wish(&mut self) -> Wish {
        let (whims, count) = (&mut self.whims, self.people.len() as u64);
        let stage = whims.below(2) == 0;
        Wish {
            last_n: whims.one_of(&[-1, -1, -1, 1, 0]),
            height: whims.one_of(&[0, 180, 180, 360, 720]),
            stage: stage.then(|| (whims.below(count) as usize, whims.one_of(&[180, 360, 720]))),
        }
    }

    fn line(&mut self, who: usize, line: Line) {
        self.tell(&format!("{who} has {line:?}"));
        self.people[who].line = line;
        self.disturb(who, GRACE * 2);
        self.world.links.insert(self.world.bots[who].id.clone(), line.link);
    }

    fn camera(&mut self, who: usize, on: bool) {
        self.tell(&format!("{who} camera {on}"));
        self.people[who].camera = on;
        self.disturb(who, GRACE);
        self.world.bots[who].sender.video_muted = !on;
        let kind = if on { "camera" } else { "none" };
        let message = json!({"colibriClass": "SourceVideoTypeMessage", "sourceName": name_of(who), "videoType": kind});
        self.world.say(self.channels[who], &message);
    }

    fn microphone(&mut self, who: usize, on: bool) {
        self.tell(&format!("{who} microphone {on}"));
        self.people[who].microphone = on;
        self.disturb(who, Duration::from_secs(1));
        self.world.bots[who].sender.audio_muted = !on;
    }

    /// The NAT of somebody forgets.
    fn moves_to_another_address(&mut self, who: usize) {
        self.tell(&format!("{who} moves to another address"));
        self.moves += 1;
        self.disturb(who, GRACE * 2);
        self.world.bots[who].addr = SocketAddr::from(([203, 0, 113, 100 + who as u8], 50_000 + self.moves));
    }

    /// The last one leaves and is back at once, under the same name.
    fn comes_again(&mut self) {
        let who = self.people.len() - 1;
        self.tell(&format!("{who} comes again"));
        self.moves += 1;
        self.world.leave(who);
        let gone = self.world.bots.remove(who);
        let mut again = bot(who as u32 + 1, gone.sender.load, Offer::Gcm);
        again.addr.set_port(60_000 + self.moves);
        again.sender.drift = gone.sender.drift;
        let line = self.people[who].line;
        self.enter(again, line);
        let person = &mut self.people[who];
        (person.camera, person.microphone) = (person.load.encodings > 0, true);
        let end = self.world.now + Duration::from_secs(10);
        let back = self.world.run_until(end, |world| world.bots[who].connected());
        assert!(back, "seed {}: {who} is back", self.seed);
        self.disturb(who, GRACE);
    }

    fn tell(&mut self, what: &str) {
        self.story.push(format!("{:?}: {what}", self.world.elapsed()));
    }

    fn disturb(&mut self, who: usize, for_how_long: Duration) {
        let now = self.world.now;
        self.people[who].disturbed(now, for_how_long);
    }

    /// Time passes until the next thing happens, and the model holds.
    pub(crate) fn goes_on(&mut self) {
        for _ in 0..1 + self.whims.below(12) {
            self.world.run(LOOK);
            self.look();
        }
    }

    /// The trouble ends, and everybody wants to see everything: everybody does.
    pub(crate) fn all_is_well(&mut self) {
        for who in 0..self.people.len() {
            self.line(who, Line::good());
            self.wish(who, Wish::ALL);
            self.microphone(who, true);
            if self.people[who].load.encodings > 0 {
                self.camera(who, true);
            }
        }
        let end = self.world.now + WELL;
        let people = self.people.clone();
        let seen = self.world.run_until(end, |world| {
            pairs(&people).all(|(viewer, of)| {
                let (shown, tallest) = (picture(world, viewer, of), people[of].tallest());
                let is_moving =
                    |track: &Track| track.last_frame.is_some_and(|at| world.now - at <= people[viewer].line.picture);
                tallest == 0 || shown.is_some_and(|track| i32::from(track.height) == tallest && is_moving(track))
            })
        });
        let heights: Vec<_> =
            pairs(&people).map(|(viewer, of)| (viewer, of, height(&self.world, viewer, of))).collect();
        assert!(seen, "seed {}: {heights:?} in the end", self.seed);
        // Whatever was lost before has been repaired or given up.
        let calm = people.iter().map(|person| person.calm).max().unwrap_or(self.world.now);
        self.world.run(calm.saturating_duration_since(self.world.now) + Duration::from_secs(1));
        let before: Vec<_> = self.counts();
        self.world.run(Duration::from_secs(2));
        for ((viewer, of), (before, after)) in pairs(&people).zip(before.into_iter().zip(self.counts())) {
            let what = format!("seed {}: {of} at {viewer} in the end", self.seed);
            let wanted =
                u64::from(people[of].load.frames_per_second) * if people[of].load.encodings > 0 { 2 } else { 0 };
            assert!(after.frames + 2 >= before.frames + wanted, "{what}: {before:?} {after:?} of {wanted}");
            assert!(after.speech >= before.speech + 98, "{what}: {before:?} {after:?}");
            assert_eq!(after.holes, before.holes, "{what}: holes in the speech");
        }
        self.look();
    }

    fn counts(&self) -> Vec<Count> {
        let count = |(viewer, of)| {
            let (picture, speech) = (picture(&self.world, viewer, of), speech(&self.world, viewer, of));
            Count {
                frames: picture.map_or(0, |track| track.frames_decoded),
                speech: speech.map_or(0, |track| track.frames_decoded),
                holes: speech.map_or(0, |track| track.broken),
            }
        };
        pairs(&self.people).map(count).collect()
    }

    /// Compares what is with the model.
    fn look(&self) {
        for (who, bot) in self.world.bots.iter().enumerate() {
            assert_eq!(bot.undecryptable, 0, "seed {}: SRTP at {who}", self.seed);
            self.look_at_what_is_told(who);
        }
        for (viewer, of) in pairs(&self.people) {
            let what = format!("seed {} after {:?}: {of} at {viewer}", self.seed, self.world.elapsed());
            self.look_at_pair(viewer, of, &what);
        }
    }

    fn look_at_pair(&self, viewer: usize, of: usize, what: &str) {
        let (now, a, b) = (self.world.now, &self.people[viewer], &self.people[of]);
        if let Some(track) = picture(&self.world, viewer, of) {
            assert!(track.faults.is_empty(), "{what}: {:?}", track.faults);
        }
        if now < a.calm || now < b.calm {
            return;
        }
        let age = |track: Option<&Track>| track.and_then(|t| t.last_frame).map_or(Duration::MAX, |at| now - at);
        if b.microphone {
            let age = age(speech(&self.world, viewer, of));
            assert!(age <= a.line.speech + b.line.speech, "{what}: not heard for {age:?}");
        }
        let wished = a.wish.height(of).min(if b.camera { b.tallest() } else { 0 });
        if now < a.granted || a.wish.last_n >= 0 || wished == 0 {
            return;
        }
        let age = age(picture(&self.world, viewer, of));
        assert!(age <= a.line.picture + b.line.picture, "{what}: not seen for {age:?}");
        let height = i32::from(height(&self.world, viewer, of));
        assert!(height <= wished.max(height_of(0)), "{what}: {height} tall, and no more than {wished} wanted");
    }

    /// No more is forwarded to somebody than it wants, and it is told so; no more is asked of somebody than others want.
    fn look_at_what_is_told(&self, who: usize) {
        let (now, person) = (self.world.now, &self.people[who]);
        if now >= person.granted
            && now >= person.calm
            && let Some(told) = self.told(who, "ForwardedSources")
        {
            let count = told["forwardedSources"].as_array().map_or(0, Vec::len);
            let last_n = usize::try_from(person.wish.last_n).unwrap_or(usize::MAX);
            assert!(count <= last_n, "seed {}: {who} wants {last_n} and gets {count}", self.seed);
        }
        let others = || self.people.iter().enumerate().filter(|(other, _)| *other != who);
        if now < person.calm || others().any(|(_, other)| now < other.granted || now < other.calm) {
            return;
        }
        let wanted = others().map(|(_, other)| if other.wish.last_n == 0 { 0 } else { other.wish.height(who) }).max();
        if let (Some(told), Some(wanted)) = (self.told(who, "SenderSourceConstraints"), wanted) {
            let asked = told["maxHeight"].as_i64().unwrap_or(i64::MAX);
            assert!(asked <= i64::from(wanted), "seed {}: {asked} asked of {who}, {wanted} wanted", self.seed);
        }
    }

    fn told(&self, who: usize, class: &str) -> Option<&Value> {
        self.world.messages.get(&who)?.iter().rev().find(|message| message["colibriClass"] == class)
    }
}

/// What somebody has got of somebody.
#[derive(Debug, Clone, Copy)]
struct Count {
    frames: u64,
    speech: u64,
    holes: u64,
}

/// As its client names the camera of a bot.
fn name_of(who: usize) -> String {
    format!("{:08x}-v0", who + 1)
}

/// Everybody with everybody else: who sees, and whom.
fn pairs(people: &[Person]) -> impl Iterator<Item = (usize, usize)> + use<> {
    let count = people.len();
    (0..count).flat_map(move |viewer| (0..count).filter(move |of| *of != viewer).map(move |of| (viewer, of)))
}

fn picture(world: &World, viewer: usize, of: usize) -> Option<&Track> {
    world.bots[viewer].receiver.tracks.get(&world.bots[of].video_ssrc()?)
}

fn speech(world: &World, viewer: usize, of: usize) -> Option<&Track> {
    world.bots[viewer].receiver.tracks.get(&world.bots[of].sender.audio_ssrc)
}

fn height(world: &World, viewer: usize, of: usize) -> u16 {
    picture(world, viewer, of).map_or(0, |track| track.height)
}

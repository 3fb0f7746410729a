//! Cameras, sound cards and the panel of this machine, for a room that is itself in the meeting.

use board_config::{Board, Config, Flags, Gpio};
use room_hal::Presence;
use serde::Serialize;

use crate::kernel_files::KernelFiles;
use crate::{config, machine};

/// What is attached. The names are those of `moothall status --json`, which scripts read: they may become more, never other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Devices {
    pub(crate) cameras: Vec<Camera>,
    pub(crate) sound_cards: Vec<SoundCard>,
    /// Many boards have none.
    pub(crate) panel: Option<Panel>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Camera {
    pub(crate) name: String,
    pub(crate) node: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SoundCard {
    /// ALSA's, which unlike its number is the same at every start.
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Button and light.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Panel {
    /// Label of the GPIO chip.
    pub(crate) chip: String,
    /// Whether the chip is there. Not everybody is told.
    pub(crate) present: Option<bool>,
}

/// What is attached to this machine.
pub(crate) fn found() -> Devices {
    let panel = gpio().map(|gpio| Panel::of(&gpio));
    Devices { panel, ..listed(&KernelFiles::here()) }
}

/// Without a panel: whether that is there is not a matter of files alone.
pub(crate) fn listed(files: &KernelFiles) -> Devices {
    Devices { cameras: cameras(files), sound_cards: sound_cards(files), panel: None }
}

/// A configuration that is refused, or is not for us, says nothing of the board.
fn gpio() -> Option<Gpio> {
    let flags = Flags::default();
    let config = config::load(&[], &flags).or_else(|_| Config::layered(&[], &flags, &machine::found())).ok()?;
    Board::named(&config.board?).ok()?.gpio
}

impl Panel {
    fn of(gpio: &Gpio) -> Self {
        let present = match room_hal::presence(gpio) {
            Presence::Present => Some(true),
            Presence::Absent => Some(false),
            Presence::Unknown => None,
        };
        Self { chip: gpio.chip.clone(), present }
    }
}

/// The first node of each camera; the others are its metadata, and codecs have nodes too.
fn cameras(files: &KernelFiles) -> Vec<Camera> {
    let mut nodes = files.list("sys/class/video4linux");
    nodes.retain(|node| node.starts_with("video"));
    // `video10` is after `video9`.
    nodes.sort_by_key(|node| (node.len(), node.clone()));
    nodes.into_iter().filter_map(|node| camera(files, node)).collect()
}

fn camera(files: &KernelFiles, node: String) -> Option<Camera> {
    let read = |file: &str| files.read(&format!("sys/class/video4linux/{node}/{file}"));
    let first = read("index").is_none_or(|index| index == "0");
    // udev has asked the device itself. Where it does not run, names have to do.
    let captures = read("dev").and_then(|number| files.read(&format!("run/udev/data/c{number}"))).and_then(|data| {
        let capabilities = data.lines().find_map(|line| line.strip_prefix("E:ID_V4L_CAPABILITIES="))?;
        Some(capabilities.contains(":capture:"))
    });
    let name = read("name")?;
    let processes = ["codec", "isp", "dec", "enc"].iter().any(|word| name.contains(word));
    (first && captures != Some(false) && !processes).then(|| Camera { name, node: format!("/dev/{node}") })
}

/// ` 0 [Device         ]: USB-Audio - USB Speakerphone`, and a second line for each.
fn sound_cards(files: &KernelFiles) -> Vec<SoundCard> {
    let table = files.read("proc/asound/cards").unwrap_or_default();
    let card = |line: &str| {
        let (id, driver) = line.split_once('[')?.1.split_once("]: ")?;
        let (_, name) = driver.split_once(" - ")?;
        Some(SoundCard { id: id.trim().to_owned(), name: name.to_owned() })
    };
    table.lines().filter_map(card).collect()
}

impl Devices {
    /// Rows as of `moothall status`: a word, and what it is about.
    pub(crate) fn text(&self) -> String {
        let cameras = self.cameras.iter().map(|camera| format!("camera {} at {}", camera.name, camera.node));
        let cards = self.sound_cards.iter().map(|card| format!("sound card {}: {}", card.id, card.name));
        let panel = self.panel.iter().map(|panel| format!("panel at GPIO chip {}{}", panel.chip, panel.absence()));
        let rows = (0..).zip(cameras.chain(cards).chain(panel));
        rows.map(|(index, row)| format!("  {:12} {row}\n", if index == 0 { "devices" } else { "" })).collect()
    }
}

impl Panel {
    pub(crate) fn absence(&self) -> &'static str {
        match self.present {
            Some(true) => "",
            Some(false) => ", which is missing",
            None => ", as far as there is one (ask as root)",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const VIDEO: &str = "sys/class/video4linux";

    pub(crate) fn camera_and_speakerphone(name: &str) -> KernelFiles {
        let video = |node: &str, what: &str| format!("{VIDEO}/{node}/{what}");
        let files = [
            (video("video0", "name"), "USB Camera"),
            (video("video0", "index"), "0"),
            (video("video1", "name"), "USB Camera"),
            (video("video1", "index"), "1"),
            (video("video10", "name"), "bcm2835-codec-decode"),
            (video("v4l-subdev0", "name"), "sensor"),
            (
                "proc/asound/cards".to_owned(),
                " 0 [Jabra          ]: USB-Audio - Jabra SPEAK 510\n                      at usb-1.2, full speed\n",
            ),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        KernelFiles::of(name, &files)
    }

    #[test]
    fn cameras_and_sound_cards_are_listed_by_name() {
        let found = listed(&camera_and_speakerphone("devices"));
        assert_eq!(found.cameras, [Camera { name: "USB Camera".to_owned(), node: "/dev/video0".to_owned() }]);
        let jabra = SoundCard { id: "Jabra".to_owned(), name: "Jabra SPEAK 510".to_owned() };
        assert_eq!(found.sound_cards, [jabra]);
        assert_eq!(listed(&KernelFiles::of("no-devices", &[])), Devices::default());
    }

    #[test]
    fn what_only_plays_or_converts_is_no_camera_where_udev_knows() {
        let mut files = Vec::new();
        for (node, capabilities) in [(0, ":video_output:"), (2, ":"), (9, ":capture:"), (10, ":capture:")] {
            files.push((format!("{VIDEO}/video{node}/name"), format!("device {node}")));
            files.push((format!("{VIDEO}/video{node}/index"), "0\n".to_owned()));
            files.push((format!("{VIDEO}/video{node}/dev"), format!("81:{node}\n")));
            let data = format!("I:5\nE:ID_V4L_VERSION=2\nE:ID_V4L_CAPABILITIES={capabilities}\nG:systemd\n");
            files.push((format!("run/udev/data/c81:{node}"), data));
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let found = listed(&KernelFiles::of("udev", &files));
        let names: Vec<&str> = found.cameras.iter().map(|camera| camera.name.as_str()).collect();
        assert_eq!(names, ["device 9", "device 10"]);
    }

    #[test]
    fn people_get_rows_and_scripts_fields() {
        let panel = |present| Some(Panel { chip: "gpio3".to_owned(), present });
        let found = Devices { panel: panel(Some(false)), ..listed(&camera_and_speakerphone("device-rows")) };
        assert_eq!(
            found.text(),
            "\x20 devices      camera USB Camera at /dev/video0\n\
             \x20              sound card Jabra: Jabra SPEAK 510\n\
             \x20              panel at GPIO chip gpio3, which is missing\n"
        );
        let fields = serde_json::to_value(&found).unwrap();
        assert_eq!(
            (&fields["cameras"][0]["node"], &fields["sound_cards"][0]["id"]),
            (&"/dev/video0".into(), &"Jabra".into())
        );
        assert_eq!(fields["panel"]["present"], false);
        assert_eq!(
            Devices { panel: panel(Some(true)), ..Devices::default() }.text(),
            "  devices      panel at GPIO chip gpio3\n"
        );
        assert_eq!(Devices::default().text(), "");
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let found = found();
        assert!(found.cameras.iter().all(|camera| camera.node.starts_with("/dev/video")));
    }
}

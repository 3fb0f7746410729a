//! The video devices that the kernel has: cameras and codecs.
//!
//! Enumeration is knowledge for people and for the reason of a choice; what decides is the trial run. Three traps of the `v4l`
//! crate are avoided here, since a release aborts where it panics:
//!
//! - It panics on controls of types it does not know (stateless decoders, newer cameras), so controls are asked for one by one,
//!   by the numbers that an encoder has.
//! - It panics on names that are not UTF-8, so such a device is not asked; the kernel cuts names off at 31 bytes, wherever a
//!   letter ends.
//! - It asks for the formats of single-planar devices only. A multi-planar one, as most codecs of boards are, is asked for the
//!   sizes of H.264: it has sizes if it has the format.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use v4l::capability::Flags;
use v4l::control::Value;
use v4l::format::FourCC;
use v4l::framesize::{FrameSize, FrameSizeEnum};
use v4l::video::{Capture, Output};

use crate::bounded::{Outcome, bounded};

/// A board with all its codecs and processing has about twenty.
const MAX_DEVICES: usize = 64;
/// A camera has some dozen sizes.
const MAX_SIZES: usize = 128;
/// What is asked is in the memory of the driver.
const ANSWERS: Duration = Duration::from_secs(2);
const H264: &[u8; 4] = b"H264";
/// `VIDIOC_G_EXT_CTRLS` of a control that does not exist.
const EINVAL: i32 = 22;

/// Controls of an encoder: `linux/v4l2-controls.h`.
const CONTROLS: [(&str, u32); 8] = [
    ("gop_size", 0x0099_09cb),
    ("bitrate_mode", 0x0099_09ce),
    (BITRATE, 0x0099_09cf),
    ("repeat_sequence_header", 0x0099_09e2),
    (FORCE_KEY_FRAME, 0x0099_09e5),
    ("h264_i_frame_period", 0x0099_0a66),
    ("h264_level", 0x0099_0a67),
    ("h264_profile", 0x0099_0a6b),
];
const BITRATE: &str = "bitrate";
const FORCE_KEY_FRAME: &str = "force_key_frame";

/// A video device, as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub path: PathBuf,
    /// `None`: it did not answer (`VIDIOC_QUERYCAP`), and [`error`](Self::error) says why.
    pub driver: Option<Driver>,
    pub roles: Vec<Role>,
    pub formats: Vec<PixelFormat>,
    /// Of an encoder; cameras have others.
    pub controls: Vec<Control>,
    pub error: Option<String>,
}

/// `VIDIOC_QUERYCAP`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    pub name: String,
    pub version: String,
    pub card: String,
    pub bus: String,
}

/// What a device does with pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Capture,
    Output,
    /// Pictures in, other pictures out: codecs and scalers.
    MemoryToMemory,
    MultiPlanar,
}

/// `VIDIOC_ENUM_FMT`, or for multi-planar devices that there are sizes for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelFormat {
    /// Four characters.
    pub fourcc: String,
    pub description: String,
    /// What the device gives, not what it takes. `None`: multi-planar, so nobody says.
    pub gives: Option<bool>,
    pub sizes: Vec<Sizes>,
}

/// `VIDIOC_ENUM_FRAMESIZES`: one size, or all from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    pub least: (u32, u32),
    pub most: (u32, u32),
}

/// A control that a device has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub name: String,
    /// As it is set. `None`: it can only be written, as a button.
    pub value: Option<i64>,
}

impl Device {
    /// Whether it is an H.264 encoder with a rate control. That it is one does not mean that it works.
    pub fn encodes_h264(&self) -> bool {
        let h264 = |format: &PixelFormat| format.fourcc == "H264" && format.gives != Some(false);
        self.roles.contains(&Role::MemoryToMemory)
            && self.formats.iter().any(h264)
            // A decoder knows the format, but has no bit rate.
            && self.has(BITRATE)
    }

    /// Whether it says that it makes key frames when asked.
    pub fn makes_key_frames(&self) -> bool {
        self.has(FORCE_KEY_FRAME)
    }

    fn has(&self, control: &str) -> bool {
        self.controls.iter().any(|one| one.name == control)
    }

    pub(crate) fn driver_and_version(&self) -> Option<String> {
        self.driver.as_ref().map(|driver| format!("{} {}", driver.name, driver.version))
    }
}

/// All video devices, by number. Where there are none, there are none: that is no error.
pub fn devices() -> Vec<Device> {
    devices_in(Path::new("/dev"), Path::new("/sys/class/video4linux"))
}

fn devices_in(dev: &Path, class: &Path) -> Vec<Device> {
    let entries = fs::read_dir(dev).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("video")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let inspected = |number: &u32| {
        let name = format!("video{number}");
        inspect_bounded(&dev.join(&name), &class.join(&name).join("name"))
    };
    numbers.iter().take(MAX_DEVICES).map(inspected).collect()
}

fn inspect_bounded(path: &Path, name: &Path) -> Device {
    let (its_path, its_name) = (path.to_owned(), name.to_owned());
    let outcome = bounded(ANSWERS, ANSWERS, move |answer| {
        let _ = answer.send(inspect(&its_path, &its_name));
    });
    match outcome {
        Outcome::Done(device) | Outcome::NotReleased(device) => device,
        Outcome::Hung => Device::unknown(path, "it does not answer".to_owned()),
    }
}

fn inspect(path: &Path, name: &Path) -> Device {
    if fs::read(name).is_ok_and(|name| String::from_utf8(name).is_err()) {
        return Device::unknown(path, "its name is no text".to_owned());
    }
    match v4l::Device::with_path(path).and_then(|device| Ok((device.query_caps()?, device))) {
        Ok((capabilities, device)) => Device::of(path, capabilities, &device),
        Err(error) => Device::unknown(path, error.to_string()),
    }
}

impl Device {
    fn unknown(path: &Path, error: String) -> Self {
        let path = path.to_owned();
        Self { path, driver: None, roles: Vec::new(), formats: Vec::new(), controls: Vec::new(), error: Some(error) }
    }

    fn of(path: &Path, capabilities: v4l::capability::Capabilities, device: &v4l::Device) -> Self {
        let roles = roles(capabilities.capabilities);
        let (major, minor, patch) = capabilities.version;
        let memory_to_memory = roles.contains(&Role::MemoryToMemory);
        Self {
            path: path.to_owned(),
            driver: Some(Driver {
                name: capabilities.driver,
                version: format!("{major}.{minor}.{patch}"),
                card: capabilities.card,
                bus: capabilities.bus,
            }),
            formats: formats(device, &roles),
            controls: if memory_to_memory { controls(|id| device.control(id)) } else { Vec::new() },
            roles,
            error: None,
        }
    }
}

fn roles(flags: Flags) -> Vec<Role> {
    let known = [
        (Flags::VIDEO_CAPTURE | Flags::VIDEO_CAPTURE_MPLANE, Role::Capture),
        (Flags::VIDEO_OUTPUT | Flags::VIDEO_OUTPUT_MPLANE, Role::Output),
        (Flags::VIDEO_M2M | Flags::VIDEO_M2M_MPLANE, Role::MemoryToMemory),
        (Flags::VIDEO_CAPTURE_MPLANE | Flags::VIDEO_OUTPUT_MPLANE | Flags::VIDEO_M2M_MPLANE, Role::MultiPlanar),
    ];
    known.into_iter().filter(|(bits, _)| flags.intersects(*bits)).map(|(_, role)| role).collect()
}

fn formats(device: &v4l::Device, roles: &[Role]) -> Vec<PixelFormat> {
    let sizes = |fourcc| Capture::enum_framesizes(device, fourcc).map(of_sizes).unwrap_or_default();
    if roles.contains(&Role::MultiPlanar) {
        let sizes = sizes(FourCC::new(H264));
        let h264 = PixelFormat { fourcc: "H264".to_owned(), description: "H.264".to_owned(), gives: None, sizes };
        return Some(h264).filter(|format| !format.sizes.is_empty()).into_iter().collect();
    }
    let given = Capture::enum_formats(device).unwrap_or_default().into_iter().map(|format| (format, true));
    let taken = Output::enum_formats(device).unwrap_or_default().into_iter().map(|format| (format, false));
    let told = |(format, gives): (v4l::format::Description, bool)| PixelFormat {
        fourcc: String::from_utf8_lossy(&format.fourcc.repr).into_owned(),
        description: format.description,
        gives: Some(gives),
        sizes: sizes(format.fourcc),
    };
    given.chain(taken).map(told).collect()
}

fn of_sizes(sizes: Vec<FrameSize>) -> Vec<Sizes> {
    let told = |size: FrameSize| match size.size {
        FrameSizeEnum::Discrete(one) => Sizes { least: (one.width, one.height), most: (one.width, one.height) },
        FrameSizeEnum::Stepwise(all) => {
            Sizes { least: (all.min_width, all.min_height), most: (all.max_width, all.max_height) }
        }
    };
    sizes.into_iter().take(MAX_SIZES).map(told).collect()
}

fn controls(read: impl Fn(u32) -> io::Result<v4l::Control>) -> Vec<Control> {
    let there = |&(name, id): &(&str, u32)| {
        let value = match read(id) {
            Ok(control) => match control.value {
                Value::Integer(value) => Some(value),
                Value::Boolean(value) => Some(i64::from(value)),
                _ => None,
            },
            Err(error) if error.raw_os_error() == Some(EINVAL) => return None,
            // A button cannot be read (EACCES), but it is there; a file that is no device (ENOTTY) has none.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(_) => return None,
        };
        Some(Control { name: name.to_owned(), value })
    };
    CONTROLS.iter().filter_map(there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("encoder-probe-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn where_there_are_no_devices_there_are_none() {
        assert_eq!(devices_in(Path::new("/no/such/folder"), Path::new("/no/such/folder")), []);
        let empty = folder("empty");
        assert_eq!(devices_in(&empty, &empty), []);
        fs::remove_dir_all(empty).unwrap();
    }

    #[test]
    fn what_is_no_video_device_is_listed_with_what_is_wrong() {
        let dev = folder("dev");
        for name in ["video10", "video2", "videos", "video-x", "vbi0"] {
            fs::write(dev.join(name), "").unwrap();
        }
        let devices = devices_in(&dev, &dev);
        let names: Vec<_> = devices.iter().map(|device| device.path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["video2", "video10"]);
        assert!(devices.iter().all(|device| device.driver.is_none() && device.error.is_some()), "{devices:?}");
        fs::remove_dir_all(dev).unwrap();
    }

    #[test]
    fn a_name_that_is_cut_off_within_a_letter_is_no_panic() {
        let root = folder("name");
        fs::create_dir(root.join("video0")).unwrap();
        fs::write(root.join("video0/name"), &"kamera é".as_bytes()[..8]).unwrap();
        let device = inspect(&root.join("video0"), &root.join("video0/name"));
        assert_eq!(device.error.as_deref(), Some("its name is no text"));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn an_encoder_is_told_from_a_decoder_by_its_controls() {
        let mut device = Device::unknown(Path::new("/dev/video11"), String::new());
        device.roles = roles(Flags::VIDEO_M2M_MPLANE);
        assert_eq!(device.roles, [Role::MemoryToMemory, Role::MultiPlanar]);
        let sizes = vec![Sizes { least: (32, 32), most: (1920, 1920) }];
        let h264 = PixelFormat { fourcc: "H264".to_owned(), description: String::new(), gives: None, sizes };
        device.formats = vec![h264];
        assert!(!device.encodes_h264());
        device.controls = controls(|id| match id {
            0x0099_09cf => Ok(v4l::Control { id, value: Value::Integer(10_000_000) }),
            0x0099_09e5 => Err(io::Error::from_raw_os_error(13)),
            _ => Err(io::Error::from_raw_os_error(EINVAL)),
        });
        assert!(device.encodes_h264() && device.makes_key_frames());
        assert_eq!(device.controls.len(), 2);
    }
}

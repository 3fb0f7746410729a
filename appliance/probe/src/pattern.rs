//! Pictures to encode: a texture that moves evenly, with noise on it, so that an encoder has something to do and a bit rate can
//! be kept. A flat picture would cost nothing, and every encoder would stay below its bit rate.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::VideoFormat;

use crate::level::Format;

/// As many as are made: the texture repeats after them. They are shared, not copied: 4 x 3 MB at 1920x1080.
const PICTURES: u32 = 4;
/// Pixels from one picture to the next.
const STEP: u32 = 8;
const PERIOD: u32 = PICTURES * STEP;

/// Pictures in I420, to be shown over and over.
#[derive(Debug)]
pub(crate) struct Pattern {
    info: gst_video::VideoInfo,
    pictures: Vec<Arc<[u8]>>,
}

impl Pattern {
    /// `None`: no video is of that size.
    pub(crate) fn new(format: Format) -> Option<Self> {
        let fps = gst::Fraction::new(i32::try_from(format.fps).ok()?, 1);
        let info =
            gst_video::VideoInfo::builder(VideoFormat::I420, format.width, format.height).fps(fps).build().ok()?;
        let mut noise = Noise(0x2545_f491);
        let pictures = (0..PICTURES).map(|number| draw(&info, number * STEP, &mut noise)).collect();
        Some(Self { info, pictures })
    }

    pub(crate) fn caps(&self) -> Option<gst::Caps> {
        self.info.to_caps().ok()
    }

    /// The picture with this number, with its time.
    pub(crate) fn buffer(&self, number: u32) -> Option<gst::Buffer> {
        let picture = self.pictures.get(usize::try_from(number % PICTURES).ok()?)?;
        let mut buffer = gst::Buffer::from_slice(Arc::clone(picture));
        let fps = u64::try_from(self.info.fps().numer()).ok()?.max(1);
        let time = |number: u64| gst::ClockTime::from_nseconds(number * 1_000_000_000 / fps);
        let now = time(u64::from(number));
        let buffer_ref = buffer.get_mut()?;
        buffer_ref.set_pts(now);
        buffer_ref.set_duration(time(u64::from(number) + 1) - now);
        Some(buffer)
    }
}

fn draw(info: &gst_video::VideoInfo, shift: u32, noise: &mut Noise) -> Arc<[u8]> {
    let mut picture = vec![128; info.size()];
    let luma = info.offset().get(1).copied().unwrap_or_default();
    let stride = info.stride().first().and_then(|stride| usize::try_from(*stride).ok()).unwrap_or(1).max(1);
    let rows = picture.get_mut(..luma).into_iter().flat_map(|plane| plane.chunks_mut(stride));
    for (y, row) in (0u32..).zip(rows) {
        for (x, pixel) in (0u32..).zip(row) {
            let texture = (x + y / 4 + shift) % PERIOD * 4;
            let shade = 64 + texture.min(4 * PERIOD - texture) + noise.next();
            *pixel = u8::try_from(shade).unwrap_or(u8::MAX);
        }
    }
    picture.into()
}

/// Xorshift: the same at every run.
struct Noise(u32);

impl Noise {
    /// 0 to 15.
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 >> 28
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_move_and_have_times() {
        gst::init().unwrap();
        let pattern = Pattern::new(Format { width: 426, height: 240, fps: 30, bitrate: 1 }).unwrap();
        let [first, second] = [0, 1].map(|number| pattern.buffer(number).unwrap());
        // Rows are a multiple of four bytes long.
        assert_eq!(first.size(), 428 * 240 + 2 * 216 * 120);
        assert_eq!(second.pts().unwrap().mseconds(), 33);
        let [first, second] = [first, second].map(|buffer| buffer.map_readable().unwrap().to_vec());
        let differ = first.iter().zip(&second).filter(|(a, b)| a != b).count();
        assert!(differ > 90_000, "{differ} of 100000 pixels differ");
        assert!(first[..428].iter().max() > Some(&120) && first[..428].iter().min() < Some(&90));
    }

    #[test]
    fn what_is_no_size_makes_no_pictures() {
        gst::init().unwrap();
        assert!(Pattern::new(Format { width: 0, height: 0, fps: 30, bitrate: 1 }).is_none());
    }
}

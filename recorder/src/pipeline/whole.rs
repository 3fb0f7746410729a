//! Up to where a file that was cut off is whole.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Length of the head and all whole fragments of an MP4 file (ISO 14496-12 8.8); zero if there is none.
pub fn mp4(mut file: &File) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    let (mut at, mut whole) = (0, 0);
    while let Some(next) = next_box(file, at, end)? {
        at = next.end;
        // A fragment is whole when the media of its description is.
        if !matches!(&next.kind, b"moof" | b"ftyp") {
            whole = at;
        }
    }
    Ok(whole)
}

struct NextBox {
    kind: [u8; 4],
    end: u64,
}

/// None if there is none that is whole.
fn next_box(mut file: &File, at: u64, end: u64) -> io::Result<Option<NextBox>> {
    let mut header = [0; 16];
    file.seek(SeekFrom::Start(at))?;
    let length = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(header.len());
    let Some(header) = header.get_mut(..length) else { return Ok(None) };
    file.read_exact(header)?;
    let Some(([s0, s1, s2, s3, kind @ ..], rest)) = header.split_first_chunk::<8>() else { return Ok(None) };
    let size = match u32::from_be_bytes([*s0, *s1, *s2, *s3]) {
        1 => rest.first_chunk().map_or(0, |large| u64::from_be_bytes(*large)),
        size => u64::from(size),
    };
    let next = NextBox { kind: *kind, end: at.saturating_add(size) };
    Ok(Some(next).filter(|next| size >= 8 && next.end <= end))
}

/// Cuts off what is not whole, if it is an MP4 file; all others may end anywhere.
pub fn cut(mut file: &File) -> io::Result<()> {
    let mut head = [0; 8];
    file.seek(SeekFrom::Start(0))?;
    if file.read_exact(&mut head).is_ok() && head.ends_with(b"ftyp") {
        let whole = mp4(file)?;
        file.set_len(whole)?;
    }
    Ok(())
}

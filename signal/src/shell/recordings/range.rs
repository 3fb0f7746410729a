//! Parts of a file (RFC 9110, 14).

use hyper::header::{HeaderMap, IF_RANGE, RANGE};

/// What a request wants of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    /// The bytes from `first` to `last`, both included; the file has them.
    Part {
        first: u64,
        last: u64,
    },
    /// Nothing that the file has.
    Nothing,
}

/// `etag` is the file's, quoted and strong. Several parts at once, and what cannot be read, are answered with the whole, as a server
/// may.
pub(super) fn wanted(headers: &HeaderMap, len: u64, etag: &str) -> Wanted {
    // A date says less than the tag that we gave.
    let current = headers.get(IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok()).filter(|_| current);
    range.and_then(|range| part(range, len)).unwrap_or(Wanted::Whole)
}

/// `None`: as if nothing had been said.
fn part(range: &str, len: u64) -> Option<Wanted> {
    let (unit, set) = range.split_once('=')?;
    let (first, last) = set.trim().split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let end = len.checked_sub(1);
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(match end {
            Some(end) if suffix > 0 => Wanted::Part { first: len.saturating_sub(suffix), last: end },
            _ => Wanted::Nothing,
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(match end {
        Some(end) if first <= end => Wanted::Part { first, last: last.min(end) },
        _ => Wanted::Nothing,
    })
}

/// Larger than any file is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    let right = !digits.is_empty() && digits.len() <= 40 && digits.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, len: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        wanted(&headers, len, "\"1\"")
    }

    #[test]
    fn a_range_is_a_part_of_the_file() {
        assert_eq!(of("bytes=0-499", 1000), Wanted::Part { first: 0, last: 499 });
        assert_eq!(of("bytes=500-", 1000), Wanted::Part { first: 500, last: 999 });
        assert_eq!(of("Bytes=-1", 1000), Wanted::Part { first: 999, last: 999 });
        assert_eq!(of("bytes=-2000", 1000), Wanted::Part { first: 0, last: 999 });
        assert_eq!(of("bytes=999-99999999999999999999999", 1000), Wanted::Part { first: 999, last: 999 });
    }

    #[test]
    fn what_the_file_does_not_have_is_not_given() {
        for range in ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of(range, 1000), Wanted::Nothing, "{range}");
        }
        for range in ["bytes=0-", "bytes=-5"] {
            assert_eq!(of(range, 0), Wanted::Nothing, "{range} of an empty file");
        }
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        for range in
            ["bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes", "bytes=+1-2", ""]
        {
            assert_eq!(of(range, 1000), Wanted::Whole, "{range}");
        }
        assert_eq!(wanted(&HeaderMap::new(), 1000, "\"1\""), Wanted::Whole);
    }

    #[test]
    fn a_part_is_only_of_the_file_that_was_meant() {
        let with = |tag: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, "bytes=1-2".parse().unwrap());
            headers.insert(IF_RANGE, tag.parse().unwrap());
            wanted(&headers, 1000, "\"1\"")
        };
        assert_eq!(with("\"1\""), Wanted::Part { first: 1, last: 2 });
        for other in ["\"2\"", "W/\"1\"", "Sun, 29 Nov 2026 11:00:00 GMT"] {
            assert_eq!(with(other), Wanted::Whole, "{other}");
        }
    }
}

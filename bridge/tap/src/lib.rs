//! Decrypted media of a meeting, as a bridge gives it to a process beside it: a recorder, a room.
//!
//! Both ends hold one Unix socket of type `SOCK_SEQPACKET`, so that messages arrive whole and in order. A message is at most
//! [`MAX_MESSAGE`] bytes and a row of frames. Everything is big endian:
//!
//! ```text
//!  0        1        2                 4                                    12
//!  +--------+--------+-----------------+------------------------------------+---------------
//!  |  kind  |   0    | bytes of body   | microseconds since the tap began   | body ...
//!  +--------+--------+-----------------+------------------------------------+---------------
//! ```
//!
//! | kind | direction | body |
//! |---|---|---|
//! | 1 | bridge to tap | an RTP packet (RFC 3550) in the clear, without padding and header extensions; its SSRC names the stream. A tap of speech alone gets the [audio level](AUDIO_LEVEL) if the sender told it |
//! | 2 | bridge to tap | what a sender report says: SSRC (4), NTP time (8), RTP time (4) |
//! | 3 | both | a [`Note`] or an [`Answer`] in JSON |
//!
//! **It is lossy**: a bridge never waits for a tap. What does not fit the socket's buffer is counted and dropped, and a
//! [`Note::Lost`] says how much; notes are kept until they fit. A frame of an unknown kind is skipped.
//!
//! Entry rule of this crate: only the format of the tap. Sockets, files and meetings live with their owners.

mod frame;
mod note;

pub use frame::{Body, Frame, FrameError, Frames, MAX_MESSAGE, Message, Report};
pub use note::{Answer, Begin, Codec, Happening, Kind, Note, PayloadType, Stream, Wish};

/// Version of the format, which [`Begin`] bears; a tap that does not know it says so and ends.
pub const VERSION: u32 = 1;

/// Id of the header extension with the audio level (RFC 6464), in packets for a tap that gets only speech.
pub const AUDIO_LEVEL: u8 = 1;

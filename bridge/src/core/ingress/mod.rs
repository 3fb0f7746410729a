//! One incoming stream: its books, its losses, its recent past.
//!
//! The pieces know nothing of each other; the conference calls them in the order of a packet's way: [`twcc::ArrivalLog`] (one for
//! each transport, before anything is dropped), [`stream::Reception`] (every SSRC), [`rtx::restore`], [`history::History`],
//! [`nack::LossList`] and [`keyframe::Requester`] (video).

pub mod history;
pub mod keyframe;
pub mod nack;
pub mod rtx;
pub mod stream;
pub mod twcc;

/// Why an incoming stream wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A loss is due to be reported to the sender.
    Nack,
    /// Arrivals have waited long enough to be reported.
    TransportFeedback,
    /// A key frame was asked for and has not come, or may be asked for by now.
    Keyframe,
}

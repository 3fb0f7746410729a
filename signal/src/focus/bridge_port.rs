//! What the focus asks of a bridge, and what comes back. Orders carry an id; replies are events like any other.

use jitsi_wire::colibri2::{ConferenceModified, ConferenceModify, Refusal};

/// Names one [`Order`] for its [`Reply`]; never used twice in the life of a focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(pub u64);

/// One order to a bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    /// The client came over loopback: the bridge should offer loopback candidates too.
    pub client_is_local: bool,
    pub request: ConferenceModify,
}

/// What a bridge answers, or says on its own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The order was carried out.
    Done { id: OrderId, answer: ConferenceModified },
    /// The order was not carried out, not even in part.
    Refused { id: OrderId, refusal: Refusal },
    /// The bridge lost an endpoint: its ICE failed for good or it expired.
    EndpointGone { meeting_id: String, endpoint: String },
}

/// Takes orders to a bridge. Never waits: the answer comes back as an input.
pub trait BridgePort {
    fn order(&mut self, order: Order);
}

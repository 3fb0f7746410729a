//! One occupant as the focus knows it, and the one live Jingle session it may have.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use jitsi_wire::colibri2::ForceMute;
use jitsi_wire::jingle::OwnerSources;
use jitsi_wire::xmpp::{Element, Jid};

use super::OccupantKind;
use super::bridge_port::OrderId;
use super::codecs::Decodes;
use super::features::{Caps, Features};
use super::limits::Allowance;
use super::mute::Orders;
use super::recording::Told;
use crate::muc::Affiliation;

/// Bytes of a `stats-id` that the bridge is told.
const MAX_STATS_ID: usize = 64;

#[derive(Debug)]
pub(super) struct Participant {
    /// Place in the order of joining.
    pub(super) ordinal: u64,
    pub(super) jid: Jid,
    pub(super) authority: String,
    pub(super) secure: bool,
    pub(super) kind: OccupantKind,
    pub(super) affiliation: Affiliation,
    pub(super) caps: Option<Caps>,
    pub(super) stats_id: Option<String>,
    pub(super) knowledge: Knowledge,
    pub(super) session: Option<Session>,
    /// The bridge has, or is being asked for, an endpoint of this participant.
    pub(super) at_bridge: bool,
    /// The client ended its session and wants no other.
    pub(super) declined: bool,
    /// No invitation before this.
    pub(super) retry_at: Option<Instant>,
    /// Sessions in a row that the bridge did not give.
    pub(super) failures: u32,
    pub(super) allowance: Allowance,
    /// The start-muted policy has been told with the first offer.
    pub(super) invited_before: bool,
    /// What moderators told this participant to mute.
    pub(super) mute_orders: Orders,
    pub(super) decodes: Decodes,
    /// What its presence says, as far as a recording keeps it.
    pub(super) seen: Told,
    /// It encrypts its media for the other participants alone.
    pub(super) encrypts: bool,
}

/// What is known of the client's features.
#[derive(Debug)]
pub(super) enum Knowledge {
    /// The query with this id is out.
    Asked {
        iq: String,
        until: Instant,
    },
    Known(Features),
}

/// The life of a session. An ended one is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The bridge has been asked for an endpoint.
    Allocating(OrderId),
    /// session-initiate is out.
    Offered,
    /// session-accept has come.
    Accepted,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) stage: Stage,
    pub(super) sid: String,
    /// Id of `bridge-session`, by which the client names this session in reports.
    pub(super) bridge_session: String,
    /// Id of the IQ with session-initiate.
    pub(super) offer_iq: String,
    /// Everything the client has been told about each owner.
    pub(super) announced: BTreeMap<String, Arc<OwnerSources>>,
    /// Candidates taken from the client so far.
    pub(super) candidates: usize,
    /// Of the bridge's credentials, once ICE has been restarted.
    pub(super) ice_generation: Option<u32>,
    /// What the bridge drops of this participant.
    pub(super) force_mute: ForceMute,
}

/// What the router says about somebody who joins.
pub(super) struct Arrival<'a> {
    pub(super) jid: &'a Jid,
    pub(super) presence: &'a Element,
    pub(super) authority: &'a str,
    pub(super) secure: bool,
    pub(super) network: Option<IpAddr>,
    pub(super) affiliation: Affiliation,
    pub(super) kind: OccupantKind,
}

impl Participant {
    pub(super) fn new(ordinal: u64, arrival: &Arrival<'_>, knowledge: Knowledge, allowance: Allowance) -> Self {
        Participant {
            ordinal,
            jid: arrival.jid.clone(),
            authority: arrival.authority.to_owned(),
            secure: arrival.secure,
            kind: arrival.kind,
            affiliation: arrival.affiliation,
            caps: Caps::of(arrival.presence),
            stats_id: arrival.presence.child_text("stats-id").filter(|id| !id.is_empty() && id.len() <= MAX_STATS_ID),
            knowledge,
            session: None,
            at_bridge: false,
            declined: false,
            retry_at: None,
            failures: 0,
            allowance,
            invited_before: false,
            mute_orders: Orders::default(),
            decodes: Decodes::of(arrival.presence),
            seen: Told::default(),
            encrypts: false,
        }
    }

    /// Counts as somebody to talk with.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.kind, OccupantKind::Regular | OccupantKind::Gateway)
    }

    pub(super) fn features(&self) -> Option<Features> {
        match self.knowledge {
            Knowledge::Asked { .. } => None,
            Knowledge::Known(features) => Some(features),
        }
    }

    pub(super) fn is_owner(&self) -> bool {
        self.affiliation == Affiliation::Owner
    }

    /// Can be given a new session after the old one ended.
    pub(super) fn is_movable(&self) -> bool {
        !self.caps.as_ref().is_some_and(Caps::is_gst_meet)
    }

    pub(super) fn stage(&self) -> Option<Stage> {
        self.session.as_ref().map(|s| s.stage)
    }

    /// May be invited at `now`.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        self.session.is_none()
            && !self.declined
            && self.features().is_some()
            && self.retry_at.is_none_or(|at| at <= now)
    }
}

//! Standing and rights of an occupant.

/// Long-lived standing of an address in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Affiliation {
    Owner,
    Admin,
    Member,
    #[default]
    None,
    Outcast,
}

impl Affiliation {
    pub fn as_str(self) -> &'static str {
        match self {
            Affiliation::Owner => "owner",
            Affiliation::Admin => "admin",
            Affiliation::Member => "member",
            Affiliation::None => "none",
            Affiliation::Outcast => "outcast",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "owner" => Affiliation::Owner,
            "admin" => Affiliation::Admin,
            "member" => Affiliation::Member,
            "none" => Affiliation::None,
            "outcast" => Affiliation::Outcast,
            _ => return None,
        })
    }

    /// The role that an occupant of this standing has. Owners and only owners moderate: the 2022 client believes in a
    /// moderator only when both are there.
    pub fn role(self) -> Role {
        match self {
            Affiliation::Owner => Role::Moderator,
            Affiliation::Admin | Affiliation::Member | Affiliation::None => Role::Participant,
            Affiliation::Outcast => Role::None,
        }
    }
}

/// What only moderators write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChatRestrictions {
    /// To everybody.
    pub group: bool,
    /// To a single one.
    pub private: bool,
}

/// What an occupant may do while it is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Moderator,
    Participant,
    Visitor,
    None,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Moderator => "moderator",
            Role::Participant => "participant",
            Role::Visitor => "visitor",
            Role::None => "none",
        }
    }
}

use std::{sync::Arc, time::Duration};

use crate::{access::Access, backlogs::Backlogs, bus::BusPort, sightings::Sightings, understood::Understood};

/// What a room may hold and how long it waits.
#[derive(Debug, Clone)]
pub struct RoomLimits {
    /// Sessions in it; beyond it a join is refused.
    pub n_sessions_max: usize,
    /// What the backlogs of all rooms take together.
    pub backlogs: Arc<Backlogs>,
    /// How long a join waits for the database.
    pub read_timeout: Duration,
    /// What WELCOME says of the heartbeat, in seconds.
    pub heartbeat_seconds: u64,
    /// How old a message may be that its author edits; none for any age.
    pub edit_window: Option<Duration>,
    /// Whether messages may be changed once they are stored.
    pub understood: Understood,
    /// Where it says what the same room on other servers is to hear.
    pub bus: BusPort,
    /// Who may do what, as far as it concerns all rooms.
    pub access: Access,
    /// Where it says what whoever watches may want to know.
    pub sightings: Sightings,
}

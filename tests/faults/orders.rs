//! What a world tells its clients while they live.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::time::Instant;

/// What everybody is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Write, go and come as you like.
    Traffic,
    /// Nothing new: send again what is not acknowledged.
    Settle,
    /// All is stored: read up to these counters, then leave.
    Finish(BTreeMap<String, i64>),
    /// Leave now.
    Stop,
}

/// What clients are told while they live.
#[derive(Debug, Clone)]
pub struct Orders {
    pub phase: Phase,
    /// Where servers can be reached.
    pub doors: Vec<SocketAddr>,
    /// Goes up each time that some of the clients are to stop reading for a while.
    pub n_stops: usize,
    /// Nobody leaves: who is gone while the database is away does not come back in until it is there.
    pub stay: bool,
    /// Since when nothing is broken; none while something is. Kept up where somebody keeps order.
    pub calm_since: Option<Instant>,
}

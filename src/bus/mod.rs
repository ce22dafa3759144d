//! What carries news between servers on one database, faster than each finds it there by asking.
//!
//! [`Bus`] is what does it; [`redis`] is one, and [`tables`] is what there is without one. Whatever it does, the database stays the truth, and no room waits for it
//! (P9 of docs/ARCHITECTURE.md).

mod frame;
mod ledger;
mod names;
mod others;
mod parts;
mod pulse;
pub mod redis;
mod status;
pub mod tables;

use std::sync::Arc;

use actix::Recipient;
use chat_metrics::Metrics;
use chat_rooms::{BusPort, CheckHeads};
use futures_util::future::LocalBoxFuture;

pub use status::{BusReport, BusState, BusStatus};

/// What carries it: takes from the port what rooms say, and gives rooms what others said.
pub trait Bus: Send {
    /// Carries, for as long as it is asked to, through whatever happens to its connections.
    fn carry(self: Box<Self>, between: Between) -> LocalBoxFuture<'static, ()>;

    /// Where rooms leave what it takes.
    fn port(&self) -> BusPort {
        BusPort::open()
    }
}

/// What a bus stands between.
#[derive(Clone)]
pub struct Between {
    /// Where rooms leave what they say, and where they hear.
    pub port: BusPort,
    /// Asks the database where rooms are, after something may have been missed.
    pub registry: Recipient<CheckHeads>,
    /// This server's name.
    pub server: Arc<str>,
    /// The database's name.
    pub database: String,
    /// Where it says how it is.
    pub status: Arc<BusStatus>,
    /// Where it counts.
    pub metrics: Arc<Metrics>,
}

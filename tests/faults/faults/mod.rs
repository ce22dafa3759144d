//! Every fault there is, in the order in which they are begun: the long ones first.

mod clock;
mod cluster;
mod failover;
mod moderation;
mod postgres;
mod readers;
mod server;
mod sqlite;

use crate::world::Fault;

pub fn all() -> Vec<Fault> {
    let mut all = Vec::new();
    all.extend(cluster::faults());
    all.extend(moderation::faults());
    all.extend(readers::faults());
    all.extend(sqlite::faults());
    all.extend(failover::faults());
    all.extend(postgres::faults());
    all.extend(server::faults());
    all.extend(clock::faults());
    all
}

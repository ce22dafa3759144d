//! A standby takes over from PostgreSQL, and the old one stays alive with all who are connected to it.

use std::net::{Ipv4Addr, SocketAddr};

use rand::RngExt;

use super::cluster::{ALONE, BUS};
use crate::{
    place::{Cluster, ClusterSpec},
    world::{Fault, Home, Spec, World},
};

/// What the standby has not had yet must still be there when it asks.
const HOME: Home = Home::Postgres(ClusterSpec { settings: &["wal_keep_size=64MB"], disk_mib: None });

pub fn faults() -> Vec<Fault> {
    let spec = Spec { home: HOME, n_servers: 2, database_proxy: true, ..Spec::POSTGRES };
    let (bus, alone) = (Spec { home: HOME, ..BUS }, Spec { home: HOME, ..ALONE });
    let about = "a synchronous standby is promoted, and the old server stays alive, read-only, with its connections";
    let over_bus = "the same under three servers with a bus, some of which are on the new one before the others";
    let by_poll = "the same under three servers without a bus";
    [
        Fault::new("failover", about, spec, |w| Box::pin(fail_over(w))),
        Fault::new("cluster-failover", over_bus, bus, |w| Box::pin(fail_over_many(w))),
        Fault::new("cluster-failover-poll", by_poll, alone, |w| Box::pin(fail_over_many(w))),
    ]
    .map(|fault| fault.bit(|ended| ended.needs("connections left to the old server")))
    .into()
}

const CONNECTED: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
/// Who waits for the standby's word that a commit was copied waits for ever, and does not notice that the client is
/// gone.
const ALL_LEFT: &str = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'realtime-chat'
    AND wait_event IS DISTINCT FROM 'SyncRep'";

async fn fail_over(world: &mut World) {
    let standby = stand_by(world).await;
    promote(world, standby).await;
    leave(world).await;
}

/// Gives the cluster a standby that has all that is acknowledged.
async fn stand_by(world: &mut World) -> Cluster {
    let parent = world.folder.0.clone();
    let cluster = world.cluster.take().expect("a cluster of one's own");
    let standby = cluster.standby(&parent, &mut world.rng).await;
    world.cluster = Some(cluster);
    // From here on nothing is acknowledged that the standby does not have.
    let synchronous = ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"];
    world.cluster().sql(&synchronous).await;
    let follows = "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'";
    world.cluster().is("the standby to follow", follows).await;
    world.acked(5).await;
    world.pause(0, 300).await;
    standby
}

/// The standby does the work from now on, and the old server takes nothing any more.
async fn promote(world: &mut World, standby: Cluster) {
    standby.sql(&["SELECT pg_promote()"]).await;
    standby.is("the standby to be promoted", "SELECT NOT pg_is_in_recovery()").await;
    world.cluster().is("somebody to be connected to the old server", CONNECTED).await;
    world.wire().lead_to(SocketAddr::from((Ipv4Addr::LOCALHOST, standby.port())));
    world.moved_to(standby);
    world.left().sql(&["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"]).await;
    world.count("connections left to the old server");
}

/// Waits until everybody is on the new server.
async fn leave(world: &mut World) {
    world.left().is("everybody to leave the old server", ALL_LEFT).await;
    world.told_back().await;
    world.acked(5).await;
}

/// Each server notices by itself, at another time: one of them stands still, half of the times, while the others move.
/// News of who is on the new server must not lead those astray who are still on the old one. Who is in the rooms stands
/// in a table that a promoted standby has empty.
async fn fail_over_many(world: &mut World) {
    let standby = stand_by(world).await;
    let frozen = if world.rng.random() { Some(world.freeze_server()) } else { None };
    promote(world, standby).await;
    if let Some(frozen) = frozen {
        world.acked(5).await;
        world.thaw_server(frozen);
        world.count("servers came later than others");
    }
    leave(world).await;
    world.all_are_right().await;
}

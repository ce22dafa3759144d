//! A standby takes over, and the old server stays alive with all who are connected to it.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{
    place::ClusterSpec,
    world::{Fault, Home, Spec, World},
};

pub fn faults() -> Vec<Fault> {
    // What the standby has not had yet must still be there when it asks.
    let settings = ClusterSpec { settings: &["wal_keep_size=64MB"], disk_mib: None };
    let spec = Spec { home: Home::Postgres(settings), n_servers: 2, database_proxy: true, ..Spec::POSTGRES };
    let about = "a synchronous standby is promoted, and the old server stays alive, read-only, with its connections";
    let failover = Fault::new("failover", about, spec, |w| Box::pin(fail_over(w)));
    vec![failover.bit(|ended| ended.needs("connections left to the old server"))]
}

const CONNECTED: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
/// Who waits for the standby's word that a commit was copied waits for ever, and does not notice that the client is
/// gone.
const ALONE: &str = "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'realtime-chat'
    AND wait_event IS DISTINCT FROM 'SyncRep'";

async fn fail_over(world: &mut World) {
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

    standby.sql(&["SELECT pg_promote()"]).await;
    standby.is("the standby to be promoted", "SELECT NOT pg_is_in_recovery()").await;
    world.cluster().is("somebody to be connected to the old server", CONNECTED).await;
    world.wire().lead_to(SocketAddr::from((Ipv4Addr::LOCALHOST, standby.port())));
    world.moved_to(standby);
    world.left().sql(&["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"]).await;
    world.count("connections left to the old server");
    world.left().is("everybody to leave the old server", ALONE).await;
    world.told_back().await;
    world.acked(5).await;
}

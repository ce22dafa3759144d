//! This server's lease: taken before it is ready, renewed each second, ended at a quiet stop.
//!
//! The chat never waits for it: a lease that cannot be renewed only hides this server from the others.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use actix::clock;
use actix_web::web;
use chrono::{DateTime, Utc};
use tokio::time::{MissedTickBehavior, interval};

use super::error::AppError;
use crate::{
    bus::BusState,
    config::{self, ServeConfig},
    http::Site,
};
use chat_metrics::gauge;
use chat_rooms::OthersLive;
use chat_store::{
    ALIASES, ARCHIVE, CHANGES, KEEPING, LivingServer, MODERATION, OwnServer, Renewal, SERVER_LEASE, ServerId, Store,
    StoreError,
};

/// How often it is renewed: four may fail before the others take this server for gone.
const RENEWAL: Duration = Duration::from_secs(1);
/// How often a server whose name is taken looks whether the other one still lives.
const LOOK: Duration = Duration::from_millis(250);

/// What this process says of itself.
pub(super) fn own(config: &ServeConfig) -> OwnServer {
    let id = config.database.server_id.clone().unwrap_or_else(|| ServerId::made_for(&config::host_name()));
    OwnServer::new(id, config.database.advertise_url.clone())
}

/// Takes the lease. A server that crashed left one under the same name, which is waited for until it is over; one that
/// is renewed meanwhile is another server's.
pub(super) async fn take(store: &Store, own: &OwnServer) -> Result<(), AppError> {
    let mut first: Option<DateTime<Utc>> = None;
    let begun = Instant::now();
    loop {
        let other = match store.renew_lease(own, 0, 0).await? {
            Renewal::Held(_) => break,
            Renewal::Taken(other) => other,
        };
        match first {
            Some(seen_at) if seen_at != other.seen_at => return Err(AppError::ServerId(Box::new(other))),
            Some(_) if begun.elapsed() > SERVER_LEASE * 2 => return Err(still_there(&other).into()),
            Some(_) => {}
            None => {
                log::info!("a server named {} was here a moment ago; waiting until it is gone for sure", own.id);
                first = Some(other.seen_at);
            }
        }
        clock::sleep(LOOK).await;
    }
    if let Err(error) = store.forget_dead_servers().await {
        log::debug!("servers that are gone stay in the table: {error}");
    }
    Ok(())
}

fn still_there(other: &LivingServer) -> StoreError {
    StoreError::Unavailable(format!("the lease of a server named {} does not end", other.id).into())
}

/// Renews the lease each second for as long as it runs, and tells who has to know of the others.
pub(super) async fn keep(own: OwnServer, site: web::Data<Site>) {
    let mut ticks = interval(RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing_since = None;
    let mut has_said = false;
    loop {
        ticks.tick().await;
        tell_whether_changes_are_understood(&own, &site);
        let renewed = site.store.renew_lease(&own, gauge(site.admission.n_sessions()), site.metrics.rooms_live.get());
        let why = match renewed.await {
            Ok(Renewal::Held(others)) => {
                failing_since = None;
                if std::mem::take(&mut has_said) {
                    log::info!("this server's lease is renewed again");
                }
                tell(&site, others);
                continue;
            }
            Ok(Renewal::Taken(other)) => format!("a server named {} took it over", other.id),
            Err(error) => error.to_string(),
        };
        site.metrics.lease_failures.inc();
        // Once, when the others begin to take this server for gone. A database that is away says so itself.
        let is_over = failing_since.get_or_insert_with(Instant::now).elapsed() >= SERVER_LEASE;
        if is_over && !site.store.is_away() && !std::mem::replace(&mut has_said, true) {
            log::warn!("this server's lease is not renewed, so that the other servers take it for gone: {why}");
        }
    }
}

fn tell(site: &Site, others: Vec<LivingServer>) {
    site.metrics.servers_live.set(gauge(others.len().saturating_add(1)));
    // With a bus the poll is what finds the rest, and need not hurry.
    let others_live = !others.is_empty() && site.bus.get().state != BusState::Ok;
    site.lease.lock().unwrap_or_else(PoisonError::into_inner).renewed(Instant::now(), others);
    if let Some(actors) = site.actors.get() {
        // A registry whose mailbox is full hears of it a second later.
        let _ = actors.registry.try_send(OthersLive(others_live));
    }
}

/// Whether messages may be changed: every living server has to show it. A SQLite file has one.
fn tell_whether_changes_are_understood(own: &OwnServer, site: &Site) {
    if site.store.kind() != "sqlite" {
        let lease = site.lease.lock().unwrap_or_else(PoisonError::into_inner);
        site.understood.set(lease.all_understand(CHANGES, Instant::now()));
        site.moderation_understood.set(lease.all_understand(MODERATION, Instant::now()));
        let keeping = lease.all_understand(KEEPING, Instant::now());
        site.keeping_understood.set(keeping);
        site.keeping_is_due.set(keeping && lease.is_first(&own.id, Instant::now()));
        site.archive_understood.set(lease.all_understand(ARCHIVE, Instant::now()));
        site.aliases_understood.set(lease.all_understand(ALIASES, Instant::now()));
    }
}

/// Ends the lease, so that the others need not wait for its end. Bounded: 2 s.
pub(super) async fn end(own: &OwnServer, site: &Site) {
    if let Err(error) = site.store.end_lease(own).await {
        log::debug!("the lease was not ended, and ends by itself: {error}");
    }
}

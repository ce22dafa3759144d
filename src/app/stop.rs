//! The quiet restart (P6): sessions are moved, and what waits is flushed.

use std::time::Duration;

use actix::clock::{Instant, sleep_until, timeout};
use tokio::signal::unix::Signal;

use super::workers::Hubs;
use crate::{config::ServeConfig, http::Site, session::Drain};
use chat_rooms::persistence::Flush;

/// Which signal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// SIGTERM: step by step.
    Quiet,
    /// SIGINT: at once, but nothing is lost.
    AtOnce,
}

pub(super) async fn wait_for_signal(terminate: &mut Signal, interrupt: &mut Signal) -> Stop {
    tokio::select! {
        _ = terminate.recv() => Stop::Quiet,
        _ = interrupt.recv() => Stop::AtOnce,
    }
}

/// P6 (docs/ARCHITECTURE.md, "a pod is stopped"), step by step: red, grace, refuse, tell each session to come back, flush.
pub(super) async fn drain(config: &ServeConfig, site: &Site, hubs: &Hubs, stop: Stop, interrupt: &mut Signal) {
    let stopped_at = Instant::now();
    let flush_by = stopped_at + config.drain.drain_flush;
    log::info!("told to stop: {} sessions are moved", site.admission.n_sessions());
    site.phase.set_draining();
    let mut window = Duration::ZERO;
    if stop == Stop::Quiet {
        let grace = wait_until_empty(site, stopped_at + config.drain.drain_grace);
        tokio::select! {
            () = grace => window = config.drain.drain_window,
            _ = interrupt.recv() => {}
        }
    }
    site.phase.set_refusing();
    move_sessions(config, hubs, window).await;
    // Past the window, time for answers, for close frames to be answered, and for sockets to be cut.
    let close_max = Duration::from_secs(4) + answer_max(config);
    tokio::select! {
        () = wait_until_empty(site, Instant::now() + window + close_max) => {}
        _ = interrupt.recv() => {
            move_sessions(config, hubs, Duration::ZERO).await;
            wait_until_empty(site, Instant::now() + close_max).await;
        }
    }
    if let Some(actors) = site.actors.get() {
        let flushed = actors.persistence.send(Flush { deadline: flush_by }).await;
        if let Ok(flushed) = flushed {
            let _ = timeout(config.drain.drain_flush + Duration::from_secs(1), flushed).await;
        }
    }
}

/// How long a message may go unanswered: what it waits for the store, and a second for the answer's way.
fn answer_max(config: &ServeConfig) -> Duration {
    config.database.store_wait + Duration::from_secs(1)
}

async fn move_sessions(config: &ServeConfig, hubs: &Hubs, window: Duration) {
    for hub in hubs.all() {
        // A hub whose thread ended has no sessions to tell.
        let _ = hub.send(Drain { window, after_max: config.drain.drain_after, answer_max: answer_max(config) }).await;
    }
}

async fn wait_until_empty(site: &Site, until: Instant) {
    while site.admission.n_sessions() > 0 && Instant::now() < until {
        sleep_until((Instant::now() + Duration::from_millis(50)).min(until)).await;
    }
}

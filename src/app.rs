//! The composition root: starts everything bottom-up and stops it top-down.
//!
//! Invariant: no logic of the chat.

mod bus;
mod capacity;
mod commands;
mod error;
mod expiry;
mod figures;
mod grpc;
mod lease;
mod listening;
mod mail;
mod moving;
mod purge;
mod registry;
mod site;
mod start;
mod stop;
mod workers;

use std::io::Write;

use actix_web::web;
use prometheus::Registry;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    capacity::sessions_max,
    commands::open_store,
    listening::listen,
    site::{connections, site},
    start::{Started, start_actors},
    stop::{drain, wait_for_signal},
    workers::{Hubs, http_server},
};
use crate::{
    config::ServeConfig,
    http::{self, Figures},
};
use chat_metrics::gauge;

pub use commands::{back_up, healthcheck, migrate, new_epoch, owner, rename_room, restore, rotate_keys};
pub use error::AppError;
pub use moving::{export, import};
pub use purge::purge;

/// Serves until SIGTERM or SIGINT, within an actix system. Fails where it cannot start, or ended by itself.
pub async fn serve(config: ServeConfig) -> Result<(), AppError> {
    let listener = listen(config.site.listen, "CHAT_LISTEN")?;
    let metrics_listener = config.site.metrics_addr.map(|a| listen(a, "CHAT_METRICS_ADDR")).transpose()?;
    let address = listener.local_addr()?;
    for variable in &config.secrets_in_flags {
        log::warn!(
            "{variable} was given as a flag, which everybody on this machine can read: set it in the environment"
        );
    }
    let store = open_store(&config, true)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    let registry = Registry::new();
    let metrics = figures::declare(&registry, &store)?;
    let prometheus = figures::prometheus(registry.clone())?;
    let n_sessions_max = sessions_max(&config);
    metrics.sessions_max.set(gauge(n_sessions_max));
    // Who has no bus misses none, and who waits for the database does not know yet.
    metrics.bus_up.set(1);
    let on_main = metrics_listener.is_none().then(|| Figures::new(registry.clone()));
    let own = lease::own(&config);
    let mail = mail::office(&config, &store)?;
    let known = (store.clone(), registry::place(&own, address), mail);
    let site = web::Data::new(site(&config, known, on_main, metrics.clone(), n_sessions_max));
    let (hubs, connections) = (Hubs::default(), connections(&config, &site.admission));
    let grpc = grpc::open(&config, &site)?;
    #[cfg(feature = "grpc")]
    let health = grpc.as_ref().map(|grpc| actix::spawn(grpc.door.clone().keep_health()));
    let server = http_server(&config, (listener, grpc), site.clone(), connections.clone(), prometheus, hubs.clone())?;
    let handle = server.handle();
    let mut serving = actix::spawn(server);
    let metrics_handle = metrics_listener.map(|l| figures::serve_metrics(l, registry)).transpose()?;
    let watch = actix::spawn(figures::watch_database(site.clone()));
    let failover = actix::spawn(figures::watch_failover(site.clone()));
    log::info!("listening on {address}, waiting for the database");

    let start = start_actors(&config, &own, &site, &store, &metrics);
    let Started { carrying, keeping, watching, accounts, mailing, telling: hooks, setup, database } = tokio::select! {
        started = start => started?,
        _ = wait_for_signal(&mut terminate, &mut interrupt) => {
            handle.stop(false).await;
            return Ok(());
        }
    };
    let base_path = config.site.base_path.clone();
    // Whoever started it may not listen, or not read; that is no reason to end, nor to wait. Ends with its line.
    // Without a thread for it the line is left out; the server serves all the same.
    let _ = std::thread::Builder::new().name("ready".into()).spawn(move || {
        writeln!(std::io::stdout(), "realtime-chat is ready: open http://{address}{base_path}/")?;
        // Whoever reads this has the server: it is no line of the log.
        let Some(code) = setup else { return Ok(()) };
        let url = format!("http://{address}{base_path}/setup#{code}");
        writeln!(
            std::io::stdout(),
            "there is no owner with a password yet; within fifteen minutes one is made at {url}"
        )
    });
    // Compressed before they are asked for: the first visitors after a restart come all at once. Not in a debug build,
    // whose files may change while it runs: there it was nearly all that a start cost, and tests start a thousand.
    if !cfg!(debug_assertions) {
        let _ = std::thread::Builder::new().name("compress".into()).spawn(http::compress_files);
    }
    let figures = actix::spawn(figures::keep(site.clone(), connections));
    let renewing = actix::spawn(lease::keep(own.clone(), site.clone()));
    let telling = registry::start(&config, &database, &site);
    let forgetting = actix::spawn(figures::forget_what_is_over(site.clone()));
    let expiring = expiry::start(&config, &site);

    let stop = tokio::select! {
        stop = wait_for_signal(&mut terminate, &mut interrupt) => stop,
        ended = &mut serving => return Err(ended.map_err(std::io::Error::other)?.err().map_or_else(
            || AppError::Server(std::io::Error::other("it ended by itself")), AppError::Server)),
    };
    drain(&config, &site, &hubs, stop, &mut interrupt).await;
    figures.abort();
    watch.abort();
    failover.abort();
    renewing.abort();
    forgetting.abort();
    if let Some(expiring) = expiring {
        expiring.abort();
    }
    keeping.abort();
    accounts.abort();
    if let Some(mailing) = mailing {
        mailing.abort();
    }
    hooks.abort();
    watching.abort();
    if let Some(carrying) = carrying {
        carrying.stop();
    }
    if let Some(telling) = telling {
        telling.end().await;
    }
    lease::end(&own, &site).await;
    handle.stop(true).await;
    #[cfg(feature = "grpc")]
    if let Some(health) = health {
        health.abort();
    }
    if let Some(metrics) = metrics_handle {
        metrics.stop(false).await;
    }
    log::info!("stopped");
    Ok(())
}

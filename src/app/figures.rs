//! What operators see: the metrics that are read rather than counted, and where they are printed.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix::clock::{sleep, timeout};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::KeepAlive, web};
use actix_web_prom::{PrometheusMetrics, PrometheusMetricsBuilder};
use prometheus::Registry;

use super::{error::AppError, workers::HTTP_STOP_SECS};
use crate::{
    config::BUILD_COMMIT,
    http::{Figures, Site},
    logging, memory,
    session::{ABNORMAL, Connections, CutFor, MessageLimit},
};
use chat_metrics::{Labels, Metrics, SECONDS, gauge};
use chat_rooms::persistence::GetStatus;
use chat_store::{Store, Work};
use chat_wire::{CloseCode, ErrorCode};

/// How often the database is asked whether it is there, whatever else it is asked: below the usual scrape interval.
const DATABASE_INTERVAL: Duration = Duration::from_secs(5);

/// How often the server that takes messages is asked whether it still does: so long may others' messages be read from
/// one that was left.
const FAILOVER_INTERVAL: Duration = Duration::from_secs(2);
/// How often texts are looked for that were removed long ago.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);

/// Memory is given back again after this time: sessions that leave all at once are counted out before all that they
/// had, and what their rooms kept of them, is free.
const GIVE_BACK_AGAIN_SECS: u64 = 5;

/// Connections at once to an address of its own for metrics.
const METRICS_CONNECTIONS_MAX: usize = 64;

/// Declares the metrics of a server on this database.
pub(super) fn declare(registry: &Registry, store: &Store) -> Result<Arc<Metrics>, AppError> {
    let labels = Labels {
        close_codes: CloseCode::ALL.iter().map(|c| c.number()).chain([ABNORMAL]).map(|n| n.to_string()).collect(),
        error_codes: ErrorCode::ALL.iter().map(|c| c.as_str().to_owned()).collect(),
        message_limits: MessageLimit::ALL.map(MessageLimit::as_str).to_vec(),
        build: [env!("CARGO_PKG_VERSION"), BUILD_COMMIT, store.kind()],
    };
    Metrics::new(registry, &labels).map(Arc::new).map_err(|e| AppError::Metrics(e.to_string()))
}

/// Counts HTTP requests.
pub(super) fn prometheus(registry: Registry) -> Result<PrometheusMetrics, AppError> {
    let builder =
        PrometheusMetricsBuilder::new("chat").registry(registry).buckets(&SECONDS).mask_unmatched_patterns("unmatched");
    builder.build().map_err(|e| AppError::Metrics(e.to_string()))
}

/// `/metrics` on a listener of its own, so that it answers when the main one is full.
pub(super) fn serve_metrics(listener: TcpListener, registry: Registry) -> Result<ServerHandle, AppError> {
    async fn print(request: HttpRequest, figures: web::Data<Figures>) -> HttpResponse {
        figures.answer(&request)
    }
    let figures = web::Data::new(Figures::new(registry));
    let server = HttpServer::new(move || App::new().app_data(figures.clone()).route("/metrics", web::get().to(print)))
        .workers(1)
        // One request for each connection, whose head is watched, and not many of them: nothing else bounds them here.
        .keep_alive(KeepAlive::Disabled)
        .max_connections(METRICS_CONNECTIONS_MAX)
        .disable_signals()
        .shutdown_timeout(HTTP_STOP_SECS)
        .listen(listener)?
        .run();
    let handle = server.handle();
    actix::spawn(server);
    Ok(handle)
}

/// Figures that are read rather than counted, and the memory of rate limits.
pub(super) async fn keep(site: web::Data<Site>, connections: Arc<Connections>) {
    let (metrics, rates) = (&site.metrics, &site.rates);
    let (mut peak, mut again_at) = (memory::Peak::default(), u64::MAX);
    for second in 0_u64.. {
        let has_fallen = peak.has_fallen(site.admission.n_sessions() + connections.n());
        if has_fallen {
            again_at = second + GIVE_BACK_AGAIN_SECS;
        }
        if has_fallen || second == again_at {
            // On a thread of its own, which ends with it: nobody waits for it here. Where the system gives none, memory
            // stays until the next time; what else is done here goes on.
            let thread = std::thread::Builder::new().name("memory".into());
            if let Err(error) = thread.spawn(memory::give_back) {
                log::debug!("no thread to give memory back: {error}");
            }
        }
        let pool = site.store.pool_status();
        metrics.pool_open.set(gauge(pool.size));
        metrics.pool_in_use.set(gauge(pool.in_use));
        metrics.pool_waiting.set(gauge(pool.waiting));
        metrics.pool_max.set(gauge(pool.max));
        metrics.connections.set(gauge(connections.n()));
        rates.tidy(second.is_multiple_of(60));
        site.bytes.tidy(second.is_multiple_of(60));
        logging::say_what_was_folded();
        let counted = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let lines = [
            (metrics.connections_cut.of("address"), counted(connections.n_cut(CutFor::Address))),
            (metrics.connections_cut.of("server"), counted(connections.n_cut(CutFor::Server))),
            (Some(&metrics.log_lines_dropped), logging::n_dropped()),
            (metrics.log_lines.of("error"), logging::n_errors()),
            (metrics.log_lines.of("warn"), logging::n_warnings()),
        ];
        for (counter, n) in lines {
            if let Some(counter) = counter {
                counter.inc_by(n.saturating_sub(counter.get()));
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Whether the database answers and takes messages, asked also while nobody is here.
pub(super) async fn watch_database(site: web::Data<Site>) {
    loop {
        let ping = timeout(site.read_wait, site.store.ping()).await;
        let answers = matches!(ping, Ok(Ok(_)));
        let takes = match site.actors.get() {
            Some(actors) => {
                match ping {
                    Ok(Ok(_)) => site.store.succeeded(Work::Reading),
                    Ok(Err(error)) => site.store.failed(Work::Reading, &error),
                    Err(_) => site.store.failed(Work::Reading, &"it did not answer in time"),
                }
                actors.persistence.send(GetStatus).await.is_ok_and(|status| !status.is_away)
            }
            // Before the start is done nothing is taken, and who waits for the database says so.
            None => false,
        };
        site.metrics.database_up.set(i64::from(answers && takes && site.store.read_only_for().is_none()));
        sleep(DATABASE_INTERVAL).await;
    }
}

/// Finds out that another server takes messages now, also while nobody writes any.
pub(super) async fn watch_failover(site: web::Data<Site>) {
    loop {
        sleep(FAILOVER_INTERVAL).await;
        if site.phase.is_ready() {
            // Who writes and who reads say it where it does not go.
            let _ = site.store.can_write().await;
        }
    }
}

/// Lets go of what moderators deleted, once that cannot be undone any more, and of messages that have waited for too long.
pub(super) async fn forget_what_is_over(site: web::Data<Site>) {
    loop {
        if let Err(error) = site.store.forget_removed_texts().await {
            log::debug!("texts that were removed long ago are still there: {error}");
        }
        if let Err(error) = site.store.sweep_held().await {
            log::debug!("messages that have waited for too long are still there: {error}");
        }
        sleep(FORGET_INTERVAL).await;
    }
}

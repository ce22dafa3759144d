//! What operators see: the metrics that are read rather than counted, and where they are printed.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix::clock::{sleep, timeout};
use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use actix_web_prom::{PrometheusMetrics, PrometheusMetricsBuilder};
use prometheus::{Registry, TextEncoder};

use super::{AppError, HTTP_STOP_SECS};
use crate::{
    config::BUILD_COMMIT,
    http::Site,
    logging, memory,
    metrics::{Labels, Metrics, SECONDS, gauge},
    persistence::GetStatus,
    protocol::{CloseCode, ErrorCode},
    session::{ABNORMAL, RateLimits},
    store::{Store, Work},
};

/// How often the database is asked whether it is there, whatever else it is asked: below the usual scrape interval.
const DATABASE_INTERVAL: Duration = Duration::from_secs(5);

/// How often the server that takes messages is asked whether it still does: so long may others' messages be read from
/// one that was left.
const FAILOVER_INTERVAL: Duration = Duration::from_secs(2);

/// Memory is given back again after this time: sessions that leave all at once are counted out before all that they
/// had, and what their rooms kept of them, is free.
const GIVE_BACK_AGAIN_SECS: u64 = 5;

/// Declares the metrics of a server on this database.
pub(super) fn declare(registry: &Registry, store: &Store) -> Result<Arc<Metrics>, AppError> {
    let labels = Labels {
        close_codes: CloseCode::ALL.iter().map(|c| c.number()).chain([ABNORMAL]).map(|n| n.to_string()).collect(),
        error_codes: ErrorCode::ALL.iter().map(|c| c.as_str().to_owned()).collect(),
        build: [env!("CARGO_PKG_VERSION"), BUILD_COMMIT, store.kind()],
    };
    Metrics::new(registry, &labels).map(Arc::new).map_err(|e| AppError::Metrics(e.to_string()))
}

/// Counts HTTP requests, and prints everything under `/metrics` where it is served with everything else.
pub(super) fn prometheus(registry: Registry, with_endpoint: bool) -> Result<PrometheusMetrics, AppError> {
    let builder =
        PrometheusMetricsBuilder::new("chat").registry(registry).buckets(&SECONDS).mask_unmatched_patterns("unmatched");
    let builder = if with_endpoint { builder.endpoint("/metrics") } else { builder };
    builder.build().map_err(|e| AppError::Metrics(e.to_string()))
}

/// `/metrics` on a listener of its own, so that it answers when the main one is full.
pub(super) fn serve_metrics(listener: TcpListener, registry: Registry) -> Result<ServerHandle, AppError> {
    async fn print(registry: web::Data<Registry>) -> HttpResponse {
        let families = [registry.gather(), prometheus::gather()].concat();
        match TextEncoder::new().encode_to_string(&families) {
            Ok(text) => HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text),
            Err(_) => HttpResponse::InternalServerError().finish(),
        }
    }
    let registry = web::Data::new(registry);
    let server = HttpServer::new(move || App::new().app_data(registry.clone()).route("/metrics", web::get().to(print)))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(HTTP_STOP_SECS)
        .listen(listener)?
        .run();
    let handle = server.handle();
    actix::spawn(server);
    Ok(handle)
}

/// Figures that are read rather than counted, and the memory of rate limits.
pub(super) async fn keep(site: web::Data<Site>, rates: Arc<RateLimits>) {
    let metrics = &site.metrics;
    let (mut peak, mut again_at) = (memory::Peak::default(), u64::MAX);
    for second in 0_u64.. {
        let has_fallen = peak.has_fallen(site.admission.n_sessions());
        if has_fallen {
            again_at = second + GIVE_BACK_AGAIN_SECS;
        }
        if has_fallen || second == again_at {
            // On a thread of its own, which ends with it: nobody waits for it here.
            std::thread::spawn(memory::give_back);
        }
        let pool = site.store.pool_status();
        metrics.pool_open.set(gauge(pool.size));
        metrics.pool_in_use.set(gauge(pool.in_use));
        metrics.pool_waiting.set(gauge(pool.waiting));
        metrics.pool_max.set(gauge(pool.max));
        rates.tidy(second.is_multiple_of(60));
        let lines = [
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

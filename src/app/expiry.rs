//! Starts what removes old messages or moves them away, where the settings want it.

use actix_web::{rt::task::JoinHandle, web};

use crate::{config::ServeConfig, http::Site, keeping::Keeping};

/// Removes what is too old, and archives what is old, for as long as it runs.
pub(super) fn start(config: &ServeConfig, site: &web::Data<Site>) -> Option<JoinHandle<()>> {
    let (days, archive_months) = (config.database.retention_days, config.database.archive_months);
    days.or(archive_months)?;
    let actors = site.actors.get()?;
    let keeping = Keeping {
        store: site.store.clone(),
        registry: actors.registry.clone(),
        metrics: site.metrics.clone(),
        is_due: site.keeping_is_due.clone(),
        days,
        archive_is_understood: site.archive_understood.clone(),
        archive_months,
        #[cfg(feature = "fault-injection")]
        rest: config.database.keeping_rest,
        #[cfg(not(feature = "fault-injection"))]
        rest: None,
    };
    Some(actix::spawn(keeping.run()))
}

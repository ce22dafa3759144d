//! Starts what removes old messages, where the settings want it.

use actix_web::{rt::task::JoinHandle, web};

use crate::{config::ServeConfig, http::Site, keeping::Keeping};

/// Removes what is too old for as long as it runs.
pub(super) fn start(config: &ServeConfig, site: &web::Data<Site>) -> Option<JoinHandle<()>> {
    let (days, actors) = (config.database.retention_days?, site.actors.get()?);
    let keeping = Keeping {
        store: site.store.clone(),
        registry: actors.registry.clone(),
        metrics: site.metrics.clone(),
        is_due: site.keeping_is_due.clone(),
        days,
        #[cfg(feature = "fault-injection")]
        rest: config.database.keeping_rest,
        #[cfg(not(feature = "fault-injection"))]
        rest: None,
    };
    Some(actix::spawn(keeping.run()))
}

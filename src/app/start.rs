//! Waits for the database, and starts the actors that need it.

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr, Arbiter, clock::sleep};
use actix_web::web;

use super::{bus, error::AppError, lease};
use crate::{
    accounts::{self, AccountSettings, Accounts, Registration},
    config::{Registering, ServeConfig, Switch},
    http::{Actors, Site},
    mail,
    moderation::{self, Desk},
    session::JoinContext,
    webhooks::{self, HookSettings, Hooks},
};
use chat_domain::IdentityKey;
use chat_metrics::Metrics;
use chat_rooms::persistence::{BatchLimits, Persistence};
use chat_rooms::{Access, Backlogs, RegistryLimits, RoomLimits, RoomRegistry, Sightings};
use chat_store::{OwnServer, Store, StoreError};

/// What runs once the database was reached, beside the actors.
pub(super) struct Started {
    /// The thread of the bus, where there is one.
    pub carrying: Option<Arbiter>,
    /// What keeps up with what concerns all rooms.
    pub keeping: actix_web::rt::task::JoinHandle<()>,
    /// What watches the rooms.
    pub watching: actix_web::rt::task::JoinHandle<()>,
    /// What keeps up with what concerns accounts.
    pub accounts: actix_web::rt::task::JoinHandle<()>,
    /// What sends mail, where there is any.
    pub mailing: Option<actix_web::rt::task::JoinHandle<()>>,
    /// What tells other systems.
    pub telling: actix_web::rt::task::JoinHandle<()>,
    /// By which the first owner gets mail and password, where none has them.
    pub setup: Option<String>,
    /// How the database is called for good.
    pub database: String,
}

/// Accounts, and the code by which the first owner gets mail and password. Waits for a database that goes away just now.
async fn accounts_with_setup(
    store: &Store,
    (identity, desk): (&IdentityKey, &Desk),
    settings: AccountSettings,
) -> Result<(Accounts, Option<String>), StoreError> {
    loop {
        let made = async {
            let accounts = Accounts::new(store.clone(), identity.clone(), desk.clone(), settings.clone()).await?;
            let setup = if store.needs_setup().await? { accounts::setup_code(store, identity).await? } else { None };
            Ok((accounts, setup))
        };
        match made.await {
            Err(error @ StoreError::Unavailable(_)) => log::warn!("{error}; trying again"),
            made => return made,
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Waits for the database, brings its schema up to date and starts what needs it.
pub(super) async fn start_actors(
    config: &ServeConfig,
    own: &OwnServer,
    site: &web::Data<Site>,
    store: &Store,
    metrics: &Arc<Metrics>,
) -> Result<Started, AppError> {
    bus::check(config, store).await?;
    let mut said = None;
    let meta = loop {
        match async {
            store.check().await?;
            if !store.migrate().await?.is_empty() {
                // The tables are there only now.
                store.check().await?;
            }
            let meta = store.meta().await?;
            lease::take(store, own).await?;
            Ok(meta)
        }
        .await
        {
            Ok(meta) => break meta,
            Err(AppError::Store(error @ StoreError::Unavailable(_))) => {
                // Once for each reason, not once a second.
                if said.as_ref() != Some(&error) {
                    log::warn!("{error}; trying again");
                }
                said = Some(error);
            }
            Err(error) => return Err(error),
        }
        sleep(Duration::from_secs(1)).await;
    };
    let secret = config.site.secret.as_ref().map_or(&meta.secret[..], |s| s.expose().as_bytes());
    let limits = BatchLimits {
        n_waiting_max: config.database.queue_max.max(1),
        n_batch_max: config.database.batch_max.max(1),
        wait_max: config.database.store_wait,
    };
    let (own_store, own_metrics) = (store.clone(), metrics.clone());
    let persistence: Addr<Persistence> =
        store.run_on_thread(|| Persistence::new(own_store, limits, own_metrics).start()).await?;
    let bus = bus::chosen(config, store);
    let port = bus::port(bus.as_deref());
    let (sightings, seen) = Sightings::new();
    let identity = IdentityKey::new(secret);
    let access = Access::new(identity.clone());
    // Before anybody comes: names that lead to rooms, and who is shut out.
    while let Err(error) = access.refresh(store).await {
        if !matches!(error, StoreError::Unavailable(_)) {
            return Err(error.into());
        }
        sleep(Duration::from_secs(1)).await;
    }
    let limits = RegistryLimits {
        n_rooms_max: config.limits.rooms_max.max(1),
        idle_max: config.limits.room_idle,
        poll_interval: config.database.poll.max(Duration::from_millis(10)),
        room: RoomLimits {
            n_sessions_max: config.limits.room_sessions_max,
            backlogs: Backlogs::new(config.limits.backlog_mib.saturating_mul(1_048_576)),
            read_timeout: config.database.read_wait,
            heartbeat_seconds: config.sessions.heartbeat.as_secs().max(1),
            edit_window: Some(config.limits.edit_window),
            understood: site.understood.clone(),
            bus: port.clone(),
            access: access.clone(),
            sightings: sightings.clone(),
        },
    };
    let append = persistence.clone().recipient();
    let registry = RoomRegistry::new(limits, store.clone(), append, metrics.clone());
    let control = registry.control();
    let registry = registry.start();
    let desk = Desk::new(
        (store.clone(), access, identity.clone()),
        registry.clone(),
        port.clone(),
        (site.moderation_understood.clone(), site.keeping_understood.clone(), site.aliases_understood.clone()),
        sightings,
    );
    let is_guarded = config.limits.guard.unwrap_or(config.limits.rate_limits) == Switch::On;
    let watching = actix::spawn(moderation::watch(desk.clone(), (store.clone(), metrics.clone()), is_guarded, seen));
    let keeping = actix::spawn(moderation::keep(desk.clone(), store.clone(), registry.clone(), control));
    let carrying = bus.map(|bus| bus::start(bus, (port, meta.name.clone()), own, site, &registry));
    let settings = AccountSettings {
        registration: match config.site.registration {
            Registering::Invite => Registration::Invite,
            Registering::Open => Registration::Open,
            Registering::Closed => Registration::Closed,
        },
        is_limited: config.limits.rate_limits == Switch::On,
        sites: config.site.sites.clone(),
    };
    let (accounts, setup) = accounts_with_setup(store, (&identity, &desk), settings).await?;
    let keeping_accounts = actix::spawn(accounts::keep(accounts.clone()));
    let mailing = site.mail.clone();
    let mailing = mailing.map(|office| actix::spawn(mail::keep(office, accounts.clone(), metrics.clone())));
    let settings =
        HookSettings { networks: config.site.webhook_networks.clone(), broker: config.site.amqp_url.clone() };
    let known = (store.clone(), identity.clone());
    let hooks = Hooks::new(known, accounts.clone(), desk.clone(), (metrics.clone(), site.mail.clone()), settings);
    let telling = actix::spawn(webhooks::keep(hooks.clone()));
    let _ = site.hooks.set(hooks);
    let registry_of_joins = registry.clone().recipient();
    let join_context = JoinContext { registry: registry_of_joins, identity, desk, accounts };
    // Set once, here: this is only reached once.
    let _ = site.join_context.set(join_context);
    let _ = site.actors.set(Actors { registry, persistence });
    site.phase.set_ready();
    Ok(Started {
        carrying,
        keeping,
        watching,
        accounts: keeping_accounts,
        mailing,
        telling,
        setup,
        database: meta.name,
    })
}

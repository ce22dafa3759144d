//! What all threads share, made from the settings.

use std::sync::{Arc, Mutex, OnceLock};

use super::capacity::sockets_max;
use crate::session_registry::Place;
use crate::{
    config::{RoomListFor, ServeConfig, Switch},
    highlight::Highlighter,
    http::{AdminToken, Answers, Figures, Phase, Site, TrustedProxies},
    mail::MailOffice,
    session::{
        AddressSettings, Admission, AdmissionLimits, ByteLimits, ByteRate, ConnectionLimits, Connections, Rate,
        RateLimits, RateSettings,
    },
};
use chat_metrics::Metrics;
use chat_rooms::Understood;
use chat_store::Store;

/// The same text may come from one address in one room so many times as often as from one identity: a crowd behind a
/// carrier's address laughs in the same letters.
const ADDRESS_REPEATS_FACTOR: usize = 5;
pub(super) fn site(
    config: &ServeConfig,
    (store, place, mail): (Store, Place, Option<MailOffice>),
    figures: Option<Figures>,
    metrics: Arc<Metrics>,
    n_sessions_max: usize,
) -> Site {
    let is_limited = config.limits.rate_limits == Switch::On;
    if !is_limited {
        log::warn!("CHAT_RATE_LIMITS=off: rate, address and identity limits are lifted");
    }
    let frame_ancestors = match config.site.embed_origins.is_empty() {
        true => {
            log::info!("CHAT_EMBED_ORIGINS is unset: every site may embed the chat");
            "*".to_owned()
        }
        false => format!("'self' {}", config.site.embed_origins.join(" ")),
    };
    let (networks, n_hops_max) = (config.site.trusted_proxies.clone(), config.site.trusted_hops);
    let trusted_proxies = TrustedProxies { networks, n_hops_max };
    let (understood, moderation_understood, aliases_understood): (Understood, Understood, Understood) =
        Default::default();
    let (keeping_is_due, keeping_understood) = (Understood::default(), Understood::default());
    for understood in [&understood, &moderation_understood, &aliases_understood, &keeping_is_due, &keeping_understood] {
        // A SQLite file has one server.
        understood.set(store.kind() == "sqlite");
    }
    let of = |n: usize| if is_limited { n } else { usize::MAX };
    let bytes = ByteRate {
        burst: u64::from(config.rates.address_bytes_burst_mib.get()) * 1_048_576,
        per_second: u64::from(config.rates.address_bytes_kib_per_second.get()) * 1_024,
    };
    Site {
        phase: Phase::default(),
        store,
        actors: OnceLock::new(),
        join_context: Arc::default(),
        admission: Admission::new(AdmissionLimits {
            n_sessions_max,
            n_of_identity_max: of(config.limits.identity_sessions_max),
            n_of_address_max: of(config.limits.address_sessions_max),
        }),
        base_path: config.site.base_path.clone(),
        admin_token: config.site.admin_token.as_ref().map(|token| AdminToken::new(token.expose())),
        origins: config.site.origins.clone(),
        rooms_are_public: config.site.room_list == RoomListFor::Public,
        frame_ancestors,
        compresses: config.sessions.compression == Switch::On,
        rates: Arc::new(RateLimits::new(rate_settings(config))),
        bytes: ByteLimits::new(is_limited.then_some(bytes)),
        answers: Answers::default(),
        mail,
        highlighter: Highlighter::default(),
        trusted_proxies,
        metrics,
        lease: Mutex::default(),
        bus: Arc::default(),
        roster: Arc::default(),
        everywhere: OnceLock::new(),
        place,
        understood,
        moderation_understood,
        keeping_is_due,
        keeping_understood,
        aliases_understood,
        figures,
        read_wait: config.database.read_wait,
        retry_after: config.drain.drain_after,
        started: std::time::Instant::now(),
    }
}

pub(super) fn connections(config: &ServeConfig, admission: &Arc<Admission>) -> Arc<Connections> {
    let is_limited = config.limits.rate_limits == Switch::On;
    let (n_all_max, _) = sockets_max();
    let limits = ConnectionLimits {
        n_of_address_max: if is_limited { config.limits.address_connections_max } else { usize::MAX },
        n_all_max,
        trusted_proxies: config.site.trusted_proxies.clone(),
    };
    Connections::new(limits, admission.clone())
}

fn rate_settings(config: &ServeConfig) -> RateSettings {
    let rate = |burst, per_second| Rate { burst, per_second };
    let repeats = usize::try_from(config.rates.repeats_per_minute.get()).unwrap_or(usize::MAX);
    RateSettings {
        is_on: config.limits.rate_limits == Switch::On,
        messages: rate(config.rates.message_burst, config.rates.messages_per_second),
        profiles_per_minute: config.rates.profiles_per_minute,
        repeats_per_minute: config.rates.repeats_per_minute,
        reactions: rate(config.rates.reaction_burst, config.rates.reactions_per_second),
        room_reactions: rate(config.rates.room_reactions_per_second, config.rates.room_reactions_per_second),
        frames: rate(config.rates.frame_burst, config.rates.frames_per_second),
        requests: rate(config.rates.address_request_burst, config.rates.address_requests_per_second),
        upgrades: rate(config.rates.address_connect_burst, config.rates.address_connects_per_second),
        address: AddressSettings {
            room_messages_per_second: config.rates.address_room_messages_per_second,
            room_kib_per_second: config.rates.address_room_kib_per_second,
            messages_per_second: config.rates.address_messages_per_second,
            kib_per_second: config.rates.address_kib_per_second,
            repeats_per_minute: repeats.saturating_mul(ADDRESS_REPEATS_FACTOR),
        },
    }
}

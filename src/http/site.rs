//! What every route may need of the server.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use actix::Addr;

use super::{address::TrustedProxies, answers::Answers, base_path::BasePath, figures::Figures, security::AdminToken};
use crate::bus::BusStatus;
use crate::highlight::Highlighter;
use crate::mail::MailOffice;
use crate::session::{Admission, ByteLimits, JoinContext, RateLimits};
use crate::session_registry::{Everywhere, Place, Roster};
use chat_metrics::Metrics;
use chat_rooms::{RoomRegistry, Understood, persistence::Persistence};
use chat_store::{LeaseView, Store};

/// What every route may need.
pub struct Site {
    /// How far the server is in its life.
    pub phase: Phase,
    /// The database.
    pub store: Store,
    /// The actors, once the database was reached.
    pub actors: OnceLock<Actors>,
    /// What sessions need to join, set with `actors`.
    pub join_context: Arc<OnceLock<JoinContext>>,
    /// Counts sessions.
    pub admission: Arc<Admission>,
    /// Path that the chat is served under.
    pub base_path: BasePath,
    /// Shows the details of `/healthz` to whoever sends it.
    pub admin_token: Option<AdminToken>,
    /// Other origins than the own one that may open a WebSocket.
    pub origins: Vec<String>,
    /// Whether everybody may list the rooms.
    pub rooms_are_public: bool,
    /// The Content-Security-Policy's frame-ancestors.
    pub frame_ancestors: String,
    /// Whether clients that offer compression get it.
    pub compresses: bool,
    /// Limits what addresses do.
    pub rates: Arc<RateLimits>,
    /// Limits how many bytes addresses get.
    pub bytes: ByteLimits,
    /// Answers that are the same for everybody for a while.
    pub answers: Answers,
    /// Takes what is to be mailed, where there is a server for it.
    pub mail: Option<MailOffice>,
    /// Colours code.
    pub highlighter: Highlighter,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: TrustedProxies,
    /// Counts what becomes of requests for a WebSocket.
    pub metrics: Arc<Metrics>,
    /// What is known of the other servers on this database.
    pub lease: Mutex<LeaseView>,
    /// How the bus between them is.
    pub bus: Arc<BusStatus>,
    /// Who is on this server.
    pub roster: Arc<Roster>,
    /// Who is on which server, where Redis is there to tell. Set once it is known how the database is called.
    pub everywhere: OnceLock<Arc<Everywhere>>,
    /// Where this server is among them.
    pub place: Place,
    /// Whether all of them show the changes of messages.
    pub understood: Understood,
    /// Whether all of them go by bans and by what rooms allow.
    pub moderation_understood: Understood,
    /// Whether this server is the one that removes old messages.
    pub keeping_is_due: Understood,
    /// Whether all of them reach a room by another name.
    pub keeping_understood: Understood,
    /// Whether all of them know which identities act as another one.
    pub aliases_understood: Understood,
    /// What `/metrics` prints, where it is served with everything else.
    pub figures: Option<Figures>,
    /// How long a page waits for the database.
    pub read_wait: Duration,
    /// How long a client that is refused while the server drains waits before it comes back.
    pub retry_after: Duration,
    /// When the process started.
    pub started: Instant,
}

/// The actors that routes ask.
pub struct Actors {
    /// Knows the live rooms.
    pub registry: Addr<RoomRegistry>,
    /// Knows how much waits for the store.
    pub persistence: Addr<Persistence>,
}

/// How far a server is in its life.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

impl Phase {
    const READY: u8 = 1;
    const DRAINING: u8 = 2;
    const REFUSING: u8 = 3;

    /// The database was reached: joins are taken.
    pub fn set_ready(&self) {
        // One that gets its signal while it starts stays stopping.
        let _ = self.0.compare_exchange(0, Self::READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The signal to stop has come; all goes on for a while.
    pub fn set_draining(&self) {
        self.0.store(Self::DRAINING, Ordering::Relaxed);
    }

    /// New sessions are refused.
    pub fn set_refusing(&self) {
        self.0.store(Self::REFUSING, Ordering::Relaxed);
    }

    /// Whether new visitors should be sent here.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::READY
    }

    /// Whether the signal to stop has come.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::DRAINING
    }

    /// Whether new sessions are refused.
    pub fn is_refusing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::REFUSING
    }
}

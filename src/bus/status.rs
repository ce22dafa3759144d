use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How the bus is, as whoever keeps it last knew.
#[derive(Debug, Default)]
pub struct BusStatus(Mutex<BusReport>);

/// See [`BusStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BusReport {
    /// Whether it carries.
    pub state: BusState,
    /// How long this server's last beat took to come back.
    pub echo: Option<Duration>,
}

/// Whether the bus carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BusState {
    /// There is none: the database's poll does it.
    #[default]
    None,
    /// What this server sends comes back to it in time.
    Ok,
    /// It does not: the database's poll does it meanwhile.
    Degraded,
}

impl BusState {
    /// As `/healthz` and the API say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
        }
    }
}

impl BusStatus {
    /// How it is.
    pub fn get(&self) -> BusReport {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is like this now.
    pub fn set(&self, report: BusReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }
}

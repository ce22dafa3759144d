//! What is said to sessions and hubs beside what rooms say.

use std::time::Duration;

use actix::Message;

/// What becomes of a session that was ended from outside.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub enum SessionEnd {
    /// It was closed: it leaves its room and takes no more frames.
    Closing,
    /// Its connection is gone.
    Gone,
}

/// Every session of a hub is told to come back, each at its own moment (P6). Answered at once.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Drain {
    /// Within this time.
    pub window: Duration,
    /// To wait at most this long before it comes back.
    pub after_max: Duration,
    /// A session with messages under way is kept this much longer, so that it hears what became of them.
    pub answer_max: Duration,
}

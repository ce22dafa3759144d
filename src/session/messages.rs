//! What is said to sessions and hubs, apart from what rooms say.

use std::time::Duration;

use actix::Message;

use chat_rooms::RoomKey;

/// What a hub did with a session of its thread, or whoever takes its frames asks of it.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub enum SessionEvent {
    /// One of its rooms has ended its subscription; it is in others.
    Unsubscribed(RoomKey),
    /// It was closed: it leaves its rooms and takes no more frames.
    Closed,
    /// Its connection was cut.
    Cut,
    /// Whoever reads by it is typing, as another way than its frames has said.
    Types,
}

/// Every session of a hub is sent to another server, each at its own moment (P6). Answered at once.
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

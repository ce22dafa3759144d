use tokio::sync::oneshot;

use super::codec::ErrorReply;
use chat_wire::{CloseCode, JoinPayload};

/// The JOIN that a session begins with where its client cannot send one.
pub struct Joining {
    /// What it says, until the session has looked at it.
    pub join: Option<JoinPayload>,
    /// Whether its token is one that a program brings with each request.
    pub is_bearer: bool,
    /// Where it is told what became of it.
    pub answer: oneshot::Sender<Result<(), NotJoined>>,
}

/// Why a session that was begun by a JOIN is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotJoined {
    /// The JOIN was refused.
    Refused(ErrorReply),
    /// A socket would have been closed with this.
    Closed(CloseCode),
}

impl Joining {
    /// Tells what became of it.
    pub fn answer(self, became: Result<(), NotJoined>) {
        // Whoever asked may be gone, and needs no answer then.
        let _ = self.answer.send(became);
    }
}

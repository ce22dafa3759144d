use std::cell::Cell;

/// How far the life of a session's connection is. It only goes forward.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Frames go in both directions.
    #[default]
    Open,
    /// The session is about to be moved to another server: it takes no more messages and waits for the answers to those
    /// that are under way.
    Leaving,
    /// A write failed: nothing can be sent any more. What had come from the client is still handled; then the reader
    /// meets the end of the connection and ends the session.
    Lost,
    /// The close frame is the last one that was queued. The client may answer it; nothing else of it is handled.
    Closing,
    /// What is queued is still written, then the sending side is shut down.
    Finishing,
    /// The sending side was shut down. The client may still send.
    Ended,
    /// The connection was reset, and what was queued was dropped.
    Cut,
}

impl Phase {
    /// Whether frames can be queued.
    pub fn can_send(self) -> bool {
        self < Self::Lost
    }

    /// Whether the session is over, and its client's frames are no longer handled.
    pub fn is_closed(self) -> bool {
        self >= Self::Closing
    }

    /// A lost connection cannot end in order; all else may skip phases, but never goes back.
    fn may_become(self, next: Self) -> bool {
        next > self && (self != Self::Lost || next == Self::Cut)
    }

    /// What a failed write leads to.
    pub fn after_failed_write(self) -> Self {
        if self.is_closed() { Self::Ended } else { Self::Lost }
    }
}

/// The phase of one session, in its outbox, where its hub and its socket's writer look at it.
#[derive(Debug, Default)]
pub struct PhaseCell(Cell<Phase>);

impl PhaseCell {
    /// The phase now.
    pub fn get(&self) -> Phase {
        self.0.get()
    }

    /// Goes on to `next`. Says whether it did: not where it is there or further already.
    pub fn advance(&self, next: Phase) -> bool {
        let may = self.get().may_become(next);
        if may {
            self.0.set(next);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::{Phase::*, *};

    const ALL: [Phase; 7] = [Open, Leaving, Lost, Closing, Finishing, Ended, Cut];

    #[test]
    fn only_these_transitions_are_taken() {
        let allowed: [&[Phase]; 7] = [
            &[Leaving, Lost, Closing, Finishing, Ended, Cut],
            &[Lost, Closing, Finishing, Ended, Cut],
            &[Cut],
            &[Finishing, Ended, Cut],
            &[Ended, Cut],
            &[Cut],
            &[],
        ];
        for (from, allowed) in ALL.into_iter().zip(allowed) {
            for next in ALL {
                let cell = PhaseCell(Cell::new(from));
                assert_eq!(cell.advance(next), allowed.contains(&next), "{from:?} to {next:?}");
                assert_eq!(cell.get(), if allowed.contains(&next) { next } else { from });
            }
        }
    }

    #[test]
    fn a_failed_write_is_the_end_of_sending_and_does_not_reopen_a_session() {
        for phase in ALL.into_iter().filter(|phase| *phase < Ended) {
            let next = phase.after_failed_write();
            assert!(phase == next || phase.may_become(next), "{phase:?}");
            assert!(!next.can_send() && phase.is_closed() == next.is_closed(), "{phase:?}");
        }
    }
}

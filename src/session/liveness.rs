use std::time::Duration;

use actix::clock::Instant;

use super::{phase::Phase, spread::share};
use chat_wire::CloseCode;

/// How long sessions may stay silent or unfinished.
#[derive(Debug, Clone)]
pub struct SessionTimes {
    /// Between two HEARTBEATs.
    pub heartbeat: Duration,
    /// Without a sign of life: 4002.
    pub silence_max: Duration,
    /// Without a JOIN: 4004.
    pub join_max: Duration,
    /// After a close frame was sent, before the socket is cut.
    pub close_max: Duration,
}

/// When something is to be done about a session. Pure: the hub asks once a second, and more often while it drains.
#[derive(Debug)]
pub struct Liveness {
    /// When something last came from the client.
    pub last_heard: Instant,
    /// By when it has to be in a room: each JOIN, refused ones too, gives it as long again.
    pub join_by: Instant,
    /// Once it is closed: by when its client has to answer.
    pub cut_at: Option<Instant>,
    /// Messages that its rooms took and have not answered.
    pub n_unanswered: usize,
    next_heartbeat: Instant,
    /// When the client is sent to another server, while this one drains. None for one that came meanwhile: now.
    move_at: Option<Instant>,
}

/// What is due about a session.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A HEARTBEAT for each of its rooms.
    Heartbeat,
    /// Its end.
    Close(CloseCode),
    /// The end of its connection: its client did not answer the close frame.
    Cut,
}

impl Liveness {
    /// For a session that was just opened. `spread` is 0 to 1: where in the interval its first heartbeat comes, so that
    /// sessions that came together do not beat together.
    pub fn new(now: Instant, times: &SessionTimes, spread: f64) -> Self {
        Self {
            last_heard: now,
            join_by: now + times.join_max,
            next_heartbeat: now + share(times.heartbeat, 0.5 + spread / 2.0),
            cut_at: None,
            move_at: None,
            n_unanswered: 0,
        }
    }

    /// What is due now. The next heartbeat is an interval after this one.
    pub fn due(&mut self, now: Instant, times: &SessionTimes, phase: Phase, is_member: bool) -> Due {
        if phase.is_closed() {
            return if self.cut_at.is_none_or(|at| at <= now) { Due::Cut } else { Due::Nothing };
        }
        if self.last_heard + times.silence_max <= now {
            return Due::Close(CloseCode::NoSignOfLife);
        }
        if is_member && self.next_heartbeat <= now {
            self.next_heartbeat = now + times.heartbeat;
            return Due::Heartbeat;
        }
        if !is_member && self.join_by <= now { Due::Close(CloseCode::NotJoined) } else { Due::Nothing }
    }

    /// The server drains: the client is to be moved at some moment within `window` (P6). `part` is 0 to 1.
    pub fn plan_move(&mut self, now: Instant, window: Duration, part: f64) {
        self.move_at = Some(now + share(window, part));
    }

    /// Whether its moment to be moved has come.
    pub fn is_to_move(&self, now: Instant) -> bool {
        self.move_at.is_none_or(|at| at <= now)
    }

    /// Whether it can be moved, once its moment has come: its messages are answered, or were not within `answer_max`.
    pub fn can_move(&self, now: Instant, answer_max: Duration) -> bool {
        self.n_unanswered == 0 || self.move_at.is_none_or(|at| at + answer_max <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TIMES: SessionTimes = SessionTimes {
        heartbeat: Duration::from_secs(30),
        silence_max: Duration::from_secs(75),
        join_max: Duration::from_secs(10),
        close_max: Duration::from_secs(3),
    };

    #[test]
    fn silence_and_a_missing_join_close_and_a_close_that_is_not_answered_cuts() {
        let start = Instant::now();
        let mut session = Liveness::new(start, &TIMES, 1.0);
        let due = |session: &mut Liveness, seconds: u32, phase, is_member| {
            session.due(start + seconds * SECOND, &TIMES, phase, is_member)
        };
        assert_eq!(due(&mut session, 9, Phase::Open, false), Due::Nothing);
        session.join_by = start + 19 * SECOND;
        assert_eq!(due(&mut session, 18, Phase::Open, false), Due::Nothing);
        assert_eq!(due(&mut session, 19, Phase::Lost, false), Due::Close(CloseCode::NotJoined));
        assert_eq!(due(&mut session, 29, Phase::Open, true), Due::Nothing);
        assert_eq!(due(&mut session, 31, Phase::Open, true), Due::Heartbeat);
        assert_eq!(due(&mut session, 60, Phase::Leaving, true), Due::Nothing);
        assert_eq!(due(&mut session, 61, Phase::Leaving, true), Due::Heartbeat);
        assert_eq!(due(&mut session, 75, Phase::Open, true), Due::Close(CloseCode::NoSignOfLife));
        session.last_heard = start + 75 * SECOND;
        assert_eq!(due(&mut session, 76, Phase::Open, true), Due::Nothing);
        session.cut_at = Some(start + 79 * SECOND);
        assert_eq!(due(&mut session, 78, Phase::Closing, false), Due::Nothing);
        assert_eq!(due(&mut session, 79, Phase::Ended, false), Due::Cut);
    }

    #[test]
    fn who_is_moved_hears_what_became_of_its_messages_but_does_not_wait_for_ever() {
        let start = Instant::now();
        let mut session = Liveness::new(start, &TIMES, 0.0);
        assert!(session.is_to_move(start) && session.can_move(start, SECOND), "one that came while the server drains");
        session.plan_move(start, 10 * SECOND, 0.5);
        let moment = start + 5 * SECOND;
        assert!(!session.is_to_move(start + 4 * SECOND) && session.is_to_move(moment));
        session.n_unanswered = 1;
        assert!(!session.can_move(moment, SECOND) && session.can_move(moment + SECOND, SECOND));
        session.n_unanswered = 0;
        assert!(session.can_move(moment, SECOND));
    }
}

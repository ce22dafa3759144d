use super::{Ended, Session, WorkerState};
use crate::{
    changes::Acknowledged,
    desk::{Pending, put_frame},
    mix::Kind,
    numbers::count,
    schedule::Due,
    text::Mark,
    wire,
};

/// What a visitor writes, and what becomes of it.
impl Session {
    /// Writes what is due. While the session is not there it waits.
    pub fn publish(&mut self, state: &mut WorkerState, due: Due) {
        let mark = Mark { n: due.n, due_us: due.at_us };
        let kind = state.plan.mix.and_then(|mix| mix.kind(due.n, count(state.plan.n_writers), state.plan.seed));
        let now_us = state.plan.now_us();
        let WorkerState { rooms, random, window, .. } = &mut *state;
        let Some(room) = rooms.get(self.room) else { return };
        let command = self.desk.command(kind, &room.changes, self.cursor.at(), random, now_us);
        match command.kind() {
            None => window.counts.sent += 1,
            Some(kind) => window.mix.entry(kind).or_default().counts.sent += 1,
        }
        let pending = Pending { mark, command };
        self.desk.push(pending.clone());
        state.n_pending += 1;
        if self.is_live()
            && let Err(ended) = self.put_command(state, &pending)
        {
            self.end(state, ended);
        }
    }

    pub(super) fn put_command(&mut self, state: &mut WorkerState, pending: &Pending) -> Result<(), Ended> {
        let mut text = std::mem::take(&mut state.text);
        text.clear();
        put_frame(&mut text, pending, state.plan.run, state.plan.payload);
        let done = self.put(state, wire::TEXT, text.as_bytes());
        state.text = text;
        done
    }

    pub(super) fn acknowledged(
        &mut self,
        state: &mut WorkerState,
        Pending { mark, command }: &Pending,
        (id, seq, rev): (Box<str>, i64, i64),
        now_us: u64,
    ) {
        let took_us = now_us.saturating_sub(mark.due_us);
        if state.plan.mix.is_some() {
            self.desk.stored(command, id, now_us);
        }
        let Some(kind) = command.kind() else {
            state.window.counts.acknowledged += 1;
            state.window.ack.record(took_us);
            return;
        };
        let mix = state.window.mix.entry(kind).or_default();
        mix.counts.acknowledged += 1;
        mix.ack.record(took_us);
        if rev == seq {
            mix.counts.unchanged += 1;
        } else {
            state.board.acknowledged(Acknowledged { room: self.room, seq, rev, kind, due_us: mark.due_us });
        }
    }

    /// Something was refused: a command of this session, where it names one.
    pub(super) fn refused(&mut self, state: &mut WorkerState, pending: Option<&Pending>, code: String) {
        let Some(pending) = pending else { return state.window.error(code) };
        self.desk.refused(&pending.command);
        let Some(kind) = pending.command.kind() else {
            state.window.counts.refused += 1;
            return state.window.error(code);
        };
        let counts = &mut state.window.mix.entry(kind).or_default().counts;
        counts.refused += 1;
        // Somebody else's message may be gone by the time that a reaction to it comes.
        if code == "MESSAGE_DELETED" && kind == Kind::Reaction {
            counts.overtaken += 1;
        } else {
            state.window.error(code);
        }
    }

    /// A command needs no further thought.
    pub(super) fn done(&mut self, state: &mut WorkerState, n: u64) -> Option<Pending> {
        let pending = self.desk.done(n)?;
        state.n_pending -= 1;
        Some(pending)
    }
}

//! What a room does with what it hears: the rules of `room/remote.rs`, `room/catch_up.rs` and `room/joins.rs`, in short.

use chat_domain::Change;
use chat_rooms::{Offered, Timeline};

use crate::{
    Cluster,
    world::{Ahead, Frame, HELD_MAX, Id, Listens, Room, World, Wrong, as_rev, id_of},
};

impl Cluster {
    /// The real thing, in the state that the room is in; `then` does something with it, and gives out what it shows.
    pub fn with_timeline(&self, room: &mut Room, then: impl FnOnce(&mut Timeline) -> Vec<Change>) {
        let mut timeline = Timeline::new(room.rev);
        for (rev, ahead) in &room.ahead {
            assert_eq!(timeline.offer(self.change(*rev, ahead.id)) == Offered::Next, *rev == room.rev + 1);
        }
        let shows = then(&mut timeline);
        room.rev = timeline.rev();
        room.ahead.retain(|rev, _| *rev > timeline.rev());
        assert_eq!(room.ahead.len(), timeline.n_ahead());
        room.shown.extend(shows.iter().map(id_of));
    }

    /// Changes that are committed, as far as the room knows: those that follow are shown.
    pub fn offer(&self, room: &mut Room, frame: &Frame, is_heard: bool) {
        let above = room.rev;
        let changes: Vec<_> = frame.changes().filter(|(rev, _)| *rev > above).collect();
        for (rev, id) in &changes {
            room.ahead.insert(*rev, Ahead { id: *id, is_heard, is_asked: false });
        }
        self.with_timeline(room, |timeline| {
            for (rev, id) in changes {
                assert_ne!(timeline.offer(self.change(rev, id)), Offered::Old);
            }
            if is_heard && self.is(Wrong::ShowsWhatIsAhead) { timeline.fill(frame.upto(), []) } else { timeline.take() }
        });
    }

    /// As `CatchUp::begin`.
    pub fn begin_read(&self, room: &mut Room, n_stored: usize) {
        if room.reading.is_none() && room.is_behind() {
            (room.reading, room.is_wanted_since) = (Some(n_stored), false);
            room.ahead.values_mut().for_each(|ahead| ahead.is_asked = true);
        }
    }

    /// As `Room::hear_of`.
    pub fn hear_of(&self, room: &mut Room, rev: i64, n_stored: usize) {
        if !room.is_live() || rev > room.rev {
            (room.wanted, room.is_wanted_since) = (room.wanted.max(rev), true);
            self.begin_read(room, n_stored);
        }
    }

    /// As `Room::hear_changes`.
    pub fn receive(&self, at: usize, room: &mut Room, frame: &Frame, n_stored: usize) {
        if frame.server == at {
            return;
        }
        if !room.is_live() {
            if !self.is(Wrong::ForgetsWhileLoading) {
                self.hear_of(room, frame.upto(), n_stored);
            }
            return;
        }
        if frame.upto() <= room.rev {
            if self.is(Wrong::ShowsRepeats) {
                room.shown.extend(&frame.ids);
            }
            return;
        }
        if frame.first_rev > room.rev + 1 && room.ahead.len() + frame.ids.len() > HELD_MAX {
            return self.hear_of(room, frame.upto(), n_stored);
        }
        self.offer(room, frame, true);
        self.begin_read(room, n_stored);
    }

    /// As `Room::take_in`.
    pub fn take_in(&self, room: &mut Room, upto: usize, stored: &[Id]) {
        let unheard: Vec<_> =
            room.ahead.iter().filter(|(_, a)| a.is_heard && a.is_asked).map(|(rev, _)| *rev).collect();
        self.with_timeline(room, |timeline| {
            let above = usize::try_from(timeline.rev()).expect("a value");
            let revs = above + 1..=upto;
            timeline.fill(as_rev(upto), revs.map(|rev| self.change(as_rev(rev), stored[rev - 1])))
        });
        // The database does not have them, so nobody has committed them: as `Timeline::discard`.
        for rev in unheard.into_iter().filter(|rev| *rev > as_rev(upto)) {
            room.ahead.remove(&rev);
        }
        room.reading = None;
        if !room.is_wanted_since || self.is(Wrong::TakesOldReadsForNew) {
            room.wanted = 0;
        }
        self.begin_read(room, stored.len());
    }

    pub fn publish(&self, world: &mut World, frame: &Frame) {
        for (room, bus) in world.rooms.iter().zip(&mut world.bus) {
            if room.listens == Listens::Yes {
                bus.insert(frame.clone());
            }
        }
    }
}

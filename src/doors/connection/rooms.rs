//! What sessions of its rooms tell a connection, and how it leaves them.

use super::{
    reading::{Reading, Told},
    running::{Connection, Protocol},
};

impl<P: Protocol> Connection<P> {
    pub(super) fn told(&mut self, index: usize, told: Told) {
        let Some(room) = self.rooms.get_mut(index) else { return };
        match told {
            Told::Joined(Ok(())) => P::joined(self, index),
            Told::Joined(Err(why)) => {
                if let Some(name) = self.forget(index) {
                    P::not_joined(self, name, &why.into());
                }
            }
            Told::Begin(n_bytes) => {
                self.n_begun += 1;
                let head = self.own.head(&room.name, self.n_begun);
                let n_behind = self.own.tail(&room.name).len();
                self.output.begin(&head, n_bytes + n_behind);
            }
            Told::Bytes(bytes, false) => self.output.more(bytes, false),
            Told::Bytes(bytes, true) => {
                self.output.more(bytes, false);
                self.output.more(self.own.tail(&room.name), true);
                if room.is_over
                    && let Some(name) = self.forget(index)
                {
                    P::left(self, name);
                }
            }
            Told::Ended(code) => {
                self.forget(index);
                P::ended(self, code);
            }
            // Its connection was ended before.
            Told::Cut => {}
        }
    }

    /// Reads a room no more: what has begun of it comes to its end.
    pub fn leave(&mut self, index: usize) {
        let Some(room) = self.rooms.get_mut(index) else { return };
        if room.is_open() {
            room.is_over = true;
        } else if let Some(name) = self.forget(index) {
            P::left(self, name);
        }
    }

    /// A room is read no more: its session ends with it.
    fn forget(&mut self, index: usize) -> Option<P::Name> {
        #[expect(clippy::disallowed_methods, reason = "it is one of them, as is looked at before")]
        let forgotten = (index < self.rooms.len()).then(|| self.rooms.remove(index));
        forgotten.map(|room| room.name)
    }

    /// Whether a frame of a room has begun, and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.rooms.iter().any(Reading::is_open)
    }
}

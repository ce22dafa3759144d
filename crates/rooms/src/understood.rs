use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether every living server shows the changes of messages that are stored already. Where one does not, as during an
/// update from a release that knew none, they are not made yet. Shared by all rooms; whoever knows the servers sets it.
#[derive(Debug, Clone, Default)]
pub struct Understood(Arc<AtomicBool>);

impl Understood {
    /// Says whether they all do.
    pub fn set(&self, by_all: bool) {
        self.0.store(by_all, Ordering::Relaxed);
    }

    /// Whether they all do. Not known is no.
    pub fn by_all(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

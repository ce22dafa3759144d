//! What a room does when its oldest messages were removed in the database: nobody gets them any more, and everybody is told
//! where the room begins now.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::Room;

/// How long a room waits before it reads its figures again, where it went on while they were read.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// So often it does: whatever else is read of the room later brings them as well.
const READS_MAX: u32 = 20;

impl Room {
    /// The room's messages below `first_seq` are gone, as the database says.
    pub(super) fn keep_from(&mut self, first_seq: i64, ctx: &mut Context<Self>) {
        if self.live.as_mut().is_some_and(|live| live.keep_from(first_seq)) {
            self.tell_state();
            self.read_figures(READS_MAX, ctx);
        }
    }

    /// How many messages there are is counted by the database alone: which of those that went were deleted before, a room
    /// does not know. It counts where the room is where it was read.
    fn read_figures(&mut self, tries: u32, ctx: &mut Context<Self>) {
        let (store, id) = (self.store.clone(), self.id.clone());
        let reading = actix::clock::timeout(self.limits.read_timeout, async move { store.head(&id).await });
        ctx.spawn(reading.into_actor(self).map(move |head, this, ctx| {
            if let (Ok(Ok(head)), Some(live)) = (head, &mut this.live)
                && (live.epoch != head.epoch || live.timeline.rev() == head.rev)
            {
                if live.epoch == head.epoch {
                    live.message_count = head.message_count;
                    this.keep_from(head.first_seq, ctx);
                    this.settle(ctx);
                }
                return;
            }
            if tries > 0 && this.live.is_some() {
                ctx.run_later(AGAIN_AFTER, move |this, ctx| this.read_figures(tries.saturating_sub(1), ctx));
            }
        }));
    }
}

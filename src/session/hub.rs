use std::{rc::Rc, time::Duration};

use actix::{
    Actor, AsyncContext, Context, Handler, ResponseFuture,
    clock::{Instant, sleep},
};

use super::{messages::Drain, random_unit, slot::Slots};
use chat_rooms::{Command, Deliver};

/// A delivery of this many bytes is answered after [`LARGE_DELIVERY_PAUSE`], so that sockets take what they have
/// before the room sends more: a burst of many megabytes must not cut readers that keep up with a network.
const LARGE_DELIVERY_BYTES: usize = 32 * 1024;
/// See [`LARGE_DELIVERY_BYTES`].
const LARGE_DELIVERY_PAUSE: Duration = Duration::from_millis(50);
/// How often a draining hub looks whose moment has come.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// The actor that puts frames into the outboxes of its thread's sessions. One per worker thread.
pub struct Hub {
    slots: Rc<Slots>,
    draining: bool,
}

impl Hub {
    /// The actor, not started.
    pub fn new(slots: Rc<Slots>) -> Self {
        Self { slots, draining: false }
    }
}

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Each room has at most one delivery under way, and waits for a place where there is none.
        ctx.set_mailbox_capacity(1_024);
        ctx.run_interval(Duration::from_secs(1), |this, _| this.slots.tick(Instant::now()));
    }
}

impl Handler<Deliver> for Hub {
    type Result = ResponseFuture<Instant>;

    fn handle(&mut self, Deliver { room, rev, commands }: Deliver, _: &mut Self::Context) -> Self::Result {
        let mut frames = Vec::new();
        for command in commands {
            match command {
                Command::Attach(session, welcome, place) => self.slots.attach(room, session, welcome, place),
                Command::Broadcast(frame, place) => frames.push((frame, place)),
                Command::Direct(session, frame, answers) => self.slots.direct(room, session, frame, answers, &frames),
                Command::CloseAll(code, place) => self.slots.close_room(room, code, place, &frames),
            }
        }
        let slots = self.slots.clone();
        Box::pin(async move {
            // Whoever has an answer or a WELCOME to get does not wait for a thousand others.
            slots.flush().await;
            slots.broadcast(room, &frames).await;
            // Not before: a heartbeat in between must not tell of what its session was not sent yet.
            slots.set_rev(room, rev);
            let delivered = Instant::now();
            if frames.iter().map(|(frame, _)| frame.len()).sum::<usize>() >= LARGE_DELIVERY_BYTES {
                sleep(LARGE_DELIVERY_PAUSE).await;
            }
            delivered
        })
    }
}

impl Handler<Drain> for Hub {
    type Result = ();

    fn handle(&mut self, Drain { window, after_max, answer_max }: Drain, ctx: &mut Self::Context) {
        // Told again, it is in more of a hurry: the moments are chosen anew.
        self.slots.plan_drain(Instant::now(), window, random_unit);
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        ctx.run_interval(DRAIN_STEP, move |this, _| {
            this.slots.drain(Instant::now(), after_max, answer_max, random_unit);
        });
    }
}

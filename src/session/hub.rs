use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, clock::Instant};

use super::{messages::Drain, random_unit, slot::Slots};
use crate::{
    metrics::Metrics,
    room::{Command, Deliver},
};

/// How often a draining hub looks whose moment has come.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// The actor that puts frames into the outboxes of its thread's sessions. One per worker thread.
pub struct Hub {
    slots: Rc<Slots>,
    metrics: Arc<Metrics>,
    draining: bool,
}

impl Hub {
    /// The actor, not started.
    pub fn new(slots: Rc<Slots>, metrics: Arc<Metrics>) -> Self {
        Self { slots, metrics, draining: false }
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
    type Result = ();

    fn handle(&mut self, Deliver { room, rev, commands, received }: Deliver, _: &mut Self::Context) {
        for command in commands {
            match command {
                Command::Attach(session, welcome) => self.slots.attach(room, session, welcome),
                Command::Broadcast(frame) => self.slots.broadcast(room, &frame),
                Command::Direct(session, frame) => self.slots.direct(session, frame),
                Command::CloseAll(code) => self.slots.close_room(room, code),
            }
        }
        self.slots.set_rev(room, rev);
        if let Some(received) = received {
            self.metrics.delivery_seconds.observe(received.elapsed().as_secs_f64());
        }
    }
}

impl Handler<Drain> for Hub {
    type Result = ();

    fn handle(&mut self, Drain { window, after_max }: Drain, ctx: &mut Self::Context) {
        // Told again, it is in more of a hurry: the moments are chosen anew.
        self.slots.plan_drain(Instant::now(), window, random_unit);
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        ctx.run_interval(DRAIN_STEP, move |this, _| this.slots.drain(Instant::now(), after_max, random_unit));
    }
}

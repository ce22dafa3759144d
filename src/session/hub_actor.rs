use std::{collections::HashMap, rc::Rc, time::Duration};

use actix::{
    Actor, AsyncContext, Context, Handler, ResponseFuture,
    clock::{Instant, sleep},
};
use bytes::Bytes;

use super::{
    framing::Framing,
    hub::Hub,
    liveness::Due,
    messages::Drain,
    spread::{random_unit, share},
};
use chat_rooms::{Deliver, RoomKey};
use chat_wire::{CloseCode, HeartbeatPayload, ReconnectPayload, ServerFrame};

/// A delivery of this many bytes is answered after [`LARGE_DELIVERY_PAUSE`], so that sockets take what they have
/// before the room sends more: a burst of many megabytes must not cut readers that keep up with a network.
const LARGE_DELIVERY_BYTES: usize = 32 * 1024;
/// See [`LARGE_DELIVERY_BYTES`].
const LARGE_DELIVERY_PAUSE: Duration = Duration::from_millis(50);
/// How often a draining hub looks whose moment has come.
const DRAIN_STEP: Duration = Duration::from_millis(20);

/// The actor of a [`Hub`]: rooms deliver to it, and it does what time brings.
pub struct HubActor {
    hub: Rc<Hub>,
    draining: bool,
}

impl HubActor {
    /// The actor of a hub, not started.
    pub fn new(hub: Rc<Hub>) -> Self {
        Self { hub, draining: false }
    }

    /// Heartbeats, and the end of sessions that are silent, in no room, or did not answer a close.
    fn tick(&self, now: Instant) {
        let mut beats: HashMap<(RoomKey, usize), Bytes> = HashMap::new();
        for slot in self.hub.sessions() {
            let due = slot.liveness.borrow_mut().due(now, self.hub.times(), slot.phase(), slot.is_member());
            match due {
                Due::Nothing => {}
                Due::Cut => slot.cut(),
                Due::Close(code) => self.hub.close(&slot, code),
                Due::Heartbeat => {
                    let framing = slot.outbox.framing();
                    for room in slot.rooms() {
                        let key = (room, framing.codec().number());
                        let beat = beats.entry(key).or_insert_with(|| self.heartbeat(room, framing)).clone();
                        self.hub.send(&slot, beat);
                    }
                }
            }
        }
    }

    fn heartbeat(&self, room: RoomKey, framing: &dyn Framing) -> Bytes {
        let rev = self.hub.rev(room);
        framing.heartbeat(chat_wire::encode(&ServerFrame::Heartbeat(HeartbeatPayload { rev })).as_bytes())
    }

    /// Gives every session its own moment within `window` to be sent to another server (P6).
    fn plan_drain(&self, now: Instant, window: Duration) {
        for slot in self.hub.sessions() {
            slot.liveness.borrow_mut().plan_move(now, window, random_unit());
        }
    }

    /// Sends those away whose moment has come, each to come back after its own random wait of at most `after_max`. One
    /// with messages under way hears of them first, for at most `answer_max`.
    fn drain(&self, now: Instant, after_max: Duration, answer_max: Duration) {
        for slot in self.hub.sessions() {
            if slot.phase().is_closed() || !slot.liveness.borrow().is_to_move(now) {
                continue;
            }
            slot.outbox.leave();
            if slot.liveness.borrow().can_move(now, answer_max) {
                let after_ms = u64::try_from(share(after_max, random_unit()).as_millis()).unwrap_or(u64::MAX);
                let json = chat_wire::encode(&ServerFrame::Reconnect(ReconnectPayload { after_ms }));
                slot.outbox.push_uncounted(slot.outbox.framing().text(json.as_bytes()));
                self.hub.close(&slot, CloseCode::Restart);
            }
        }
    }
}

impl Actor for HubActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Each room has at most one delivery under way, and waits where the mailbox is full.
        ctx.set_mailbox_capacity(1_024);
        ctx.run_interval(Duration::from_secs(1), |this, _| this.tick(Instant::now()));
    }
}

impl Handler<Deliver> for HubActor {
    type Result = ResponseFuture<Instant>;

    fn handle(&mut self, Deliver { room, rev, commands }: Deliver, _: &mut Self::Context) -> Self::Result {
        let hub = self.hub.clone();
        let frames = hub.carry_out(room, commands);
        Box::pin(async move {
            // Whoever has an answer or a WELCOME to get does not wait for a thousand others.
            hub.flush().await;
            hub.broadcast(room, &frames).await;
            // Not before: a heartbeat in between must not name a counter that its session was not brought to.
            hub.set_rev(room, rev);
            let delivered = Instant::now();
            if frames.n_bytes() >= LARGE_DELIVERY_BYTES {
                sleep(LARGE_DELIVERY_PAUSE).await;
            }
            delivered
        })
    }
}

impl Handler<Drain> for HubActor {
    type Result = ();

    fn handle(&mut self, Drain { window, after_max, answer_max }: Drain, ctx: &mut Self::Context) {
        // Asked again, it is in more of a hurry: the moments are chosen anew.
        self.plan_drain(Instant::now(), window);
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        ctx.run_interval(DRAIN_STEP, move |this, _| this.drain(Instant::now(), after_max, answer_max));
    }
}

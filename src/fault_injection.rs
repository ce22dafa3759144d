//! Servers that are wrong on purpose: the fault tests show that their checker finds it. Only with the feature of this
//! name, which no release has.

use std::mem;

use actix::{Actor, Context, Handler, Recipient, ResponseFuture, clock::Instant};
use chat_rooms::{Command, Deliver, RoomKey};
use clap::ValueEnum;

/// What a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broken {
    /// PostgreSQL: messages are acknowledged and shown before they are committed. The store does that.
    EarlyAck,
    /// Changes are delivered behind those that follow them.
    SwappedOrder,
    /// What goes over the bus is lost, goes twice, or behind what follows it: which it may, and nobody must notice.
    LossyBus,
}

/// The way of deliveries to a hub.
pub fn deliveries(broken: Option<Broken>, hub: Recipient<Deliver>) -> Recipient<Deliver> {
    match broken {
        Some(Broken::SwappedOrder) => SwappingHub { hub, held: None }.start().recipient(),
        Some(Broken::EarlyAck | Broken::LossyBus) | None => hub,
    }
}

/// What becomes of a frame on its way.
type Way<T> = Box<dyn FnMut(T) -> Vec<T> + Send>;

/// The way of frames to the bus: of ten one is lost, one goes twice, and one waits until the next one has gone.
pub fn to_bus<T: Clone + Send + 'static>(broken: Option<Broken>) -> Option<Way<T>> {
    if broken != Some(Broken::LossyBus) {
        return None;
    }
    // Each server another way.
    let (mut random, _) = uuid::Uuid::new_v4().as_u64_pair();
    let mut held = None;
    Some(Box::new(move |frame: T| {
        // Xorshift (Marsaglia 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        match random % 10 {
            0 => Vec::new(),
            1 => vec![frame.clone(), frame],
            2 if held.is_none() => {
                held = Some(frame);
                Vec::new()
            }
            _ => std::iter::once(frame).chain(held.take()).collect(),
        }
    }))
}

/// Stands before a hub.
struct SwappingHub {
    hub: Recipient<Deliver>,
    /// What a room delivers behind its next one.
    held: Option<(RoomKey, Command)>,
}

impl SwappingHub {
    fn swapped(&mut self, room: RoomKey, commands: Vec<Command>) -> Vec<Command> {
        let mut swapped = Vec::new();
        for mut command in commands {
            if let Command::Broadcast(frame, _) = &mut command {
                match &mut self.held {
                    None => {
                        self.held = Some((room, command));
                        continue;
                    }
                    // Each takes the other's position: a hub leaves out what lies before what a session was sent.
                    Some((of, Command::Broadcast(earlier, _))) if *of == room => {
                        mem::swap(earlier, frame);
                        swapped.extend(self.held.take().map(|(_, held)| held));
                    }
                    Some(_) => {}
                }
            }
            swapped.push(command);
        }
        swapped
    }
}

impl Actor for SwappingHub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
    }
}

impl Handler<Deliver> for SwappingHub {
    type Result = ResponseFuture<Instant>;

    fn handle(&mut self, Deliver { room, rev, commands }: Deliver, _: &mut Self::Context) -> Self::Result {
        let commands = self.swapped(room, commands);
        let delivered = self.hub.send(Deliver { room, rev, commands });
        Box::pin(async { delivered.await.unwrap_or_else(|_| Instant::now()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossy_bus_loses_some_doubles_some_and_swaps_some() {
        let mut way = to_bus(Some(Broken::LossyBus)).expect("a way");
        let gone: Vec<usize> = (0..10_000).flat_map(&mut way).collect();
        let n_times = |n: usize| gone.iter().filter(|other| **other == n).count();
        let of = |n: usize| (0..10_000).step_by(10).filter(|frame| n_times(*frame) == n).count();
        assert_eq!(of(0) + of(1) + of(2), 1_000);
        assert!([of(0), of(2)].iter().all(|n| (50..200).contains(n)), "{} lost, {} doubled", of(0), of(2));
        let n_swapped = gone.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((300..2_000).contains(&n_swapped), "{n_swapped} swapped");
        assert!(to_bus::<()>(Some(Broken::EarlyAck)).is_none() && to_bus::<()>(None).is_none());
    }
}

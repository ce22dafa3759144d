//! Servers that are wrong on purpose: the fault tests show that their checker finds it. Only with the feature of this
//! name, which no release has.

use std::{collections::HashMap, mem};

use actix::{Actor, Context, Handler, Recipient, ResponseFuture, clock::Instant};
use chat_rooms::{Command, Deliver, HubId, Join, RoomKey};
use clap::ValueEnum;

/// What a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Broken {
    /// PostgreSQL: messages are acknowledged and shown before they are committed. The store does that.
    EarlyAck,
    /// Changes are delivered behind those that follow them.
    SwappedOrder,
}

/// The way of joins to the registry. Where the order is to be swapped, rooms get hubs that do so.
pub fn joins(broken: Option<Broken>, registry: Recipient<Join>) -> Recipient<Join> {
    match broken {
        Some(Broken::SwappedOrder) => Joins { registry, hubs: HashMap::new() }.start().recipient(),
        Some(Broken::EarlyAck) | None => registry,
    }
}

/// Stands before the registry.
struct Joins {
    registry: Recipient<Join>,
    hubs: HashMap<HubId, Recipient<Deliver>>,
}

impl Actor for Joins {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
    }
}

impl Handler<Join> for Joins {
    type Result = ();

    fn handle(&mut self, mut join: Join, _: &mut Self::Context) {
        let swapping = |hub: &Recipient<Deliver>| SwappingHub { hub: hub.clone(), held: None }.start().recipient();
        let hub = self.hubs.entry(join.session.hub).or_insert_with(|| swapping(&join.session.deliver));
        join.session.deliver = hub.clone();
        // One that is dropped is refused.
        let _ = self.registry.try_send(join);
    }
}

/// Stands before a hub.
struct SwappingHub {
    hub: Recipient<Deliver>,
    /// What a room delivers behind its next one.
    held: Option<(RoomKey, Command)>,
}

impl SwappingHub {
    fn swap(&mut self, room: RoomKey, commands: &mut Vec<Command>) {
        let Some(at) = commands.iter().position(|c| matches!(c, Command::Broadcast(..))) else { return };
        match self.held.take() {
            None => self.held = Some((room, commands.remove(at))),
            Some((of, mut earlier)) if of == room => {
                // Each takes the other's position: a hub leaves out what lies before what a session was sent.
                if let (Command::Broadcast(a, _), Some(Command::Broadcast(b, _))) = (&mut earlier, commands.get_mut(at))
                {
                    mem::swap(a, b);
                }
                commands.insert(at, earlier);
            }
            held => self.held = held,
        }
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

    fn handle(&mut self, mut deliver: Deliver, _: &mut Self::Context) -> Self::Result {
        self.swap(deliver.room, &mut deliver.commands);
        let delivered = self.hub.send(deliver);
        Box::pin(async { delivered.await.unwrap_or_else(|_| Instant::now()) })
    }
}

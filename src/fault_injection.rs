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
}

/// The way of deliveries to a hub.
pub fn deliveries(broken: Option<Broken>, hub: Recipient<Deliver>) -> Recipient<Deliver> {
    match broken {
        Some(Broken::SwappedOrder) => SwappingHub { hub, held: None }.start().recipient(),
        Some(Broken::EarlyAck) | None => hub,
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

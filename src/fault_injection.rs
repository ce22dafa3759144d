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

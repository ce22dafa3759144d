//! Any text as a message of a client that speaks Socket.IO: read or refused, and an event that is read and written again
//! has the same name and the same number.
#![no_main]

use chat_socketio::{
    engine::{self, Engine},
    packet::{self, Packet},
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(Engine::Message(text)) = engine::read(text) else { return };
    match packet::read(text) {
        Ok(Packet::Event { name, payload, ack }) => {
            let number = ack.map_or_else(String::new, |ack| ack.to_string());
            let written = format!("2{number}{}", json!([name, payload]));
            // A number with a fraction may come back as its neighbour, so the payload is not compared.
            match packet::read(&written) {
                Ok(Packet::Event { name: again, ack: ack_again, .. }) => assert_eq!((again, ack_again), (name, ack)),
                other => panic!("{written} is {other:?}"),
            }
        }
        Ok(Packet::Elsewhere(namespace)) => assert!(namespace.starts_with('/') && namespace.len() <= 256),
        Ok(Packet::Connect(_) | Packet::Disconnect | Packet::Ack) | Err(_) => {}
    }
});

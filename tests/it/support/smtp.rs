use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::within;

/// A server of a test's own that takes mail.
pub struct Smtp {
    pub port: u16,
    said: UnboundedReceiver<Value>,
    orders: ChildStdin,
    process: Child,
}

impl Smtp {
    /// With these settings: `key` and `cert` (paths), `secure`, `user` and `password`, `port`.
    pub async fn with(settings: Value) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/smtp-server.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(settings.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("node starts, with what npm ci installs");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let (tell, said) = unbounded_channel();
        // Ends with the output.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        let orders = process.stdin.take().expect("its input");
        let mut smtp = Self { port: 0, said, orders, process };
        smtp.port = smtp.next().await["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        smtp
    }

    pub async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// The next thing it says: a letter that it has taken.
    pub async fn next(&mut self) -> Value {
        within("a letter", self.said.recv()).await.expect("the server of mail lives")
    }

    /// What it answers letters with from now on; 0: it takes them.
    pub async fn refuses(&mut self, code: u16) {
        let order = if code == 0 { "take\n".to_owned() } else { format!("refuse {code}\n") };
        self.orders.write_all(order.as_bytes()).expect("it listens");
        assert_eq!(self.next().await, json!({"refuses": code}));
    }

    /// It is gone, and what its port was is free again.
    pub fn end(self) -> u16 {
        self.port
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

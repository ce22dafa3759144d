use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::within;

/// A server of a test's own that takes mail.
pub struct Smtp {
    pub port: u16,
    said: Lines<BufReader<ChildStdout>>,
    orders: ChildStdin,
    process: Child,
}

impl Smtp {
    /// With these settings: `key` and `cert` (paths), `secure`, `user` and `password`, `port`.
    pub async fn with(settings: Value) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/smtp-server.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(settings.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("node starts, with what npm ci installs");
        let said = BufReader::new(process.stdout.take().expect("its output")).lines();
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
        let line = within("a letter", self.said.next_line()).await.expect("a line").expect("the server of mail lives");
        serde_json::from_str(&line).expect("JSON")
    }

    /// What it answers letters with from now on; 0: it takes them.
    pub async fn refuses(&mut self, code: u16) {
        let order = if code == 0 { "take\n".to_owned() } else { format!("refuse {code}\n") };
        self.orders.write_all(order.as_bytes()).await.expect("it listens");
        assert_eq!(self.next().await, json!({"refuses": code}));
    }

    /// It is gone, and what its port was is free again.
    pub async fn end(mut self) -> u16 {
        self.process.kill().await.expect("it ends");
        self.port
    }
}

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::within;

/// A program for Node of `tests/it/support`, for one test: it says JSON, a line each, and reads orders. Ends with this.
pub struct NodeProgram {
    said: UnboundedReceiver<Value>,
    orders: ChildStdin,
    process: Child,
}

impl NodeProgram {
    /// The script of this name, with these settings.
    pub fn start(script: &str, settings: &Value) -> Self {
        let script = format!("{}/tests/it/support/{script}", env!("CARGO_MANIFEST_DIR"));
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
        Self { said, orders, process }
    }

    /// The next thing that it says.
    pub async fn next(&mut self, what: &str) -> Value {
        within(what, self.said.recv()).await.unwrap_or_else(|| panic!("{what}: the program has ended"))
    }

    /// What it has said already, if anything.
    pub fn said(&mut self) -> Option<Value> {
        self.said.try_recv().ok()
    }

    /// Gives it an order.
    pub fn order(&mut self, order: &str) {
        self.orders.write_all(format!("{order}\n").as_bytes()).expect("it listens");
    }
}

impl Drop for NodeProgram {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

use serde_json::{Value, json};

use super::NodeProgram;

/// A server of a test's own that takes mail.
pub struct Smtp {
    pub port: u16,
    program: NodeProgram,
}

impl Smtp {
    /// With these settings: `key` and `cert` (paths), `secure`, `user` and `password`.
    pub async fn with(settings: Value) -> Self {
        let mut smtp = Self { port: 0, program: NodeProgram::start("smtp-server.mjs", &settings) };
        smtp.port = smtp.next().await["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        smtp
    }

    pub async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// The next thing it says: a letter that it has taken.
    pub async fn next(&mut self) -> Value {
        self.program.next("a letter").await
    }

    /// What it answers letters with from now on; 0: it takes them.
    pub async fn refuses(&mut self, code: u16) {
        let order = if code == 0 { "take".to_owned() } else { format!("refuse {code}") };
        self.program.order(&order);
        assert_eq!(self.next().await, json!({"refuses": code}));
    }
}

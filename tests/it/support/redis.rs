use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use redis::{AsyncConnectionConfig, FromRedisValue, aio::MultiplexedConnection};

use super::until;

/// A Redis of a test's own, which keeps nothing on disk.
pub struct Redis {
    pub port: u16,
    /// More arguments of the server, as `--requirepass secret`.
    arguments: Vec<String>,
    process: Child,
}

impl Redis {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With more arguments, as `["--requirepass", "secret"]`; `{port}` in them is its port.
    pub async fn with(arguments: &[&str]) -> Self {
        // It cannot tell which port it took: one that is free now, and another one where somebody was faster.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            let process = Self::spawn(port, &arguments);
            let mut redis = Self { port, arguments, process };
            if redis.listens().await {
                return redis;
            }
        }
        panic!("redis-server found no port");
    }

    fn spawn(port: u16, arguments: &[String]) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command
            .args(arguments.iter().map(|argument| argument.replace("{port}", &port.to_string())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("redis-server starts (Debian: apt-get install redis-server)")
    }

    /// Waits until it takes connections; `false` where it ended instead.
    async fn listens(&mut self) -> bool {
        let (port, process) = (self.port, &mut self.process);
        let outcome = async || match process.try_wait().expect("a child") {
            Some(_) => Some(false),
            None => tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(true),
        };
        until("redis-server to listen", outcome).await
    }

    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// As CHAT_BUS has it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it where it was, empty.
    pub async fn start_again(&mut self) {
        self.kill();
        self.process = Self::spawn(self.port, &self.arguments);
        assert!(self.listens().await, "redis-server ended");
    }

    pub async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a URL");
        // A busy machine answers late.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connect = async || client.get_multiplexed_async_connection_with_config(&config).await.ok();
        until("Redis to answer", connect).await
    }

    /// Asks one thing.
    pub async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let (name, arguments) = command.split_first().expect("a command");
        let mut connection = self.connection().await;
        redis::cmd(name).arg(arguments).query_async(&mut connection).await.expect("an answer")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

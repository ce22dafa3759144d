use std::{sync::Arc, time::Duration};

use chrono::Utc;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Error, ErrorKind, ExchangeKind,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions},
    types::{AMQPValue, FieldTable, LongString},
    uri::AMQPUri,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Mutex,
    time::timeout,
};
use url::{Host, Url};

use super::{NotTaken, Publication};

/// Where all is published (doors.md, section 2).
const EXCHANGE: &str = "chat.events";
/// So long may it take to connect, where that is needed, and to be confirmed. Less than the telling of a room is taken for.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// So long a connection that is of no use any more may take to end in order, so that the broker's log has no line of it.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// `delivery_mode` of what a durable queue keeps on disk (AMQP 0-9-1, section 1.8.3 of its reference).
const PERSISTENT: u8 = 2;
/// What AMQP says where all is well.
const REPLY_SUCCESS: u16 = 200;

/// What `CHAT_AMQP_URL` says. Never printed: it may hold a password.
#[derive(Clone)]
pub struct AmqpUrl(Arc<AMQPUri>);

impl AmqpUrl {
    /// Reads `amqp://user:password@host:port/vhost`, or `amqps://…` with TLS.
    ///
    /// # Errors
    /// A sentence for the operator, without the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| "it is amqp://user:password@host:port/vhost, or amqps://… with TLS".to_owned())
    }

    fn read(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| ["amqp", "amqps"].contains(&url.scheme()))?;
        let mut uri = text.parse::<AMQPUri>().ok()?;
        // Where it is left out, or an address of IPv6, lapin would go to this machine.
        uri.authority.host = match url.host()? {
            Host::Domain(name) => Some(name.to_owned()).filter(|name| !name.is_empty())?,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Some(Self(Arc::new(uri)))
    }

    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        self.0.authority.userinfo != AMQPUri::default().authority.userinfo
    }
}

/// A client that connects when there is something to publish, and again after anything went wrong.
pub struct AmqpClient {
    url: AmqpUrl,
    open: Mutex<Option<Arc<Open>>>,
}

/// A connection and its only channel.
struct Open {
    connection: Connection,
    channel: Channel,
    // Behind the two, so that they end first.
    _tasks: Tasks,
}

/// What a connection's tasks run on: lapin has no other way to end one that hangs. With it they end, and so does lapin's
/// thread, whose socket is of this runtime.
struct Tasks(Option<Runtime>);

impl Tasks {
    fn new() -> Result<Self, NotTaken> {
        let mut builder = Builder::new_multi_thread();
        let built = builder.worker_threads(1).max_blocking_threads(1).thread_name("amqp").enable_all().build();
        built.map(|runtime| Self(Some(runtime))).map_err(|error| NotTaken::Away(error.to_string()))
    }

    /// Does this on it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, NotTaken>> + Send + 'static,
    ) -> Result<T, NotTaken> {
        let Some(runtime) = &self.0 else { return Err(NotTaken::Late) };
        runtime.spawn(work).await.unwrap_or_else(|error| Err(NotTaken::Away(error.to_string())))
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // In the background: whoever drops it may be a task of another runtime, which nothing may block.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What an error means where the broker spoke: that it refuses; `refused` says what.
fn not_taken(error: &Error, refused: impl FnOnce(String) -> NotTaken) -> NotTaken {
    match error.kind() {
        ErrorKind::ProtocolError(said) => refused(said.get_message().to_string()),
        ErrorKind::IOError(error) => NotTaken::Away(error.to_string()),
        _ => NotTaken::Away(error.to_string()),
    }
}

/// A connection to this address, with all made that publishing takes.
async fn open(uri: AMQPUri) -> Result<(Connection, Channel), NotTaken> {
    let options = ConnectionProperties::default().with_connection_name("realtime-chat".into());
    let connection = Connection::connect_uri(uri, options).await;
    let connection = connection.map_err(|error| not_taken(&error, NotTaken::Login))?;
    let making = async {
        let channel = connection.create_channel().await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    };
    match making.await {
        Ok(channel) => Ok((connection, channel)),
        Err(error) => {
            drop(timeout(CLOSE_MAX, connection.close(REPLY_SUCCESS, "of no use".into())).await);
            Err(not_taken(&error, NotTaken::Exchange))
        }
    }
}

impl AmqpClient {
    /// One for this address. Nothing is connected yet.
    pub fn new(url: AmqpUrl) -> Self {
        Self { url, open: Mutex::new(None) }
    }

    /// Connects where it is not connected.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn connect(&self) -> Result<(), NotTaken> {
        timeout(ANSWER_MAX, self.opened()).await.unwrap_or(Err(NotTaken::Late)).map(drop)
    }

    /// Publishes something; it is in the hands of the broker then.
    ///
    /// # Errors
    /// Why it is not, or not known to be.
    pub async fn publish(&self, it: &Publication) -> Result<(), NotTaken> {
        let mut used = None;
        let publishing = async {
            let open = used.insert(self.opened().await?);
            if open.connection.status().blocked() {
                return Err(NotTaken::Blocked);
            }
            confirmed(&open.channel, it).await
        };
        let outcome = timeout(ANSWER_MAX, publishing).await.unwrap_or(Err(NotTaken::Late));
        let (Err(error), Some(used)) = (&outcome, used) else { return outcome };
        match error {
            // It goes on as it is: the broker says when it takes something again.
            NotTaken::Blocked | NotTaken::Refused => outcome,
            NotTaken::Late if used.connection.status().blocked() => Err(NotTaken::Blocked),
            _ => {
                self.end(&used).await;
                outcome
            }
        }
    }

    /// The connection, a new one where there is none.
    async fn opened(&self) -> Result<Arc<Open>, NotTaken> {
        let mut open = self.open.lock().await;
        let is_open = |known: &&Arc<Open>| known.connection.status().connected() && known.channel.status().connected();
        if let Some(known) = open.as_ref().filter(is_open) {
            return Ok(known.clone());
        }
        *open = None;
        let tasks = Tasks::new()?;
        let (connection, channel) = tasks.run(self::open(AMQPUri::clone(&self.url.0))).await?;
        Ok(open.insert(Arc::new(Open { connection, channel, _tasks: tasks })).clone())
    }

    /// This connection is used no more: it may be half open.
    async fn end(&self, used: &Arc<Open>) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|known| Arc::ptr_eq(known, used)) {
            *open = None;
        }
        drop(open);
        drop(timeout(CLOSE_MAX, used.connection.close(REPLY_SUCCESS, "of no use".into())).await);
    }
}

/// Publishes something on this channel, and waits for the broker's word that it has it.
async fn confirmed(channel: &Channel, it: &Publication) -> Result<(), NotTaken> {
    let mut headers = FieldTable::default();
    for (name, value) in &it.headers {
        headers.insert((*name).into(), AMQPValue::LongString(LongString::from(value.as_str())));
    }
    let properties = BasicProperties::default()
        .with_message_id(it.id.as_str().into())
        .with_type(it.key.into())
        .with_app_id("realtime-chat".into())
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(Utc::now().timestamp().try_into().unwrap_or_default())
        .with_headers(headers);
    let options = BasicPublishOptions::default();
    let publishing = async {
        channel.basic_publish(EXCHANGE.into(), it.key.into(), options, it.body.as_bytes(), properties).await?.await
    };
    let confirmation = publishing.await.map_err(|error| not_taken(&error, NotTaken::Exchange))?;
    if confirmation.is_ack() { Ok(()) } else { Err(NotTaken::Refused) }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_addresses_of_brokers_are_taken() {
        for (text, host, has_password) in [
            ("amqp://127.0.0.1", "127.0.0.1", false),
            ("amqp://user:secret@broker.example:5672/chat", "broker.example", true),
            ("amqps://broker.example/%2f", "broker.example", false),
            ("amqp://[2001:db8::1]:5672", "2001:db8::1", false),
        ] {
            let url = AmqpUrl::parse(text).expect(text);
            assert_eq!((url.0.authority.host.as_str(), url.has_password()), (host, has_password), "{text}");
            assert_eq!(format!("{url:?}"), "AmqpUrl");
        }
        for text in
            ["", "none", "http://secret.example", "amqp:", "amqp://", "amqp:///secret", "amqp://a:secret@c:port/"]
        {
            let error = AmqpUrl::parse(text).expect_err(text);
            assert!(error.starts_with("it is amqp://") && !error.contains("secret"), "{error}");
        }
    }

    /// The threads of this process that are of a connection.
    fn n_threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").expect("the threads");
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| ["lapin-io-loop", "amqp"].contains(&name.trim())).count()
    }

    #[tokio::test]
    async fn one_who_says_nothing_keeps_no_thread_and_no_connection() {
        let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("amqp://user:secret@{}", mute.local_addr().expect("an address"));
        let client = AmqpClient::new(AmqpUrl::parse(&url).expect("an address"));
        let it = Publication { id: "1".into(), key: "room", headers: Vec::new(), body: "{}".into() };
        assert_eq!(client.publish(&it).await, Err(NotTaken::Late));
        let (mut stream, _) = mute.accept().await.expect("a connection");
        // The end of the stream comes: without it the connection would stay for good.
        let mut read = Vec::new();
        let reading = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut read);
        let ended = timeout(Duration::from_secs(60), reading).await.expect("the end of the connection");
        assert!(ended.is_err() || read.starts_with(b"AMQP"), "{read:?}");
        let gone = async {
            while n_threads() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), gone).await.expect("the threads of the connection to end");
        drop(mute);
        let error = client.publish(&it).await.expect_err("nobody is there");
        assert_eq!(error.outcome(), "away");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

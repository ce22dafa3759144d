use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use chat_metrics::Metrics;

use super::telling::{Telling, Tried};
use crate::amqp_client::{AmqpClient, AmqpUrl, NotTaken, Publication};

/// The broker: one more receiver, who is told everything.
pub(super) struct Broker {
    client: AmqpClient,
    /// Why it takes nothing: that it is so, and that it is well again, is a line of the log each.
    why_not: Mutex<Option<&'static str>>,
}

impl Broker {
    pub fn new(url: AmqpUrl) -> Self {
        Self { client: AmqpClient::new(url), why_not: Mutex::default() }
    }

    /// Connects to it, so that what is wrong with its address is said when the server starts.
    pub async fn greet(&self, metrics: &Metrics) {
        let outcome = self.client.connect().await;
        if let Err(error) = &outcome {
            metrics.amqp.inc(error.outcome());
        }
        self.log(outcome.as_ref().err());
    }

    /// Tells it one thing; taken where it has confirmed it.
    pub async fn tell(&self, telling: &Telling, metrics: &Metrics) -> Tried {
        let began = Instant::now();
        let outcome = self.client.publish(&publication(telling)).await;
        metrics.amqp.inc(outcome.as_ref().err().map_or("taken", NotTaken::outcome));
        self.log(outcome.as_ref().err());
        let error = outcome.err().map(|error| error.to_string());
        Tried { status: None, error, millis: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX) }
    }

    fn log(&self, error: Option<&NotTaken>) {
        let why = error.map(NotTaken::outcome);
        let before = std::mem::replace(&mut *self.why_not.lock().unwrap_or_else(PoisonError::into_inner), why);
        match error {
            Some(error) if why != before => {
                log::warn!("RabbitMQ does not take what happens: {error}; it waits in the database and is told later");
            }
            None if before.is_some() => log::info!("RabbitMQ takes what happens again"),
            _ => {}
        }
    }
}

/// How something is published: by what it is, with where it was in the headers.
fn publication(telling: &Telling) -> Publication {
    let room = telling.room.as_ref().map(|room| room.as_str().to_owned());
    let (message, rev) = (telling.message.map(|id| id.to_string()), telling.rev.map(|rev| rev.to_string()));
    let kind = Some(telling.event.to_owned());
    let headers = [("kind", kind), ("room", room), ("message", message), ("rev", rev)];
    Publication {
        id: telling.webhook_id.clone(),
        key: telling.event,
        headers: headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        body: telling.body.clone(),
    }
}

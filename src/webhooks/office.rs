use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chat_accounts::Attempts;
use chrono::Utc;
use ipnet::IpNet;
use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;

use super::{
    address::Reachable,
    broker::Broker,
    client::{Client, target},
    event::{Event, Events, test_body},
    signature::HookSecret,
    telling::{Said, Telling, Tried},
};
use crate::{
    accounts::{AccountError, Accounts, BotWish},
    amqp_client::AmqpUrl,
    https_client::NotAnswered,
    mail::MailOffice,
    moderation::{Actor, Desk, Refused},
};
use chat_domain::{Author, AuthorId, AvatarName, Badge, Content, IdentityKey, Nickname, Principal, Rights, RoomId};
use chat_metrics::Metrics;
use chat_store::{
    BROKER, Delivery, HookList, InboundHook, ListItem, NewInbound, NewWebhook, Store, StoreError, Webhook,
};

/// So many tries are shown.
const LOG_MAX: i64 = 100;
/// So often in a minute another system writes by one address.
const WRITES_MAX: u32 = 60;

/// What the settings say of webhooks.
#[derive(Debug, Clone, Default)]
pub struct HookSettings {
    /// Networks that webhooks may go to beside public addresses.
    pub networks: Vec<IpNet>,
    /// A broker that is told everything, where there is one.
    pub broker: Option<AmqpUrl>,
}

/// Where webhooks are served. Cheap to clone.
#[derive(Clone)]
pub struct Hooks(Arc<Inner>);

pub(super) struct Inner {
    pub store: Store,
    pub key: IdentityKey,
    pub client: Client,
    /// Told everything, where there is one.
    pub broker: Option<Broker>,
    pub metrics: Arc<Metrics>,
    /// Something is to be told: the worker need not wait until it looks by itself.
    pub asked: Notify,
    /// Tells the owner which one is off, where there is mail.
    pub mail: Option<MailOffice>,
    accounts: Accounts,
    desk: Desk,
    writes: Mutex<Attempts<Uuid>>,
}

/// Whom to tell what, as somebody typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookWish {
    /// Where.
    pub url: String,
    /// Of what.
    pub events: Events,
    /// Of this room alone.
    pub room: Option<RoomId>,
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HooksRefused {
    /// Only those who set what holds for all rooms.
    #[error("only those with the right may do this")]
    Forbidden,
    /// There is none of this name.
    #[error("there is nothing of this name")]
    NotFound,
    /// Webhooks do not go there.
    #[error("a webhook goes to https:// and a public address")]
    Url,
    /// As many as may be are there.
    #[error("there are at most 20")]
    Full,
    /// What is to be written is no message.
    #[error("what is to be written is no message")]
    Content,
    /// Too often.
    #[error("too much in too short a time")]
    TooFast(Duration),
    /// Something about the bot that writes.
    #[error("{0}")]
    Bot(AccountError),
    /// The database does not answer.
    #[error("the database is away; try again")]
    Unavailable,
}

impl From<StoreError> for HooksRefused {
    fn from(error: StoreError) -> Self {
        // That the database is away is told once, by whoever waits for it.
        let level = if matches!(error, StoreError::Unavailable(_)) { log::Level::Debug } else { log::Level::Warn };
        log::log!(level, "something about a webhook could not be read or stored: {error}");
        Self::Unavailable
    }
}

impl Hooks {
    /// Webhooks of this chat.
    pub fn new(
        (store, key): (Store, IdentityKey),
        accounts: Accounts,
        desk: Desk,
        (metrics, mail): (Arc<Metrics>, Option<MailOffice>),
        settings: HookSettings,
    ) -> Self {
        let client = Client::new(Reachable::with(settings.networks));
        let broker = settings.broker.map(Broker::new);
        let writes = Mutex::new(Attempts::new(WRITES_MAX, Duration::from_secs(60)));
        let asked = Notify::new();
        Self(Arc::new(Inner { store, key, client, broker, metrics, asked, mail, accounts, desk, writes }))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn may(actor: &Actor) -> Result<(), HooksRefused> {
        if actor.may(Rights::DEFAULTS) { Ok(()) } else { Err(HooksRefused::Forbidden) }
    }

    pub(super) async fn hook(&self, id: Uuid) -> Result<Webhook, HooksRefused> {
        let hooks = self.0.store.webhooks().await?;
        hooks.into_iter().find(|hook| hook.id == id).ok_or(HooksRefused::NotFound)
    }

    /// Tells one more what happens from now on; with the secret that its deliveries are signed with, which is told this once.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn add(&self, actor: &Actor, wish: HookWish) -> Result<(Webhook, String), HooksRefused> {
        Self::may(actor)?;
        if wish.events.needs_review() && !actor.may(Rights::REVIEW) {
            return Err(HooksRefused::Forbidden);
        }
        let url = target(&wish.url).filter(|url| self.0.client.may_go(url)).ok_or(HooksRefused::Url)?;
        let (id, url) = (Uuid::now_v7(), url.to_string());
        let room = wish.room.map(|room| self.0.desk.access().resolve(&room));
        let (events, lists) = (wish.events.stored(), wish.events.lists());
        let new = NewWebhook { id, url, events, room, lists, by: actor.author.id.clone() };
        if !self.0.store.add_webhook(new).await? {
            return Err(HooksRefused::Full);
        }
        self.0.asked.notify_one();
        Ok((self.hook(id).await?, HookSecret::of(id, &self.0.key).expose()))
    }

    /// Whoever is told, the newest first.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn all(&self, actor: &Actor) -> Result<Vec<Webhook>, HooksRefused> {
        Self::may(actor)?;
        Ok(self.0.store.webhooks().await?)
    }

    /// Nobody is told there any more.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn remove(&self, actor: &Actor, id: Uuid) -> Result<(), HooksRefused> {
        Self::may(actor)?;
        let was_there = self.0.store.remove_webhook(id, actor.author.id.clone()).await?;
        if was_there { Ok(()) } else { Err(HooksRefused::NotFound) }
    }

    /// Tries one again at once, given up or not.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn wake(&self, actor: &Actor, id: Uuid) -> Result<Webhook, HooksRefused> {
        Self::may(actor)?;
        if !self.0.store.wake_webhook(id).await? {
            return Err(HooksRefused::NotFound);
        }
        self.0.asked.notify_one();
        self.hook(id).await
    }

    /// Sends a test, now.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn test(&self, actor: &Actor, id: Uuid) -> Result<Tried, HooksRefused> {
        Self::may(actor)?;
        let hook = self.hook(id).await?;
        let telling = Telling {
            webhook_id: format!("msg_{}", Uuid::now_v7().simple()),
            event: "test",
            body: test_body(Utc::now()),
            room: None,
            message: None,
            rev: None,
            entry: None,
        };
        let tried = self.0.send(&hook, &telling).await;
        self.0.store.note_delivery(telling.noted(&hook, &tried)).await?;
        Ok(tried)
    }

    /// The last tries, the newest first.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn log(&self, actor: &Actor, id: Uuid) -> Result<Vec<Delivery>, HooksRefused> {
        Self::may(actor)?;
        self.hook(id).await?;
        Ok(self.0.store.deliveries(id, None, LOG_MAX).await?)
    }

    /// Sends again, now, what one of the tries was of: as it is by now, under the same `webhook-id`.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn redeliver(&self, actor: &Actor, id: Uuid, delivery: i64) -> Result<Tried, HooksRefused> {
        Self::may(actor)?;
        let hook = self.hook(id).await?;
        let found = self.0.store.deliveries(id, Some(delivery), 1).await?.pop().ok_or(HooksRefused::NotFound)?;
        let telling = self.again(&hook, &found).await?.ok_or(HooksRefused::NotFound)?;
        // Under the id that it had, whatever became of the room since.
        let telling = Telling { webhook_id: found.webhook_id, ..telling };
        let tried = self.0.send(&hook, &telling).await;
        self.0.store.note_delivery(telling.noted(&hook, &tried)).await?;
        Ok(tried)
    }

    /// What one of the tries was of, as it is now; none where it is there no more, or is nothing for this receiver any more.
    async fn again(&self, hook: &Webhook, found: &Delivery) -> Result<Option<Telling>, HooksRefused> {
        let (inner, hook_key) = (&self.0, (hook.id, &self.0.key));
        if let Some((list, id)) = found.entry {
            let said =
                inner.item(list, id).await?.and_then(|item| Said::of(&item, inner.events(hook), hook.room.as_ref()));
            return match said {
                Some(said) => Ok(Some(inner.entry_told(hook, (list, id), said).await?)),
                None => Ok(None),
            };
        }
        let Some(room) = &found.room else { return Ok(None) };
        let epoch = inner.store.head(room).await?.epoch;
        let Some(message) = found.message else {
            let is_new_room = found.event == Event::Room.as_str();
            return Ok(is_new_room.then(|| Telling::of_new_room(hook_key, (room, epoch), Utc::now())));
        };
        let Some(message) = inner.store.message(room, message).await? else { return Ok(None) };
        let event = Event::ALL.into_iter().find(|event| event.as_str() == found.event).unwrap_or(Event::Updated);
        let event = if message.is_deleted() { Event::Deleted } else { event };
        Ok(Some(Telling::of_message(hook_key, event, (room, epoch), &message, Utc::now())))
    }

    // What others write.

    /// Another system writes to a room from now on, as a bot of this name; with the secret of its address, which is told
    /// this once.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn add_inbound(
        &self,
        actor: &Actor,
        owner: Option<chat_domain::UserId>,
        (room, wish): (RoomId, BotWish),
    ) -> Result<(Uuid, String), HooksRefused> {
        Self::may(actor)?;
        let room = self.0.desk.access().resolve(&room);
        if self.0.store.inbound().await?.len() >= usize::try_from(chat_store::HOOKS_MAX).unwrap_or(0) {
            return Err(HooksRefused::Full);
        }
        let bot = self.0.accounts.add_bot(actor, owner, wish).await.map_err(HooksRefused::Bot)?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| HooksRefused::Unavailable)?;
        let secret = URL_SAFE_NO_PAD.encode(random);
        let id = Uuid::now_v7();
        let new = NewInbound { id, hash: self.0.inbound_hash(&secret), room, bot: bot.user.id };
        if !self.0.store.add_inbound(new).await? {
            self.0.accounts.end_bot(actor, bot.user.id).await.map_err(HooksRefused::Bot)?;
            return Err(HooksRefused::Full);
        }
        Ok((id, secret))
    }

    /// The addresses that others write by, the newest first.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn inbound(&self, actor: &Actor) -> Result<Vec<InboundHook>, HooksRefused> {
        Self::may(actor)?;
        Ok(self.0.store.inbound().await?)
    }

    /// Nobody writes by it any more; its bot ends.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn remove_inbound(&self, actor: &Actor, id: Uuid) -> Result<(), HooksRefused> {
        Self::may(actor)?;
        let bot = self.0.store.remove_inbound(id).await?.ok_or(HooksRefused::NotFound)?;
        match self.0.accounts.end_bot(actor, bot).await {
            Ok(()) | Err(AccountError::NotFound) => Ok(()),
            Err(error) => Err(HooksRefused::Bot(error)),
        }
    }

    /// Where an address with this secret writes; none where there is no such address.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn inbound_of(&self, secret: &str) -> Result<Option<InboundHook>, HooksRefused> {
        let is_like_one = secret.len() == 43 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !is_like_one {
            return Ok(None);
        }
        let found = self.0.store.inbound_of(self.0.inbound_hash(secret)).await?;
        if let Some(hook) = &found {
            let mut writes = self.0.writes.lock().unwrap_or_else(PoisonError::into_inner);
            writes.take(hook.id, Instant::now()).map_err(HooksRefused::TooFast)?;
        }
        Ok(found)
    }

    /// Writes as the bot of an address, under another name and with another picture where these are given. The message's id.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn write(
        &self,
        hook: &InboundHook,
        text: &str,
        (nickname, avatar): (Option<Nickname>, Option<AvatarName>),
    ) -> Result<i64, HooksRefused> {
        let content = Content::parse(text).map_err(|_| HooksRefused::Content)?;
        let id = self.0.key.user_author_id(hook.user.id);
        let principal = Principal::bot(hook.user.id, id.clone(), Rights::WRITE);
        // The name of somebody who keeps order is nobody else's, whoever sends it.
        let nickname = nickname.filter(|nickname| !self.0.desk.access().is_taken(&principal, nickname));
        let nickname = nickname.unwrap_or_else(|| hook.user.nickname.clone());
        let avatar = avatar.unwrap_or(hook.user.avatar);
        let author = Author { id, nickname, avatar, badge: Some(Badge::Bot) };
        self.0.desk.write(&principal, author, &hook.room, content).await.map_err(|refused| match refused {
            Refused::Forbidden => HooksRefused::Forbidden,
            _ => HooksRefused::Unavailable,
        })
    }
}

impl Inner {
    fn inbound_hash(&self, secret: &str) -> String {
        self.key.hash_of(&format!("inbound hook {secret}"))
    }

    /// What a receiver is told: what is only for those who settle what was reported as long as whoever made it is one of
    /// them.
    pub fn events(&self, hook: &Webhook) -> Events {
        let events = Events::from_stored(hook.events);
        let reviews = |by: &AuthorId| {
            hook.id == BROKER
                || *by == Desk::operator().author.id
                || self.desk.access().rank(by).rights().has(Rights::REVIEW)
        };
        if events.needs_review() && !reviews(&hook.by) { events.without_review() } else { events }
    }

    /// What a row of a list says now; none where it is there no more, or says nothing that can be told.
    pub async fn item(&self, list: HookList, id: i64) -> Result<Option<ListItem>, StoreError> {
        let entry = self.store.list_entries(list, id.saturating_sub(1), 1).await?.pop();
        Ok(entry.filter(|entry| entry.id == id).and_then(|entry| entry.item))
    }

    /// What is told of a row of a list, with the message that it is about.
    pub async fn entry_told(&self, hook: &Webhook, entry: (HookList, i64), said: Said) -> Result<Telling, StoreError> {
        let about = match said.about() {
            Some((room, message)) => self.store.message(room, message).await?,
            None => None,
        };
        Ok(Telling::of_entry((hook.id, &self.key), entry, said, about.as_ref(), Utc::now()))
    }

    /// Sends one thing to one receiver.
    pub async fn send(&self, hook: &Webhook, telling: &Telling) -> Tried {
        if let Some(broker) = self.broker.as_ref().filter(|_| hook.id == BROKER) {
            return broker.tell(telling, &self.metrics).await;
        }
        let began = Instant::now();
        let at = Utc::now().timestamp();
        let sent = async {
            let url = Url::parse(&hook.url).ok()?;
            let signature = HookSecret::of(hook.id, &self.key).sign(&telling.webhook_id, at, &telling.body)?;
            let headers = [
                ("webhook-id", telling.webhook_id.clone()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", signature),
            ];
            Some(self.client.post(&url, headers, telling.body.clone()).await)
        };
        let sent = sent.await.unwrap_or(Err(NotAnswered::Address));
        let tried = Tried {
            status: sent.ok(),
            error: sent.err().map(|error| error.to_string()),
            millis: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        };
        self.metrics.webhooks.inc(if tried.is_taken() { "taken" } else { "failed" });
        tried
    }
}

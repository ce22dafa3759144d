mod amending;
mod asking;
mod catch_up;
mod deeds;
mod delivery;
mod elsewhere;
mod guarding;
mod hearing;
mod joins;
mod keeping;
mod limits;
mod live;
mod membership;
mod people_due;
mod publishing;
mod rechecks;
mod remote;
mod saying;
#[cfg(test)]
mod tests;
mod truth;

use std::{collections::HashMap, sync::Arc};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, Recipient, SpawnHandle,
    WrapFuture, clock::Instant,
};

use self::{
    asking::Arrival,
    catch_up::CatchUp,
    delivery::{Delivery, Next},
    live::Live,
    publishing::Appends,
    rechecks::Rechecks,
    remote::Remote,
    saying::ToSay,
};
pub use self::{
    limits::RoomLimits,
    membership::{Ended, Join, Membership},
};
use super::{
    access::Rules,
    answer::ReplyTo,
    backlogs::{Share, Trim},
    event::{EndReason, Event, Refusal},
    ids::{DeliveryPosition, HubId, RoomKey, SessionId},
    messages::{
        Amend, CheckHead, Command, CountPeople, Deliver, GetSnapshot, Leave, MembersWanted, Publish, Recall, Retire,
        RoomIdle, SetProfile, SharedPosition, Snapshot, Typing as Types,
    },
    people::{OwnPart, PEOPLE_LISTED_MAX},
    presence::{MembersPage, Presence},
    typing::Typing,
};
use crate::persistence::{Append, Persisted};
use chat_domain::{Author, AuthorId, AvatarName, RoomId, UserId};
use chat_metrics::Metrics;
use chat_store::Store;

/// Messages that a room's mailbox takes before senders are told to try again.
const MAILBOX_CAPACITY: usize = 1_024;

/// The room actor: the only place that orders what its members see.
pub struct Room {
    key: RoomKey,
    id: RoomId,
    limits: RoomLimits,
    store: Store,
    metrics: Arc<Metrics>,
    /// What the room shows; `None` until it was loaded.
    live: Option<Live>,
    /// Where it is, for the registry.
    position: SharedPosition,
    /// What its backlog takes; `None` until it was started.
    share: Option<Share>,
    members: HashMap<SessionId, Member>,
    presence: Presence,
    typing: Typing,
    /// When the other servers are to hear who is here.
    own_part: OwnPart,
    /// For what is due to be told of people: who is here, who is typing.
    people_timer: Option<(Instant, SpawnHandle)>,
    delivery: Delivery<Recipient<Deliver>>,
    catch_up: CatchUp<Arrival>,
    appends: Appends,
    rechecks: Rechecks,
    /// What it allows.
    rules: Rules,
    /// Which identities it knows to act as another one: [`crate::Access::n_aliases`].
    n_aliases_known: u64,
    remote: Remote,
    /// What this server has committed since the other servers were last to hear of it.
    to_say: ToSay,
    idleness: Idleness,
}

struct Member {
    hub: HubId,
    author_id: AuthorId,
    is_author: bool,
    /// The browser's own identity, where it acts as somebody else.
    device: Option<AuthorId>,
    /// Its account, where it has one.
    user: Option<UserId>,
    joined: Instant,
}

/// What the registry hears of a room that has nobody in it.
struct Idleness {
    registry: Recipient<RoomIdle>,
    n_joins_seen: u64,
    /// How many joins it had seen when it last said so.
    reported_at: Option<u64>,
}

impl Room {
    /// The actor, not started.
    pub fn new(
        key: RoomKey,
        id: RoomId,
        limits: RoomLimits,
        store: Store,
        persistence: Recipient<Append>,
        registry: Recipient<RoomIdle>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            key,
            id,
            limits,
            store,
            metrics,
            live: None,
            position: SharedPosition::default(),
            share: None,
            members: HashMap::new(),
            presence: Presence::default(),
            typing: Typing::default(),
            own_part: OwnPart::default(),
            people_timer: None,
            delivery: Delivery::new(Instant::now()),
            catch_up: CatchUp::new(),
            appends: Appends::new(persistence),
            rechecks: Rechecks::default(),
            rules: Rules::default(),
            n_aliases_known: 0,
            remote: Remote::default(),
            to_say: ToSay::default(),
            idleness: Idleness { registry, n_joins_seen: 0, reported_at: None },
        }
    }

    /// Where it says how far it is.
    pub fn position(&self) -> SharedPosition {
        self.position.clone()
    }

    // Events for single sessions.

    /// An event for one session, which `answers` a message of its or not.
    fn send(&mut self, session: SessionId, event: Event, answers: bool) {
        if let Some(member) = self.members.get(&session) {
            self.delivery.fan_out.direct(member.hub, session, Arc::new(event), answers);
        }
    }

    fn send_profile(&mut self, author: &Author) {
        let event = Arc::new(Event::Profile(author.clone()));
        for session in self.presence.sessions(&author.id) {
            // A session whose WELCOME is being made is not here yet; that tells it.
            let Some(member) = self.members.get_mut(session) else { continue };
            member.is_author = true;
            self.delivery.fan_out.direct(member.hub, *session, event.clone(), false);
        }
    }

    // The end of every handler.

    /// Tells who is here if that is due, sends what was gathered, and says so where nobody is left.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        self.say_changes();
        self.publish_position();
        let now = Instant::now();
        self.tell_people(now);
        self.tell_typing(now);
        self.say_people(now);
        self.set_people_timer(now, ctx);
        self.flush(ctx);
        self.report_idle();
        if let Some(share) = &self.share {
            share.set(self.live.as_ref().map_or(0, |live| live.backlog.n_bytes_held()));
        }
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        let shown = self.live.as_ref().map(|live| live.timeline.rev());
        match self.delivery.next(Instant::now(), shown) {
            Next::Nothing => {}
            Next::Wait(wait) => {
                ctx.run_later(wait, |this, ctx| {
                    this.delivery.gathered();
                    this.flush(ctx);
                });
            }
            Next::Deliver { rev, commands } => {
                for (hub, commands) in commands {
                    let Some(route) = self.delivery.route(hub) else { continue };
                    let delivered = route.send(Deliver { room: self.key, rev, commands });
                    ctx.spawn(delivered.into_actor(self).map(|at, this, ctx| this.delivered(at.ok(), ctx)));
                }
            }
        }
    }

    /// A hub has what it was to get of a delivery, or is gone.
    fn delivered(&mut self, at: Option<Instant>, ctx: &mut Context<Self>) {
        if let Some(took) = self.delivery.done(at, Instant::now()) {
            self.metrics.delivery_seconds.observe(took.since_received.as_secs_f64());
            self.metrics.delivery_fan_out_seconds.observe(took.since_committed.as_secs_f64());
        }
        self.flush(ctx);
        self.report_idle();
    }

    fn report_idle(&mut self) {
        let is_idle = self.members.is_empty()
            && self.catch_up.n_waiting() == 0
            && self.appends.is_empty()
            && !self.rechecks.is_open()
            && !self.catch_up.is_reading()
            && !self.delivery.is_under_way();
        let n_joins_seen = self.idleness.n_joins_seen;
        if is_idle && self.idleness.reported_at.replace(n_joins_seen) != Some(n_joins_seen) {
            let idle = RoomIdle { room: self.id.clone(), key: self.key, n_joins_seen };
            #[expect(clippy::disallowed_methods, reason = "at most once per emptying, and must not be lost")]
            self.idleness.registry.do_send(idle);
        }
    }
}

impl Actor for Room {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_CAPACITY);
        self.share = Some(self.limits.backlogs.share(self.key, ctx.address().recipient()));
        self.limits.bus.came(self.id.clone(), self.key, ctx.address().recipient());
    }
}

impl Drop for Room {
    /// The bus hears that it has gone. A room ends with sessions in it only by a fault. They are sent away: whoever joins next makes it anew, and
    /// two halves of one room must not live.
    fn drop(&mut self) {
        self.take_people_back();
        self.limits.bus.went(&self.id, self.key);
        for route in self.delivery.routes() {
            let commands = vec![Command::EndAll(EndReason::RoomEnded, DeliveryPosition::MAX)];
            #[expect(clippy::disallowed_methods, reason = "once per room and thread, and must not be lost")]
            route.do_send(Deliver { room: self.key, rev: 0, commands });
        }
    }
}

impl Handler<Join> for Room {
    type Result = ();

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) {
        self.idleness.n_joins_seen += 1;
        if let Some(share) = &self.share {
            share.touch();
        }
        self.join(join, Instant::now() + self.limits.read_timeout, ctx);
        self.settle(ctx);
    }
}

impl Handler<Leave> for Room {
    type Result = ();

    fn handle(&mut self, Leave { session }: Leave, ctx: &mut Self::Context) {
        self.leave(session);
        self.settle(ctx);
    }
}

impl Handler<Publish> for Room {
    type Result = ();

    fn handle(&mut self, publish: Publish, ctx: &mut Self::Context) {
        self.publish(publish, ctx);
        self.settle(ctx);
    }
}

impl Handler<Amend> for Room {
    type Result = ();

    fn handle(&mut self, amend: Amend, ctx: &mut Self::Context) {
        self.amend(amend, ctx);
        self.settle(ctx);
    }
}

impl Handler<Types> for Room {
    type Result = ();

    fn handle(&mut self, Types { session }: Types, ctx: &mut Self::Context) {
        self.types(session);
        self.settle(ctx);
    }
}

impl Handler<Recall> for Room {
    type Result = ();

    fn handle(&mut self, recall: Recall, ctx: &mut Self::Context) {
        self.recall(recall);
        self.settle(ctx);
    }
}

impl Handler<Persisted> for Room {
    type Result = ();

    fn handle(&mut self, Persisted(results): Persisted, ctx: &mut Self::Context) {
        for (token, result) in results {
            self.persisted(token, result, ctx);
        }
        self.release(ctx);
        self.settle(ctx);
    }
}

impl Handler<SetProfile> for Room {
    type Result = ();

    fn handle(&mut self, set_profile: SetProfile, ctx: &mut Self::Context) {
        let SetProfile { principal, nickname, avatar, reply } = set_profile;
        let id = principal.author_id().clone();
        let avatar = avatar
            .or_else(|| self.presence.author(&id).map(|a| a.avatar))
            .unwrap_or_else(|| AvatarName::derived_from(&id));
        let badge = self.limits.access.badge(&principal);
        let author = Author { id, nickname, avatar, badge };
        self.presence.set_author(author.clone(), Instant::now());
        self.send_profile(&author);
        if let ReplyTo::Once(answer) = reply {
            // Where nobody waits for it any more nobody needs it.
            drop(answer.send(Ok(author)));
        }
        self.settle(ctx);
    }
}

impl Handler<CheckHead> for Room {
    type Result = ();

    fn handle(&mut self, check: CheckHead, ctx: &mut Self::Context) {
        let CheckHead { epoch, rev, guard_rev, first_seq, stays_lower } = check;
        // Commits of our own that are on their way back show by themselves whether anything is missing.
        let is_other_life = self.live.as_ref().is_some_and(|l| l.epoch != epoch);
        if self.appends.is_empty() || is_other_life {
            self.want(epoch, rev, ctx);
        }
        if stays_lower && !is_other_life {
            self.doubt(ctx);
        }
        if self.live.as_ref().is_some_and(|live| live.epoch == epoch && live.guard_rev < guard_rev) {
            self.read_guard(ctx);
        }
        if self.live.as_ref().is_some_and(|live| live.epoch == epoch) {
            self.keep_from(first_seq, ctx);
        }
        self.settle(ctx);
    }
}

impl Handler<CountPeople> for Room {
    type Result = ();

    fn handle(&mut self, _: CountPeople, _: &mut Self::Context) {
        self.metrics.room_people.observe(chat_metrics::observation(self.presence.n_local()));
    }
}

impl Handler<Trim> for Room {
    type Result = ();

    fn handle(&mut self, _: Trim, ctx: &mut Self::Context) {
        // A read under way may be of what is right before the oldest one held; the next second comes soon.
        if let Some(live) = self.live.as_mut().filter(|_| !self.catch_up.is_reading()) {
            live.backlog.trim();
            self.metrics.backlogs_trimmed.inc();
        }
        self.settle(ctx);
    }
}

impl Handler<GetSnapshot> for Room {
    type Result = MessageResult<GetSnapshot>;

    fn handle(&mut self, GetSnapshot { n_messages, members }: GetSnapshot, _: &mut Self::Context) -> Self::Result {
        let MembersPage { n_authors, members, has_more: has_more_members } = match members {
            MembersWanted::IfFew if self.presence.count() <= PEOPLE_LISTED_MAX => {
                self.presence.page(None, PEOPLE_LISTED_MAX, Instant::now())
            }
            MembersWanted::No | MembersWanted::IfFew => MembersPage::default(),
            MembersWanted::Page { after, limit } => self.presence.page(after.as_ref(), limit, Instant::now()),
        };
        MessageResult(self.live.as_ref().map(|live| {
            let skipped = live.backlog.messages().len().saturating_sub(n_messages);
            Snapshot {
                key: self.key,
                epoch: live.epoch,
                rev: live.timeline.rev(),
                first_seq: live.first_seq,
                message_count: live.message_count,
                last_message_at: live.last_message_at,
                n_people: self.presence.count(),
                is_approximate: self.presence.is_approximate(),
                n_authors,
                members,
                has_more_members,
                messages: live.backlog.messages().skip(skipped).cloned().collect(),
                has_more: live.backlog.has_more_than(n_messages),
            }
        }))
    }
}

impl Handler<Retire> for Room {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        // The registry has forgotten it: whoever joins now gets another one, and two of one room must not live. Its
        // drop sends away who is here; they come back, and meet there.
        if !self.members.is_empty() || self.catch_up.n_waiting() > 0 {
            log::error!("a room was to end while sessions were in it; they are sent away, and come back");
        }
        for join in self.catch_up.give_up() {
            join.refuse(Refusal::Overloaded);
        }
        ctx.stop();
    }
}

//! Webhooks.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::FutureExt;
use uuid::Uuid;

use super::{
    Backend, Store,
    management::{listing, managing},
};
use crate::{
    error::StoreError,
    management::{
        self, Delivery, HookClaim, HookList, InboundHook, ListClaim, ListEntry, NewDelivery, NewInbound, NewWebhook,
        Webhook, WebhookChange, WebhookFailed,
    },
};
use chat_domain::{AuthorId, RoomId, UserId};

impl Store {
    /// Whoever is told what happens, the newest first.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        managing!(self, |c, statements| statements::webhooks(c))
    }

    /// The same as of a moment ago: for who asks again and again.
    pub async fn webhooks_seen(&self) -> Result<Vec<Webhook>, StoreError> {
        listing!(self, |c, statements| statements::webhooks(c))
    }

    /// The broker among them, as of a moment ago, where one was ever told.
    pub async fn broker_seen(&self) -> Result<Option<Webhook>, StoreError> {
        listing!(self, |c, statements| statements::broker(c))
    }

    /// The broker is told of these from now on, or goes on from where it was; whether it is new.
    pub async fn begin_broker(&self, events: i32) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::begin_broker(c, events))
    }

    /// One more is told what happens from now on; false where there are [`crate::HOOKS_MAX`].
    pub async fn add_webhook(&self, new: NewWebhook) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::add_webhook(c, new))
    }

    /// Nobody is told there any more; whether somebody was.
    pub async fn remove_webhook(&self, id: Uuid, by: AuthorId) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::remove_webhook(c, id, by))
    }

    /// One is told something else, or elsewhere, and is tried at once; whether it is there. Of what it was not told before, it
    /// is told what happens from now on.
    pub async fn set_webhook(&self, change: WebhookChange) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::set_webhook(c, change))
    }

    /// Tries one again at once, given up or not; whether it is there.
    pub async fn wake_webhook(&self, id: Uuid) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::wake_webhook(c, id))
    }

    /// The last tries of one, the newest first, or this one of them; at most so many.
    pub async fn deliveries(&self, hook: Uuid, one: Option<i64>, limit: i64) -> Result<Vec<Delivery>, StoreError> {
        managing!(self, |c, statements| statements::deliveries(c, hook, one, limit))
    }

    /// The rooms of which one has not been told all, and which nobody tells it of just now; at most so many.
    pub async fn rooms_to_tell(&self, hook: Uuid, room: Option<RoomId>, limit: i64) -> Result<Vec<RoomId>, StoreError> {
        listing!(self, room, |c, statements| statements::rooms_to_tell(c, hook, room, limit))
    }

    /// Takes the telling of a room for so long; none where somebody else has it.
    pub async fn claim_hook(&self, hook: Uuid, room: RoomId, hold: TimeDelta) -> Result<Option<HookClaim>, StoreError> {
        managing!(self, |c, statements| statements::claim_hook(c, hook, room, hold))
    }

    /// One was told up to this value of the room's counter, and the telling is taken for so long from now on; none where
    /// somebody else has it by now.
    pub async fn told(&self, claim: HookClaim, rev: i64, hold: TimeDelta) -> Result<Option<HookClaim>, StoreError> {
        managing!(self, |c, statements| statements::told(c, claim, rev, hold))
    }

    /// The lists of which one has not been told all, and which nobody tells it of just now.
    pub async fn lists_to_tell(&self, hook: Uuid) -> Result<Vec<HookList>, StoreError> {
        listing!(self, |c, statements| statements::lists_to_tell(c, hook))
    }

    /// Takes the telling of a list for so long; none where somebody else has it, or nobody is to be told.
    pub async fn claim_list(
        &self,
        hook: Uuid,
        list: HookList,
        hold: TimeDelta,
    ) -> Result<Option<ListClaim>, StoreError> {
        managing!(self, |c, statements| statements::claim_list(c, hook, list, hold))
    }

    /// One was told of a list up to this id, and the telling is taken for so long from now on; none where somebody else has
    /// it by now.
    pub async fn list_told(
        &self,
        claim: ListClaim,
        position: i64,
        hold: TimeDelta,
    ) -> Result<Option<ListClaim>, StoreError> {
        managing!(self, |c, statements| statements::list_told(c, claim, position, hold))
    }

    /// What stands in a list behind this id, at most so many, each as it is now; none of them that another may still come
    /// before. Read where is written: a copy that is behind would miss what was taken back.
    pub async fn list_entries(&self, list: HookList, after: i64, limit: i64) -> Result<Vec<ListEntry>, StoreError> {
        managing!(self, |c, statements| statements::list_entries(c, list, after, limit))
    }

    /// Notes a try that went well.
    pub async fn webhook_went_well(&self, new: NewDelivery) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::webhook_went_well(c, new))
    }

    /// Notes a try that failed, of one that had failed so often before: nothing is sent for so long, and once that goes on
    /// for the last time it is off.
    pub async fn webhook_failed(
        &self,
        new: NewDelivery,
        tries_and_times: (i32, TimeDelta, TimeDelta),
    ) -> Result<WebhookFailed, StoreError> {
        managing!(self, |c, statements| statements::webhook_failed(c, new, tries_and_times))
    }

    /// Notes a try that somebody asked for.
    pub async fn note_delivery(&self, new: NewDelivery) -> Result<(), StoreError> {
        managing!(self, |c, statements| statements::note_delivery(c, new))
    }

    /// Another system writes by an address from now on; false where there are [`crate::HOOKS_MAX`].
    pub async fn add_inbound(&self, new: NewInbound) -> Result<bool, StoreError> {
        managing!(self, |c, statements| statements::add_inbound(c, new))
    }

    /// The addresses whose bots live, the newest first.
    pub async fn inbound(&self) -> Result<Vec<InboundHook>, StoreError> {
        managing!(self, |c, statements| statements::inbound(c))
    }

    /// Whose address has this secret in it, by its hash.
    pub async fn inbound_of(&self, hash: String) -> Result<Option<InboundHook>, StoreError> {
        managing!(self, |c, statements| statements::inbound_of(c, hash))
    }

    /// Nobody writes by it any more; which bot did.
    pub async fn remove_inbound(&self, id: Uuid) -> Result<Option<UserId>, StoreError> {
        managing!(self, |c, statements| statements::remove_inbound(c, id))
    }
}

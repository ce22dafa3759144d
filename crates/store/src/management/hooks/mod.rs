//! Webhooks: who is told what happens, how far each was told, and who writes by an address of their own.

mod inbound;
mod lists;
mod model;
mod outbound;
mod sending;

pub use model::{
    BROKER, Delivery, HOOKS_MAX, HookClaim, HookList, InboundHook, ListClaim, ListEntry, ListItem, NewDelivery,
    NewInbound, NewWebhook, Webhook, WebhookChange, WebhookFailed,
};

/// All of it on PostgreSQL.
pub(crate) mod postgres {
    pub(crate) use super::{inbound::postgres::*, lists::postgres::*, outbound::postgres::*, sending::postgres::*};
}

/// All of it on SQLite.
pub(crate) mod sqlite {
    pub(crate) use super::{inbound::sqlite::*, lists::sqlite::*, outbound::sqlite::*, sending::sqlite::*};
}

//! Changes of this room that other servers have committed.

use actix::Context;
use bytes::Bytes;

use super::Room;
use chat_domain::{Change, Epoch};

impl Room {
    pub(super) fn hear_changes(
        &mut self,
        _epoch: Epoch,
        _changes: Vec<(Change, Option<Bytes>)>,
        _ctx: &mut Context<Self>,
    ) {
    }

    pub(super) fn hear_of(&mut self, epoch: Epoch, rev: i64, ctx: &mut Context<Self>) {
        self.want(epoch, rev, ctx);
    }
}

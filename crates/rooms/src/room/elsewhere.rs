//! People of this room on other servers.

use std::sync::Arc;

use super::Room;
use crate::people::Summary;
use chat_domain::Author;

impl Room {
    pub(super) fn hear_people(&mut self, _server: &Arc<str>, _summary: Option<Arc<Summary>>, _is_known: bool) {}

    pub(super) fn hear_reachable(&mut self, _is_reachable: bool) {}

    pub(super) fn hear_typing(&mut self, _author: &Author) {}
}

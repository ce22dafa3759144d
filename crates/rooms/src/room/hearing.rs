//! What a room hears from the same room on other servers.

use actix::Handler;

use super::Room;
use crate::bus::Heard;

impl Handler<Heard> for Room {
    type Result = ();

    fn handle(&mut self, heard: Heard, ctx: &mut Self::Context) {
        match heard {
            Heard::Changes { epoch, changes } => {
                self.stop_typing_elsewhere(&changes);
                self.hear_changes(epoch, changes, ctx);
            }
            Heard::Look { epoch, rev } => self.hear_of(epoch, rev, ctx),
            Heard::People { server, summary, is_known } => self.hear_people(&server, summary, is_known),
            Heard::Reachable(is_reachable) => self.hear_reachable(is_reachable),
            Heard::Typing(author) => self.hear_typing(&author),
        }
        self.settle(ctx);
    }
}

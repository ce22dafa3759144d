use uuid::Uuid;

use super::{
    client::target,
    event::Events,
    office::{Hooks, HooksRefused},
};
use crate::moderation::Actor;
use chat_store::Webhook;

impl Hooks {
    /// Tells one of something else, or elsewhere: with the secret that it has, from where it was, and at once, given up or
    /// not.
    ///
    /// # Errors
    /// [`HooksRefused`].
    pub async fn change(
        &self,
        actor: &Actor,
        id: Uuid,
        (url, events): (Option<String>, Option<Events>),
    ) -> Result<Webhook, HooksRefused> {
        Self::may(actor)?;
        let may_go = |url: String| target(&url).filter(|url| self.inner().client.may_go(url)).ok_or(HooksRefused::Url);
        let url = url.map(may_go).transpose()?.map(|url| url.to_string());
        let what = (url, events.map(Events::stored));
        if !self.inner().store.set_webhook(id, what, actor.author.id.clone()).await? {
            return Err(HooksRefused::NotFound);
        }
        self.inner().asked.notify_one();
        self.hook(id).await
    }
}

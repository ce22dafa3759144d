use uuid::Uuid;

use super::{
    client::target,
    event::Events,
    office::{Hooks, HooksRefused},
};
use crate::moderation::Actor;
use chat_domain::Rights;
use chat_store::{Webhook, WebhookChange};

impl Hooks {
    /// Tells one of something else, or elsewhere: with the secret that it has, from where it was, and at once, given up or
    /// not. Of what it was not told before, what happens from now on.
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
        let had = self.hook(id).await?;
        // Whoever may not see what was reported does not lead it elsewhere either.
        let told = events.unwrap_or_else(|| Events::from_stored(had.events));
        if told.needs_review() && !actor.may(Rights::REVIEW) {
            return Err(HooksRefused::Forbidden);
        }
        let may_go = |url: String| target(&url).filter(|url| self.inner().client.may_go(url)).ok_or(HooksRefused::Url);
        let url = url.map(may_go).transpose()?.map(|url| url.to_string());
        let events = events.map(|events| (events.stored(), events.lists()));
        let change =
            WebhookChange { id, url, events, of_rooms: Events::of_rooms().stored(), by: actor.author.id.clone() };
        if !self.inner().store.set_webhook(change).await? {
            return Err(HooksRefused::NotFound);
        }
        self.inner().asked.notify_one();
        self.hook(id).await
    }
}

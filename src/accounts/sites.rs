use chat_accounts::{BadSiteToken, SiteClaims};
use chrono::Utc;

use super::{office::Accounts, verified::Verified};
use chat_domain::AvatarName;
use chat_store::VerifiedUser;

impl Accounts {
    /// Whether a token is one that a blog signs: tickets and secrets of logins have no dot.
    pub fn is_of_a_blog(token: &str) -> bool {
        token.contains('.')
    }

    /// Whom a blog has signed for. Asks the database nothing, so they come in while that is away.
    ///
    /// # Errors
    /// See [`BadSiteToken`].
    pub fn verified(&self, token: &str) -> Result<Verified, BadSiteToken> {
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "exact for the next 285,000 years")]
        let now = Utc::now().timestamp_millis() as f64 / 1_000.0;
        let users = &self.0.site_users;
        let checked = users.sites.check(token, now);
        if checked == Err(BadSiteToken::Unknown) {
            users.unknown.notify_waiters();
        }
        let SiteClaims { site, subject, nickname, avatar, remaining } = checked?;
        let author = self.0.key.verified_author_id(&site, &subject);
        let avatar = avatar.unwrap_or_else(|| AvatarName::derived_from(&author));
        Ok(Verified { site, subject, author, nickname, avatar, remaining })
    }

    /// Notes what a blog says of somebody, where that is news, beside what they do: nobody waits for it. What could not be
    /// noted is with the next JOIN.
    pub fn note_verified(&self, verified: &Verified) {
        let users = &self.0.site_users;
        let Ok(permit) = users.noting.clone().try_acquire_owned() else { return };
        if !users.is_new(verified) {
            return;
        }
        let (accounts, author) = (self.clone(), verified.author.clone());
        let Verified { site, subject, nickname, avatar, .. } = verified.clone();
        let user = VerifiedUser { site, subject, nickname, avatar };
        actix::spawn(async move {
            let _permit = permit;
            if accounts.bounded(accounts.0.store.note_verified(user)).await.is_err() {
                accounts.0.site_users.forget(&author);
            }
        });
    }
}

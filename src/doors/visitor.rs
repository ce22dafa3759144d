use std::{net::IpAddr, sync::Arc};

use actix_web::{HttpRequest, http::header};
use uuid::Uuid;

use super::error::DoorError;
use crate::{
    accounts::Bearer,
    http::{ANONYMOUS_ID, HttpError, Site, address_of, anonymous_secret, bearer, may_connect},
    session::{Caller, JoinContext, TOO_MANY_PROFILES, bearer_refusal, text_refusal, too_fast},
};
use chat_domain::{AvatarName, Nickname, Principal};
use chat_rooms::Refusal;
use chat_wire::ErrorCode;

const FOREIGN: HttpError =
    HttpError::new(ErrorCode::Forbidden, "pages of this origin may not use the chat: CHAT_ORIGINS");
const NOBODY: HttpError = HttpError::new(
    ErrorCode::BadToken,
    "who writes says who it is: by a token, or by a UUID of its own (docs/DOORS.md, docs/STOMP.md, docs/SOCKETIO.md)",
);

/// Who sends a request.
pub struct Visitor {
    /// As whom.
    pub principal: Principal,
    /// From where.
    pub address: IpAddr,
    caller: Caller,
}

/// Refuses what a page of another origin has sent that may open no socket either.
pub fn check_origin(request: &HttpRequest, site: &Site) -> Result<(), HttpError> {
    let is_allowed = may_connect(request, &site.trusted_proxies.networks, &site.origins);
    if is_allowed { Ok(()) } else { Err(FOREIGN) }
}

/// The token that a request brings, where it brings one.
pub fn token_of(request: &HttpRequest) -> Result<Option<&str>, HttpError> {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    bearer(request).map(Some).ok_or(NOBODY)
}

impl Visitor {
    /// Who sends this request: whose token it brings, else whose secret.
    pub async fn of(request: &HttpRequest, site: &Site) -> Result<Self, DoorError> {
        let token = token_of(request)?;
        let secret = match token.is_none() && request.headers().contains_key(ANONYMOUS_ID) {
            true => Some(anonymous_secret(request)?),
            false => None,
        };
        Self::by(site, address_of(request, &site.trusted_proxies), (token, secret)).await
    }

    /// Who comes from this address with a token, or with a secret.
    pub async fn by(
        site: &Site,
        address: IpAddr,
        (token, secret): (Option<&str>, Option<Uuid>),
    ) -> Result<Self, DoorError> {
        let JoinContext { identity, desk, accounts, .. } =
            site.join_context.get().ok_or(DoorError::from(Refusal::StoreUnavailable))?;
        let caller = match (token, secret) {
            (Some(token), _) => match accounts.bearer(token).await {
                Ok(Bearer::Account(signed)) => Caller::Account(None, Arc::new(signed.user)),
                Ok(Bearer::Verified(verified)) => Caller::Verified(verified),
                Ok(Bearer::Key(holder)) => Caller::Key(None, Box::new(holder)),
                Err(why) => return Err(bearer_refusal(&why).into()),
            },
            (None, Some(secret)) => Caller::Visitor(secret),
            (None, None) => return Err(NOBODY.into()),
        };
        let principal = caller.principal((identity, desk.access()));
        // Whose it is by now comes by the account.
        if desk.access().is_claimed(&principal) {
            return Err(Refusal::Claimed.into());
        }
        let network = identity.network(address);
        desk.came_from(principal.author_id(), network);
        Ok(Self { principal: principal.from_network(network), address, caller })
    }

    /// What they are called in what they write now.
    pub fn profile(
        &self,
        site: &Site,
        (nickname, avatar): (Option<&str>, Option<&str>),
    ) -> Result<(Nickname, AvatarName), DoorError> {
        let JoinContext { desk, accounts, .. } =
            site.join_context.get().ok_or(DoorError::from(Refusal::StoreUnavailable))?;
        let profile = self.caller.profile((nickname, avatar), &self.principal).map_err(text_refusal)?;
        let (nickname, avatar) = profile.ok_or(Refusal::NicknameRequired)?;
        if desk.access().is_taken(&self.principal, &nickname) {
            return Err(Refusal::NicknameTaken.into());
        }
        let taken = site.rates.joins_as(self.principal.author_id(), &nickname, avatar);
        taken.map_err(|wait| too_fast(TOO_MANY_PROFILES, wait))?;
        if let Caller::Verified(verified) = &self.caller {
            accounts.note_verified(verified);
        }
        Ok((nickname, avatar))
    }
}

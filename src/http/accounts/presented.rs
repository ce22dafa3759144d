//! Whose request it is: by a token that it brings, or, of the chat's own pages, by a cookie.

use actix_web::{
    HttpRequest,
    http::{Method, header},
};

use super::errors::answer_of;
use crate::{
    accounts::Accounts,
    http::{error::HttpError, security, site::Site},
    moderation::{Actor, Desk},
};
use chat_store::SignedIn;
use chat_wire::ErrorCode;

/// The cookie with what proves a login.
pub const ACCESS: &str = "chat-access";
/// The cookie with what renews it.
pub const REFRESH: &str = "chat-refresh";
/// So many characters of a browser's name for itself are looked at.
const AGENT_BYTES_MAX: usize = 1_024;

pub const NOT_SIGNED_IN: HttpError = HttpError::new(
    ErrorCode::BadToken,
    "this needs what proves a login that lives, or CHAT_ADMIN_TOKEN, as Authorization: Bearer SECRET",
);
const CSRF: HttpError = HttpError::new(
    ErrorCode::Csrf,
    "what changes something by a cookie comes from a page of the chat itself, with its Origin and X-CSRF: 1",
);

/// Accounts; there once the database was reached.
pub fn accounts(site: &Site) -> Result<&Accounts, HttpError> {
    site.join_context.get().map(|context| &context.accounts).ok_or(HttpError::STORE_UNAVAILABLE)
}

/// What a browser calls itself.
pub fn agent(request: &HttpRequest) -> &str {
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if agent.len() > AGENT_BYTES_MAX { "" } else { agent }
}

/// The secret that a request brings in its header.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What a cookie of this name holds.
fn cookie<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    let lines = request.headers().get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
}

/// Whether a page of another origin sent this. What no browser sends has no Origin.
pub fn is_foreign(request: &HttpRequest, site: &Site) -> bool {
    request.headers().contains_key(header::ORIGIN) && !has_own_origin(request, site)
}

fn has_own_origin(request: &HttpRequest, site: &Site) -> bool {
    let mut origins = request.headers().get_all(header::ORIGIN);
    let origin = origins.next().filter(|_| origins.next().is_none()).and_then(|origin| origin.to_str().ok());
    let hosts = security::hosts(request, &site.trusted_proxies.networks);
    origin.is_some_and(|origin| security::is_own(&origin.to_ascii_lowercase(), &hosts))
}

/// Refuses what a page of another origin may have sent along with a cookie.
fn check_csrf(request: &HttpRequest, site: &Site) -> Result<(), HttpError> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let is_marked = request.headers().get("x-csrf").is_some_and(|value| value == "1");
    if reads || (is_marked && has_own_origin(request, site)) { Ok(()) } else { Err(CSRF) }
}

/// What proves a login, as a request brings it: in its header, else in a cookie.
pub fn presented<'a>(request: &'a HttpRequest, site: &Site) -> Result<Option<&'a str>, HttpError> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(bearer(request));
    }
    let Some(cookie) = cookie(request, ACCESS) else { return Ok(None) };
    check_csrf(request, site)?;
    Ok(Some(cookie))
}

/// What renews a login, as a cookie brings it.
pub fn presented_refresh<'a>(request: &'a HttpRequest, site: &Site) -> Result<Option<&'a str>, HttpError> {
    let Some(cookie) = cookie(request, REFRESH) else { return Ok(None) };
    check_csrf(request, site)?;
    Ok(Some(cookie))
}

/// Whether whoever has the token of the settings asks.
pub fn is_operator(request: &HttpRequest, site: &Site) -> bool {
    site.admin_token.as_ref().is_some_and(|token| token.is_sent_by(request))
}

/// Who asks: somebody signed in, a program with a key, or whoever has the token of the settings.
pub async fn actor(request: &HttpRequest, site: &Site) -> Result<Actor, HttpError> {
    if is_operator(request, site) {
        return Ok(Desk::operator());
    }
    if let Some(token) = bearer(request).filter(|token| Accounts::is_key(token)) {
        return actor_by(token, site).await;
    }
    Ok(accounts(site)?.actor(&signed(request, site).await?))
}

/// Whose token this is, where nothing else is brought: the same but for cookies.
pub async fn actor_by(token: &str, site: &Site) -> Result<Actor, HttpError> {
    if site.admin_token.as_ref().is_some_and(|operator| operator.is(token)) {
        return Ok(Desk::operator());
    }
    let accounts = accounts(site)?;
    if Accounts::is_key(token) {
        let holder = accounts.key_holder(token).await.map_err(answer_of)?;
        return Ok(holder.ok_or(NOT_SIGNED_IN)?.actor());
    }
    let signed = accounts.signed_in(token).await.map_err(answer_of)?;
    Ok(accounts.actor(&signed.ok_or(NOT_SIGNED_IN)?))
}

/// Who is signed in.
pub async fn signed(request: &HttpRequest, site: &Site) -> Result<SignedIn, HttpError> {
    let accounts = accounts(site)?;
    let token = presented(request, site)?.ok_or(NOT_SIGNED_IN)?;
    accounts.signed_in(token).await.map_err(answer_of)?.ok_or(NOT_SIGNED_IN)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let request = TestRequest::default()
            .append_header((header::COOKIE, "a=b; not-chat-access=no; chat-access=yes.it.is; chat-access=second"))
            .append_header((header::COOKIE, "chat-refresh="))
            .to_http_request();
        assert_eq!(cookie(&request, ACCESS), Some("yes.it.is"));
        assert_eq!(cookie(&request, REFRESH), None);
        assert_eq!(cookie(&TestRequest::default().to_http_request(), ACCESS), None);
    }
}

//! What routes have in common that have something mailed.

use std::time::Duration;

use actix_web::HttpRequest;

use super::{address, error::HttpError, site::Site};
use crate::mail::InquiryRefused;
use chat_domain::NetworkKey;
use chat_wire::ErrorCode;

/// There is nobody whom it could be mailed to.
pub(super) const OFF: HttpError = HttpError::new(ErrorCode::NotFound, "there is no contact form here");
const BAD_CONTENT: HttpError = HttpError::new(
    ErrorCode::InvalidContent,
    "subject has 1 to 200 characters, text 1 to 8000, name at most 50; something in each must be visible",
);
const BAD_EMAIL: HttpError = HttpError::new(ErrorCode::InvalidEmail, "this is no mail address");

/// What a request for something to be mailed is refused with.
pub(super) fn answer_of(refused: InquiryRefused) -> HttpError {
    match refused {
        InquiryRefused::Off => OFF,
        InquiryRefused::Email => BAD_EMAIL,
        InquiryRefused::Content => BAD_CONTENT,
        InquiryRefused::TooFast(wait) => HttpError::rate_limited(wait),
        InquiryRefused::Full => HttpError::overloaded(Duration::from_secs(3_600)),
        InquiryRefused::Unavailable => HttpError::STORE_UNAVAILABLE,
    }
}

/// From where a request comes, as it is counted.
pub(super) fn network(request: &HttpRequest, site: &Site) -> Result<NetworkKey, HttpError> {
    let context = site.join_context.get().ok_or(HttpError::STORE_UNAVAILABLE)?;
    Ok(context.identity.network(address::of(request, &site.trusted_proxies)))
}

//! What a request is refused with: a page for people, JSON for programs.

use std::{fmt, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
    web::Data,
};
use askama::Template;
use serde_json::json;

use super::{
    html::{html, lang, static_base},
    security,
    site::Site,
};
use chat_wire::ErrorCode;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    lang: &'static str,
    base: &'a str,
    static_base: &'a str,
    status: u16,
    code: &'static str,
    message: &'static str,
}

/// What a route answers where it cannot do what was asked: a code and a fixed sentence, never a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpError {
    code: ErrorCode,
    message: &'static str,
    /// Where it passes with time: after so many seconds it may be tried again.
    retry_after_secs: u64,
    /// The same in milliseconds, where the body says it as well.
    retry_after_ms: Option<u64>,
}

impl HttpError {
    /// The path names no room.
    pub const INVALID_ROOM: Self = Self::new(
        ErrorCode::InvalidRoom,
        "a room id has 1 to 255 characters of UTF-8, no control characters and no '/', and is neither '.' nor '..'",
    );
    /// The database did not answer.
    pub const STORE_UNAVAILABLE: Self =
        Self::new(ErrorCode::StoreUnavailable, "the database is away; try again in a moment");

    /// The path names no message of the room.
    pub const MESSAGE_NOT_FOUND: Self = Self::new(ErrorCode::MessageNotFound, "there is no such message in this room");

    /// An error with this code and sentence.
    pub const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message, retry_after_secs: RETRY_AFTER_SECS, retry_after_ms: None }
    }

    /// This address asks more than it may; `wait` until it may ask again.
    pub fn rate_limited(wait: Duration) -> Self {
        // Rounded up, as the header knows whole seconds: a retry after this long passes.
        let retry_after_secs = wait.as_secs().saturating_add(1);
        let message = "too many requests of this address";
        Self { code: ErrorCode::RateLimited, message, retry_after_secs, retry_after_ms: None }
    }

    /// A queue is full; `wait` until there may be room.
    pub fn overloaded(wait: Duration) -> Self {
        let message = "too much of this at once; nothing was done, try again";
        let retry_after_ms = u64::try_from(wait.as_millis()).ok();
        let retry_after_secs = wait.as_secs().saturating_add(1);
        Self { code: ErrorCode::Overloaded, message, retry_after_secs, retry_after_ms }
    }

    /// What programs decide by.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for their developers.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// After so many milliseconds it may be tried again, where it passes with time.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let secs = self.retry_after()?;
        Some(self.retry_after_ms.unwrap_or(secs.saturating_mul(1_000)))
    }

    /// After so many seconds it may be tried again, where it passes with time.
    fn retry_after(&self) -> Option<u64> {
        let passes = matches!(self.status_code(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        passes.then_some(self.retry_after_secs)
    }

    /// The answer: a page for a browser that asked for one, else JSON.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let accept = request.headers().get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
        if accept.contains("text/html") { self.page(request) } else { self.error_response() }
    }

    /// A page for a person who came to an address that shows nothing.
    fn page(&self, request: &HttpRequest) -> HttpResponse {
        let status = self.status_code();
        let base = request.app_data::<Data<Site>>().map(|site| site.base_path.clone()).unwrap_or_default();
        let page = ErrorPage {
            lang: lang(request),
            base: base.as_str(),
            static_base: &static_base(&base),
            status: status.as_u16(),
            code: self.code.as_str(),
            message: self.message,
        };
        let mut response = html(request, "frame-ancestors *", &security::nonce(), page.render());
        *response.status_mut() = status;
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

/// What passes with time may be tried again after this.
const RETRY_AFTER_SECS: u64 = 2;

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        match self.code {
            ErrorCode::NotFound | ErrorCode::MessageNotFound => StatusCode::NOT_FOUND,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::StoreUnavailable | ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::Forbidden | ErrorCode::RegistrationClosed | ErrorCode::BadInvite | ErrorCode::Csrf => {
                StatusCode::FORBIDDEN
            }
            ErrorCode::BadToken | ErrorCode::BadCode | ErrorCode::BadCredentials => StatusCode::UNAUTHORIZED,
            ErrorCode::SettingsConflict
            | ErrorCode::AlreadyUndone
            | ErrorCode::ChangedSince
            | ErrorCode::EmailTaken
            | ErrorCode::Claimed
            | ErrorCode::LastOwner
            | ErrorCode::RoomTaken => StatusCode::CONFLICT,
            ErrorCode::WeakPassword | ErrorCode::InvalidEmail => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        match self.retry_after_ms {
            Some(ms) => {
                response.json(json!({"error": {"code": self.code, "message": self.message, "retryAfterMs": ms}}))
            }
            None => response.json(json!({"error": {"code": self.code, "message": self.message}})),
        }
    }
}

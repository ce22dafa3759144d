use std::fmt;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde_json::json;

use super::page;
use crate::protocol::ErrorCode;

/// What a route answers where it cannot do what was asked: a code and a fixed sentence, never a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpError {
    code: ErrorCode,
    message: &'static str,
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

    /// An error with this code and sentence.
    pub const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message }
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// The answer: a page for a browser that asked for one, else JSON.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let accept = request.headers().get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
        if accept.contains("text/html") { page::error(request, self) } else { self.error_response() }
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
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::StoreUnavailable | ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECS));
        }
        response.json(json!({"error": {"code": self.code, "message": self.message}}))
    }
}

//! Colours of code, for the page.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Payload},
};
use serde::Deserialize;

use super::{address, body::whole_body, error::HttpError, site::Site};
use crate::highlight::{CODE_BYTES_MAX, Full};
use chat_wire::ErrorCode;

/// The body may have twice the bytes of a code, as JSON writes line ends and quotes as two, and a KiB around it.
const BODY_BYTES_MAX: usize = 2 * CODE_BYTES_MAX + 1_024;
/// What colouring a byte of code costs an address, in bytes of answers: with the defaults of docs/LIMITS.md it may ask
/// for the longest code 64 times at once, and 8 times a second after that.
const COST: u64 = 64;

const BAD_BODY: HttpError =
    HttpError::new(ErrorCode::BadRequest, "the body is a JSON object with code, a text, and language, a text or null");
const TOO_LARGE: HttpError = HttpError::new(ErrorCode::TooLarge, "code has at most 16 KiB, the whole body 33");
const OVERLOADED: HttpError = HttpError::new(ErrorCode::Overloaded, "too much code waits for its colours");

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    language: Option<String>,
    code: String,
}

/// `POST /api/v1/highlight`: what each part of a code is.
pub async fn highlight(request: HttpRequest, body: Payload, site: Data<Site>) -> Result<HttpResponse, HttpError> {
    let body = whole_body(body, BODY_BYTES_MAX).await?;
    let Asked { language, code } = asked(&body)?;
    let n_bytes = u64::try_from(code.len()).unwrap_or(u64::MAX);
    let made = site.highlighter.highlight(language.unwrap_or_default(), code).await;
    let colours = made.map_err(|Full| OVERLOADED)?;
    if !colours.is_kept {
        site.bytes.charge(address::of(&request, &site.trusted_proxies), n_bytes.saturating_mul(COST));
    }
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store")).content_type("application/json");
    Ok(response.body(colours.json))
}

fn asked(body: &[u8]) -> Result<Asked, HttpError> {
    let asked: Asked = serde_json::from_slice(body).map_err(|_| BAD_BODY)?;
    if asked.code.len() > CODE_BYTES_MAX { Err(TOO_LARGE) } else { Ok(asked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_refused() {
        let of = |body: &str| asked(body.as_bytes()).err();
        for body in [r#"{"code":""}"#, r#"{"code":"x","language":null}"#, r#"{"code":"x","language":"rs","more":1}"#] {
            assert_eq!(of(body), None, "{body}");
        }
        for body in ["", "x", "[]", "{}", r#"{"code":1}"#, r#"{"code":null}"#, r#"{"code":"x","language":1}"#] {
            assert_eq!(of(body), Some(BAD_BODY), "{body}");
        }
        assert_eq!(asked(b"{\"code\":\"\xff\"}").err(), Some(BAD_BODY));
        let of_length = |n| of(&format!(r#"{{"code":"{}"}}"#, "x".repeat(n)));
        assert_eq!((of_length(CODE_BYTES_MAX), of_length(CODE_BYTES_MAX + 1)), (None, Some(TOO_LARGE)));
    }
}

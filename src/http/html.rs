//! What all pages have in common: headers, the reader's language, where the page's files stand.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header, web::Data};
use percent_encoding::percent_decode_str;

use super::{base_path::BasePath, embedded, security, site::Site};

/// Where the page's files stand.
pub fn static_base(base: &BasePath) -> String {
    format!("{base}{}", *embedded::BASE)
}

pub fn html(request: &HttpRequest, frames: &str, nonce: &str, page: Result<String, askama::Error>) -> HttpResponse {
    match page {
        Ok(page) => html_head(request, frames, nonce).body(page),
        Err(error) => {
            log::error!("a page could not be made: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

pub fn html_head(request: &HttpRequest, frames: &str, nonce: &str) -> HttpResponseBuilder {
    let site = request.app_data::<Data<Site>>();
    let trusted = site.map(|site| &site.trusted_proxies.networks[..]).unwrap_or_default();
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(security::PERMISSIONS_POLICY)
        .insert_header((header::CONTENT_SECURITY_POLICY, security::policy(request, trusted, nonce, frames)));
    response
}

/// A parameter of the query, the first of its name.
pub fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let pair = request.query_string().split('&').find_map(|p| p.split_once('=').filter(|(n, _)| *n == name))?;
    Some(percent_decode_str(&pair.1.replace('+', " ")).decode_utf8_lossy().into_owned())
}

/// `lang`, else what the browser likes best of the languages we have.
pub fn lang(request: &HttpRequest) -> &'static str {
    let known = |tag: &str| match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("ko") => Some("ko"),
        Some("en") => Some("en"),
        _ => None,
    };
    let header = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    parameter(request, "lang").and_then(|l| known(&l)).or_else(|| header.split(',').find_map(known)).unwrap_or("en")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_language_is_chosen() {
        let of = |uri: &str, header: &'static str| {
            lang(&TestRequest::with_uri(uri).insert_header((header::ACCEPT_LANGUAGE, header)).to_http_request())
        };
        assert_eq!(of("/?lang=ko", "en"), "ko");
        assert_eq!(of("/?lang=ko_KR", "en"), "ko");
        assert_eq!(of("/?lang=xx", "ko-KR,ko;q=0.9,en;q=0.8"), "ko");
        assert_eq!(of("/", "fr-FR,en;q=0.5"), "en");
        assert_eq!(of("/", "fr"), "en");
    }
}

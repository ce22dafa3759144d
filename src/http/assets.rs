//! Static files, as they are asked for.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Path};

use super::{
    compression::encoding,
    embedded::{BASE, Files, compressed, is_page_file, tag},
    error::HttpError,
};
use chat_wire::ErrorCode;

const FOREVER: &str = "public, max-age=31536000, immutable";
const AN_HOUR: &str = "public, max-age=3600, stale-while-revalidate=86400";

/// `GET /static/{hash}/{path}`. An old hash is answered with the file of now, not to be kept: a page that was
/// open during an update still finds its parts.
pub async fn hashed(request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    let (hash, path) = path.into_inner();
    let is_current = BASE.strip_prefix("/static/") == Some(&hash);
    if !is_page_file(&path) {
        return missing(&request);
    }
    serve(&request, &path, if is_current { FOREVER } else { "no-cache" })
}

/// `GET /avatars/{name}.svg`.
pub async fn avatar(request: HttpRequest, file: Path<String>) -> HttpResponse {
    if !file.ends_with(".svg") {
        return missing(&request);
    }
    serve(&request, &format!("avatars/{file}"), "public, max-age=86400, stale-while-revalidate=604800")
}

/// `GET /embed.js`.
pub async fn embed_js(request: HttpRequest) -> HttpResponse {
    serve(&request, "dist/embed.js", AN_HOUR)
}

/// `GET /favicon.ico`, which browsers ask for by themselves.
pub async fn favicon(request: HttpRequest) -> HttpResponse {
    serve(&request, "icon.svg", AN_HOUR)
}

fn missing(request: &HttpRequest) -> HttpResponse {
    HttpError::new(ErrorCode::NotFound, "there is no such file").answer(request)
}

fn serve(request: &HttpRequest, path: &str, cache: &str) -> HttpResponse {
    let Some(file) = Files::get(path) else { return missing(request) };
    let tag = tag(&file);
    let asked = request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, cache.to_owned()))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::VARY, "accept-encoding"));
    // What is kept for ever under its hash is asked for once, and the bytes of a first visit are counted.
    if cache != FOREVER {
        // Weak: the encodings of a file are not the same bytes.
        response.insert_header((header::ETAG, format!("W/{tag}")));
    }
    if asked.is_some_and(|asked| asked.split(',').any(|t| t.trim().trim_start_matches("W/") == tag || t.trim() == "*"))
    {
        return response.status(actix_web::http::StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type(file.metadata.mimetype());
    match encoding(request) {
        Some(encoding) => response
            .insert_header((header::CONTENT_ENCODING, encoding.name()))
            .body(compressed(&tag, encoding, &file.data)),
        None => response.body(file.data.into_owned()),
    }
}

//! What an address answers, by its methods.

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError,
    http::{Method, StatusCode, header},
    web,
};

use super::{error::HttpError, security};
use chat_wire::ErrorCode;

/// A resource that can be read and nothing else.
pub fn read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(async || refused("this address answers GET and HEAD", "GET, HEAD")))
}

/// The same, of the interface: a page of another origin may ask first what it may send.
pub fn public<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    read(path, handler).route(web::method(Method::OPTIONS).to(security::preflight))
}

/// The same, of an address at which a door takes these other methods.
pub fn also<F, Args>(others: &'static str, path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let other = move || async move { not_allowed(&["GET, HEAD, ", others].concat()) };
    public(path, handler).default_service(web::to(other))
}

/// A resource of the interface that can be read and changed.
pub fn both<F, Args, G, GArgs>(path: &str, reading: F, changing: G) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
    G: Handler<GArgs>,
    GArgs: FromRequest + 'static,
    G::Output: Responder + 'static,
{
    and_post(public(path, reading), changing)
}

/// A page, at whose address something can be done as well.
pub fn page_and_post<F, Args, G, GArgs>(path: &str, page: F, doing: G) -> Resource
where
    F: Handler<Args> + Clone,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
    G: Handler<GArgs>,
    GArgs: FromRequest + 'static,
    G::Output: Responder + 'static,
{
    and_post(read(path, page), doing)
}

fn and_post<F, Args>(resource: Resource, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource
        .route(web::post().to(handler))
        .default_service(web::to(async || refused("this address answers GET, HEAD and POST", "GET, HEAD, POST")))
}

/// A resource of the interface that answers to what it is sent.
pub fn asked<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler))
        .route(web::method(Method::OPTIONS).to(security::preflight))
        .default_service(web::to(async || refused("this address answers POST", "POST")))
}

/// What answers a method that an address does not take.
pub fn refused(message: &'static str, allowed: &'static str) -> HttpResponse {
    not_taken(message, allowed)
}

/// The same, where the header says it all.
pub fn not_allowed(allowed: &str) -> HttpResponse {
    not_taken("this address answers the methods that Allow names", allowed)
}

fn not_taken(message: &'static str, allowed: &str) -> HttpResponse {
    let mut response = HttpError::new(ErrorCode::BadRequest, message).error_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(allowed) = header::HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// A resource of the interface that can be changed in part, and removed.
pub fn kept<F, Args, G, GArgs>(path: &str, changing: F, removing: G) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
    G: Handler<GArgs>,
    GArgs: FromRequest + 'static,
    G::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::patch().to(changing))
        .route(web::delete().to(removing))
        .route(web::method(Method::OPTIONS).to(security::preflight))
        .default_service(web::to(async || refused("this address answers PATCH and DELETE", "PATCH, DELETE")))
}

/// A resource of the interface that can be removed and nothing else.
pub fn removed<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::delete().to(handler))
        .route(web::method(Method::OPTIONS).to(security::preflight))
        .default_service(web::to(async || refused("this address answers DELETE", "DELETE")))
}

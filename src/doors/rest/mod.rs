//! Writing by requests: each is a command of the socket, and is answered once what it asks for is stored.

mod commands;
mod request;

use actix_web::{
    guard,
    web::{self, ServiceConfig},
};

use crate::http::{not_allowed, preflight};

/// Declares its routes. Where there is something to read as well, only what writes is taken.
pub fn configure(scope: &mut ServiceConfig) {
    let own = |path| {
        web::resource(path)
            .route(web::route().guard(guard::Options()).to(preflight))
            .default_service(web::to(async || not_allowed("PUT, DELETE")))
    };
    scope
        .service(web::resource("/rooms/{room}/messages").guard(guard::Post()).route(web::post().to(commands::publish)))
        .service(
            web::resource("/rooms/{room}/messages/{id}")
                .guard(guard::Any(guard::Patch()).or(guard::Delete()))
                .route(web::patch().to(commands::edit))
                .route(web::delete().to(commands::delete)),
        )
        .service(
            own("/rooms/{room}/messages/{id}/reactions/{emoji}")
                .route(web::put().to(commands::react))
                .route(web::delete().to(commands::unreact)),
        )
        .service(
            own("/rooms/{room}/messages/{id}/pin")
                .route(web::put().to(commands::pin))
                .route(web::delete().to(commands::unpin)),
        );
}

//! Accounts, under `/api/v1/auth`, `/api/v1/me` and `/api/v1/admin`: what is asked and answered, and whose request it is.
//! What is done is in `src/accounts`.

mod bots;
mod confirming;
mod devices;
mod entering;
mod errors;
mod own;
mod presented;
mod session;
mod team;

use actix_web::web::{self, ServiceConfig};

use super::resource::{asked, both, public, refused, removed};

pub use errors::answer_of;
pub use presented::{accounts, actor, actor_by, agent, bearer, is_operator, presented, signed};
pub use session::done;

/// What whoever has an account, or wants one, asks.
pub fn configure(scope: &mut ServiceConfig) {
    scope
        .service(public("/auth/settings", entering::settings))
        .service(asked("/auth/setup", entering::set_up))
        .service(asked("/auth/register", entering::register))
        .service(asked("/auth/login", entering::log_in))
        .service(asked("/auth/refresh", entering::refresh))
        .service(asked("/auth/logout", entering::log_out))
        .service(asked("/auth/ticket", own::ticket))
        .service(asked("/auth/password/reset", entering::reset_password))
        .service(asked("/auth/password/forgot", entering::forgot_password))
        .service(asked("/auth/verify-email", confirming::confirm))
        .service(
            public("/me", own::me)
                .route(web::patch().to(own::change))
                .route(web::delete().to(own::erase))
                .default_service(web::to(async || {
                    refused("this address answers GET, HEAD, PATCH and DELETE", "GET, HEAD, PATCH, DELETE")
                })),
        )
        .service(asked("/me/password", own::change_password))
        .service(asked("/me/email", confirming::change))
        .service(asked("/me/verify-email", confirming::again))
        .service(public("/me/logins", own::logins))
        .service(removed("/me/logins/{id}", own::end_login))
        .service(public("/me/export", own::export))
        .service(asked("/me/claim", own::claim))
        .service(both("/devices", devices::list, devices::join))
        .service(asked("/devices/code", devices::code))
        .service(removed("/devices/{id}", devices::remove));
}

/// What those ask who say who has which role.
pub fn configure_team(scope: &mut ServiceConfig) {
    scope
        .service(both("/invites", team::invites, team::invite))
        .service(removed("/invites/{id}", team::remove_invite))
        .service(public("/users", team::people))
        .service(asked("/users/{id}", team::change))
        .service(asked("/users/{id}/reset", team::reset))
        .service(both("/bots", bots::bots, bots::add_bot))
        .service(removed("/bots/{id}", bots::end_bot))
        .service(both("/keys", bots::keys, bots::add_key))
        .service(removed("/keys/{id}", bots::end_key))
        .service(asked("/site-users/erase", team::erase_site_user));
}

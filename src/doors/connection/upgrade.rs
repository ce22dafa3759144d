use std::rc::Rc;

use actix_web::{HttpRequest, HttpResponse, web::Data};

use super::running::{Connection, Protocol};
use crate::{
    doors::{error::DoorError, visitor::check_origin},
    http::{HandedOver, HttpError, Site, address_of, handshake},
    session::{NotAdmitted, SessionSetup},
};
use chat_rooms::Refusal;

/// Upgrades to a protocol, which has these names where it has some. Who may not come in is told by a status. Gives the
/// outcome as well, as `chat_upgrades_total` counts it.
///
/// # Errors
/// Where it is refused.
pub fn upgrade<P: Protocol>(
    request: &HttpRequest,
    site: &Data<Site>,
    protocols: &[&str],
    own: P,
) -> Result<HttpResponse, (&'static str, DoorError)> {
    let address = address_of(request, &site.trusted_proxies);
    site.rates.upgrade(address).map_err(|wait| ("rate_limited", HttpError::rate_limited(wait).into()))?;
    if site.phase.is_refusing() {
        return Err(("draining", HttpError::overloaded(site.retry_after).into()));
    }
    let mut response = handshake(request, protocols).map_err(|error| ("invalid", error.into()))?;
    check_origin(request, site).map_err(|error| ("origin_refused", error.into()))?;
    let permit = site.admission.admit(address).map_err(|why| {
        let outcome = match why {
            NotAdmitted::ServerFull => "server_full",
            NotAdmitted::AddressFull => "address_full",
        };
        (outcome, HttpError::from(why).into())
    })?;
    let setup = request.app_data::<Rc<SessionSetup>>().ok_or(("overloaded", Refusal::Overloaded.into()))?.clone();
    let site = site.clone();
    let mut response = response.finish();
    let take = move |taken| Connection::start(own, (site, setup), (address, permit), taken);
    response.extensions_mut().insert(HandedOver(Box::new(take)));
    Ok(response)
}

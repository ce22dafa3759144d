//! The door on one thread: which service a call is for.

use std::{convert::Infallible, net::IpAddr, rc::Rc, time::Duration};

use actix::clock::timeout;
use actix_web::web::Data;
use futures_util::{FutureExt, future::LocalBoxFuture};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tonic::{codegen::Service, server::NamedService};

use super::{
    answering::MESSAGE_MAX,
    call::{Call, deadline_of},
    caller::{Caller, address_of},
    reply::{Charged, Reply, late, no_call, refused},
    status::status,
};
use crate::{
    doors::error::DoorError,
    http::{HttpError, Site},
    session::SessionSetup,
};
use chat_grpc::SERVICE;

/// A service that is not ours, by the beginning of its paths.
pub type Other = (String, Box<dyn Fn(Request<Incoming>) -> LocalBoxFuture<'static, Response<tonic::body::Body>>>);

/// The door on one thread.
pub struct Thread {
    /// What the server is made of.
    pub site: Data<Site>,
    /// What sessions of this thread share.
    pub setup: Rc<SessionSetup>,
    /// Encrypts, where that was set up.
    pub tls: Option<TlsAcceptor>,
    /// How long a connection is kept that nobody calls by.
    pub idle_max: Duration,
    /// What else can be called.
    pub others: Vec<Other>,
}

/// A service that is not ours.
pub fn other<S>(service: S) -> Other
where
    S: Service<Request<Incoming>, Response = Response<tonic::body::Body>, Error = Infallible>
        + NamedService
        + Clone
        + 'static,
    S::Future: 'static,
{
    let call = move |request| {
        let answer = service.clone().call(request);
        async move { answer.await.unwrap_or_else(|never| match never {}) }.boxed_local()
    };
    (format!("/{}/", S::NAME), Box::new(call))
}

impl Thread {
    /// Answers a call.
    pub async fn answer(&self, request: Request<Incoming>, peer: IpAddr, cut: Rc<Notify>) -> Response<Reply> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_call = kind.strip_prefix("application/grpc").is_some_and(|rest| !rest.starts_with("-web"));
        if request.method() != Method::POST || !is_call {
            return no_call(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let (parts, body) = request.into_parts();
        let address = address_of(peer, &parts.headers, &self.site.trusted_proxies);
        if let Err(wait) = self.site.rates.request(address).and_then(|()| self.site.bytes.check(address)) {
            return refused(status(&HttpError::rate_limited(wait).into()));
        }
        let path = parts.uri.path();
        if let Some((prefix, other)) = self.others.iter().find(|(prefix, _)| path.starts_with(prefix.as_str())) {
            if !prefix.contains(".health.") {
                // Whoever wants to know what there is to call is done soon.
                cut.notify_one();
            }
            let of = Charged { site: self.site.clone(), address };
            let answering = timeout(MESSAGE_MAX, other(Request::from_parts(parts, body)));
            let Ok(answer) = answering.await else { return refused(late()) };
            return answer.map(|body| Reply::Other(body, Some(of)));
        }
        let method = path.strip_prefix('/').and_then(|path| path.strip_prefix(SERVICE)?.strip_prefix('/'));
        let begun = || {
            let (caller, deadline) = (Caller::of(address, &parts.headers)?, deadline_of(&parts.headers)?);
            Ok::<_, DoorError>(Call { site: self.site.clone(), setup: self.setup.clone(), caller, deadline, cut })
        };
        match begun() {
            Ok(call) => call.answer(method.unwrap_or_default(), &parts.headers, body).await,
            Err(error) => refused(status(&error)),
        }
    }
}

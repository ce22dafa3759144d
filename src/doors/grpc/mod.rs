//! gRPC (docs/GRPC.md): calls over HTTP/2, on an address of their own, served by the threads of everything else.
//!
//! From below: `caller`, `status` and `framing` (what readers of a Change share), `feed` (a session for each room that is
//! read), `reply` (the body of an answer), `tls`; `writing`, `reading` and `subscribing` are what can be called, `call` is
//! one that is, and `connection` what they come by.

mod call;
mod caller;
mod connection;
mod feed;
mod framing;
mod reading;
mod reply;
mod status;
mod subscribing;
mod tls;
mod writing;

use std::{convert::Infallible, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use actix::clock::{interval, timeout};
use actix_web::{rt::net::TcpStream, web::Data};
use futures_util::{FutureExt, future::LocalBoxFuture};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use rustls::ServerConfig;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tonic::{codegen::Service, server::NamedService};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use self::{
    call::{Call, deadline_of},
    caller::{Caller, address_of},
    reply::{Reply, no_call, refused},
    status::status,
};
use super::error::DoorError;
use crate::{
    http::{HttpError, Site},
    session::{Entered, HEAD_MAX, SessionSetup},
};
use chat_grpc::{DESCRIPTOR, SERVICE};

pub use tls::{TlsError, load as load_tls};

/// The longest message to a service that is not ours: a name.
const OTHER_BYTES_MAX: usize = 4 * 1024;
/// How often it is looked whether the server is ready.
const HEALTH_TICK: Duration = Duration::from_millis(250);

/// The door, for all threads.
#[derive(Clone)]
pub struct Door {
    site: Data<Site>,
    tls: Option<Arc<ServerConfig>>,
    /// How long a connection is kept that nobody calls by.
    idle_max: Duration,
    health: HealthReporter,
}

/// A service that is not ours, by the beginning of its paths.
type Other = (String, Box<dyn Fn(Request<Incoming>) -> LocalBoxFuture<'static, Response<tonic::body::Body>>>);

/// The door on one thread.
pub struct Thread {
    site: Data<Site>,
    setup: Rc<SessionSetup>,
    tls: Option<TlsAcceptor>,
    idle_max: Duration,
    others: Vec<Other>,
}

impl Door {
    /// A door to this site, encrypted where that was set up.
    pub fn new(site: Data<Site>, tls: Option<Arc<ServerConfig>>, idle_max: Duration) -> Self {
        Self { site, tls, idle_max, health: HealthReporter::new() }
    }

    /// What is served on this thread.
    pub fn on_thread(&self, setup: Rc<SessionSetup>) -> Rc<Thread> {
        let health = HealthServer::new(HealthService::from_health_reporter(self.health.clone()));
        let mut others = vec![other(health.max_decoding_message_size(OTHER_BYTES_MAX))];
        let described =
            || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTOR);
        // Older clients ask by the older name. What was made of our own proto can be read.
        match (described().build_v1(), described().build_v1alpha()) {
            (Ok(now), Ok(before)) => {
                others.push(other(now.max_decoding_message_size(OTHER_BYTES_MAX)));
                others.push(other(before.max_decoding_message_size(OTHER_BYTES_MAX)));
            }
            (Err(error), _) | (_, Err(error)) => log::error!("nobody can ask what gRPC says here: {error}"),
        }
        let tls = self.tls.clone().map(TlsAcceptor::from);
        Rc::new(Thread { site: self.site.clone(), setup, tls, idle_max: self.idle_max, others })
    }

    /// Tells whoever asks for its health whether the server is ready, as long as it runs.
    pub async fn keep_health(self) {
        let mut ticks = interval(HEALTH_TICK);
        loop {
            ticks.tick().await;
            let status = match self.site.phase.is_ready() {
                true => ServingStatus::Serving,
                false => ServingStatus::NotServing,
            };
            for service in ["", SERVICE] {
                self.health.set_service_status(service, status).await;
            }
        }
    }
}

fn other<S>(service: S) -> Other
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
    /// Serves a connection that was accepted.
    pub async fn serve(self: Rc<Self>, stream: TcpStream, (entered, peer): (Entered, IpAddr)) {
        let idle_max = self.idle_max;
        match self.tls.clone() {
            None => connection::serve(self, stream, (entered, peer), idle_max).await,
            Some(acceptor) => {
                // Who does not say hello is no client.
                if let Ok(Ok(stream)) = timeout(HEAD_MAX, acceptor.accept(stream)).await {
                    connection::serve(self, stream, (entered, peer), idle_max).await;
                }
            }
        }
    }

    /// Answers a call.
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr, cut: Rc<Notify>) -> Response<Reply> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_call = kind.strip_prefix("application/grpc").is_some_and(|rest| !rest.starts_with("-web"));
        if request.method() != Method::POST || !is_call {
            return no_call(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let (parts, body) = request.into_parts();
        let address = address_of(peer, &parts.headers, &self.site.trusted_proxies);
        let path = parts.uri.path();
        if let Some((_, other)) = self.others.iter().find(|(prefix, _)| path.starts_with(prefix.as_str())) {
            if let Err(wait) = self.site.rates.request(address) {
                return refused(status(&HttpError::rate_limited(wait).into()));
            }
            return other(Request::from_parts(parts, body)).await.map(Reply::Other);
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

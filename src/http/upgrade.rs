//! Connections that become WebSockets are taken over from the HTTP server.

use std::{convert::Infallible, rc::Rc};

use actix_codec::{Encoder, Framed};
use actix_http::{
    HttpMessage, Request, Response,
    body::{BodySize, MessageBody, to_bytes},
    h1::{Codec, Message, SendResponse},
};
use actix_service::apply_fn_factory;
use actix_web::dev::{Service, ServiceFactory, ServiceResponse, fn_factory, fn_service};
use bytes::Bytes;

use super::ws::{HandedOver, TakenOver, TakesOver, Upgraded};
use crate::session::{Connected, Connection, PlainStream, Session, SessionSetup, linger};

/// Serves requests that ask for a WebSocket: lets `app` answer as it answers all others, and where it answers 101
/// takes the connection out of HTTP's hands.
///
/// HTTP would keep two buffers of 8 KiB for each session, copy every frame and wake a task for it.
pub fn upgrades<F, B>(
    app: F,
    setup: Rc<SessionSetup>,
) -> impl ServiceFactory<
    (Request, Framed<PlainStream, Codec>),
    Config = (),
    Response = (),
    Error = Infallible,
    InitError = F::InitError,
>
where
    F: ServiceFactory<Request, Config = (), Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    F::Service: 'static,
    B: MessageBody + 'static,
{
    let app = Rc::new(app);
    fn_factory(move || {
        let (app, setup) = (app.clone(), setup.clone());
        async move {
            let app = Rc::new(app.new_service(()).await?);
            let answer = move |(request, framed)| serve(app.clone(), setup.clone(), request, framed);
            Ok(fn_service(answer))
        }
    })
}

/// Lets `app` answer what is no upgrade, and says to the connection when it has: a connection whose requests are all
/// answered may give way to another one.
pub fn answers<F, B>(
    app: F,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = ServiceResponse<B>,
    Error = actix_web::Error,
    InitError = F::InitError,
    Service = impl Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error, Future: 'static>,
>
where
    F: ServiceFactory<Request, Config = (), Response = ServiceResponse<B>, Error = actix_web::Error>,
    <F::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    apply_fn_factory(app, |request: Request, app: &F::Service| {
        let requests = request.conn_data::<Connected>().map(Connected::requests);
        let answer = app.call(request);
        async move {
            let answer = answer.await;
            if let Some(requests) = requests.and_then(|requests| requests.upgrade()) {
                requests.answered();
            }
            answer
        }
    })
}

async fn serve<S, B>(
    app: Rc<S>,
    setup: Rc<SessionSetup>,
    request: Request,
    framed: Framed<PlainStream, Codec>,
) -> Result<(), Infallible>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    request.extensions_mut().insert(TakesOver);
    let mut response = match app.call(request).await {
        Ok(response) => Response::from(response).map_body(|_, body| body.boxed()),
        Err(error) => error.error_response().into(),
    };
    let handed: Option<HandedOver> = response.extensions_mut().remove();
    if let Some(HandedOver(take)) = handed {
        if let Some(taken) = give_away(response.drop_body(), framed) {
            take(taken);
        }
        return Ok(());
    }
    let upgraded = response.extensions_mut().remove::<Upgraded>();
    match upgraded {
        Some(upgraded) => take_over(setup, upgraded, response.drop_body(), framed),
        // Whatever the client sends behind its request is meant for a socket that it does not get.
        None => {
            let (head, body) = response.into_parts();
            let body = to_bytes(body).await.unwrap_or_default();
            match SendResponse::new(framed, head.set_body(body)).await {
                Ok(framed) => {
                    // Its permit among the connections is kept until it has ended.
                    let (stream, _permit) = framed.into_parts().io.into_parts();
                    linger(stream).await;
                }
                Err(error) => log::debug!("an answer to an upgrade could not be sent: {error}"),
            }
        }
    }
    Ok(())
}

fn take_over(setup: Rc<SessionSetup>, upgraded: Upgraded, head: Response<()>, framed: Framed<PlainStream, Codec>) {
    let Upgraded { room, address, permit, deflates, refused } = upgraded;
    let Some(TakenOver { stream, first, answer }) = give_away(head, framed) else { return };
    Session::open(setup, Connection { room, address, permit, deflates, stream, first, answer }, refused);
}

/// The connection, with its answer. From here on it counts as a session.
fn give_away(head: Response<()>, framed: Framed<PlainStream, Codec>) -> Option<TakenOver> {
    let mut parts = framed.into_parts();
    if let Err(error) = parts.codec.encode(Message::Item((head, BodySize::None)), &mut parts.write_buf) {
        log::error!("the answer to an upgrade could not be written: {error}");
        return None;
    }
    // Copies: HTTP's buffers have 8 KiB each, and even what is empty would hold on to them.
    let (first, answer) = (Bytes::copy_from_slice(&parts.read_buf), Bytes::copy_from_slice(&parts.write_buf));
    let (stream, _) = parts.io.into_parts();
    Some(TakenOver { stream, first, answer })
}

use std::{convert::Infallible, rc::Rc};

use actix_codec::{Encoder, Framed};
use actix_http::{
    HttpMessage, Request, Response,
    body::{BodySize, MessageBody, to_bytes},
    h1::{Codec, Message, SendResponse},
};
use actix_web::{
    dev::{Service, ServiceFactory, ServiceResponse, fn_factory, fn_service},
    rt::net::TcpStream,
};
use bytes::Bytes;

use super::ws::Upgraded;
use crate::session::{Connection, Session, SessionSetup, linger};

/// Marks a request whose connection can be taken over.
pub struct TakesOver;

/// Serves requests that ask for a WebSocket: lets `app` answer as it answers all others, and where it answers 101
/// takes the connection out of HTTP's hands.
///
/// HTTP would keep two buffers of 8 KiB for each session, copy every frame and wake a task for it.
pub fn upgrades<F, B>(
    app: F,
    setup: Rc<SessionSetup>,
) -> impl ServiceFactory<
    (Request, Framed<TcpStream, Codec>),
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

async fn serve<S, B>(
    app: Rc<S>,
    setup: Rc<SessionSetup>,
    request: Request,
    framed: Framed<TcpStream, Codec>,
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
    let upgraded = response.extensions_mut().remove::<Upgraded>();
    match upgraded {
        Some(upgraded) => take_over(setup, upgraded, response.drop_body(), framed),
        // Whatever the client sends behind its request is meant for a socket that it does not get.
        None => {
            let (head, body) = response.into_parts();
            let body = to_bytes(body).await.unwrap_or_default();
            match SendResponse::new(framed, head.set_body(body)).await {
                Ok(framed) => linger(framed.into_parts().io).await,
                Err(error) => log::debug!("an answer to an upgrade could not be sent: {error}"),
            }
        }
    }
    Ok(())
}

fn take_over(setup: Rc<SessionSetup>, upgraded: Upgraded, head: Response<()>, framed: Framed<TcpStream, Codec>) {
    let Upgraded { room, address, place, refused } = upgraded;
    let mut parts = framed.into_parts();
    if let Err(error) = parts.codec.encode(Message::Item((head, BodySize::None)), &mut parts.write_buf) {
        return log::error!("the answer to an upgrade could not be written: {error}");
    }
    // Copies: HTTP's buffers have 8 KiB each, and even what is empty would hold on to them.
    let (first, answer) = (Bytes::copy_from_slice(&parts.read_buf), Bytes::copy_from_slice(&parts.write_buf));
    Session::open(setup, Connection { room, address, place, stream: parts.io, first, answer }, refused);
}

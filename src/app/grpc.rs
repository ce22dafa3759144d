//! The door for gRPC, where it was built in and has an address.

#[cfg(feature = "grpc")]
pub(super) use built::{Grpc, open, service};
#[cfg(not(feature = "grpc"))]
pub(super) use left_out::{Grpc, open};

#[cfg(feature = "grpc")]
mod built {
    use std::{
        net::{SocketAddr, TcpListener},
        rc::Rc,
        sync::Arc,
    };

    use actix_service::{IntoServiceFactory, ServiceFactory, fn_service};
    use actix_web::{rt::net::TcpStream, web::Data};

    use crate::{
        app::{error::AppError, listening::listen},
        config::ServeConfig,
        doors::grpc::{Door, accept, load_tls},
        http::Site,
        session::{Connections, SessionSetup, prepare},
    };

    /// The door, and where it is.
    pub struct Grpc {
        pub listener: TcpListener,
        pub door: Door,
    }

    /// Listens, where an address was set.
    pub fn open(config: &ServeConfig, site: &Data<Site>) -> Result<Option<Grpc>, AppError> {
        let grpc = &config.grpc;
        let Some(address) = grpc.grpc_listen else { return Ok(None) };
        let tls = match (&grpc.grpc_tls_cert, &grpc.grpc_tls_key) {
            (Some(certificate), Some(key)) => {
                let tls = load_tls(certificate, key);
                Some(tls.map_err(|why| AppError::Grpc(format!("CHAT_GRPC_TLS_CERT, CHAT_GRPC_TLS_KEY: {why}")))?)
            }
            (None, None) => None,
            _ => return Err(AppError::Grpc("CHAT_GRPC_TLS_CERT and CHAT_GRPC_TLS_KEY go together".to_owned())),
        };
        let listener = listen(address, "CHAT_GRPC_LISTEN")?;
        let with = if tls.is_some() { "with TLS" } else { "without TLS" };
        log::info!("gRPC is served on {}, {with}", listener.local_addr()?);
        Ok(Some(Grpc { listener, door: Door::new(site.clone(), tls, config.site.keep_alive) }))
    }

    /// What serves the connections of one thread.
    pub fn service(
        door: &Door,
        setup: Rc<SessionSetup>,
        connections: Arc<Connections>,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = std::io::Error, InitError = ()> + use<>
    {
        let thread = door.on_thread(setup);
        fn_service(move |stream: TcpStream| {
            let (thread, connections) = (thread.clone(), connections.clone());
            async move {
                let peer: SocketAddr = stream.peer_addr()?;
                // One whose address has too many, each of them busy, ends here.
                if let Some(entered) = connections.enter(peer.ip()) {
                    prepare(&stream);
                    accept(thread, stream, (entered, peer.ip())).await;
                }
                Ok(())
            }
        })
        .into_factory()
    }
}

#[cfg(not(feature = "grpc"))]
mod left_out {
    use actix_web::web::Data;

    use crate::{app::error::AppError, config::ServeConfig, http::Site};

    /// There is none.
    pub enum Grpc {}

    /// Says so, where an address was set.
    pub fn open(config: &ServeConfig, _: &Data<Site>) -> Result<Option<Grpc>, AppError> {
        match config.grpc.grpc_listen {
            None => Ok(None),
            Some(_) => Err(AppError::Grpc(
                "CHAT_GRPC_LISTEN is set, and this program was built without gRPC: cargo build --features grpc"
                    .to_owned(),
            )),
        }
    }
}

//! A WebSocket of whichever protocol.

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, client::IntoClientRequest, handshake::client::Response, http::HeaderValue},
};

use super::{Server, within};

/// An upgrade at this path; with a small window where nobody is going to read.
pub async fn upgrade(
    server: &Server,
    path: &str,
    headers: &[(&'static str, &str)],
    is_narrow: bool,
) -> Result<(WebSocketStream<TcpStream>, Response), Box<tungstenite::Error>> {
    let socket = TcpSocket::new_v4().expect("a socket");
    if is_narrow {
        socket.set_recv_buffer_size(4 * 1024).expect("a setting");
    }
    let stream = within("a connection", socket.connect(server.address)).await.expect("a connection");
    if is_narrow {
        assert!(SockRef::from(&stream).recv_buffer_size().expect("a size") < 64 * 1024);
    }
    let mut request = format!("ws://{}{path}", server.address).into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    within("the upgrade", client_async(request, stream)).await.map_err(Box::new)
}

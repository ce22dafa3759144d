use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A line of TCP to somewhere: it can be cut and mended, and led elsewhere.
pub struct Wire {
    pub address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    whole: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Wire {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let target = Arc::new(Mutex::new(target));
        let (whole, state) = watch::channel(true);
        let led_to = target.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else { return };
                let (to, mut state) = (*led_to.lock().expect("no panic"), state.clone());
                if *state.borrow() {
                    tokio::spawn(async move {
                        tokio::select! {
                            _ = carry(near, to) => {}
                            _ = state.wait_for(|whole| !*whole) => {}
                        }
                    });
                }
            }
        });
        Self { address, target, whole, accepting }
    }

    /// A line to the PostgreSQL of the tests, and the URL of `database_url`'s database through it.
    pub async fn to_postgres(database_url: &str) -> (Self, String) {
        let (credentials, rest) = database_url.split_once('@').expect("a URL with credentials");
        let (address, name) = rest.split_once('/').expect("a URL with a database");
        let wire = Self::to(address.parse().expect("an address")).await;
        let url = format!("{credentials}@{}/{name}", wire.address);
        (wire, url)
    }

    /// New connections go there; those that are keep going where they went.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().expect("no panic") = target;
    }

    /// Every connection breaks, and so does each new one.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.whole.send_replace(false);
        self.accepting.abort();
    }
}

async fn carry(mut near: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    let mut far = TcpStream::connect(to).await?;
    far.set_nodelay(true)?;
    copy_bidirectional(&mut near, &mut far).await.map(|_| ())
}

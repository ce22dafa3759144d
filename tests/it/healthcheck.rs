//! `realtime-chat healthcheck`: what a container asks its server with.

use crate::support::{Client, Database, Server, soon};

on_both!(a_healthcheck_says_how_the_server_is);

async fn a_healthcheck_says_how_the_server_is(database: &Database) {
    let mut server = Server::with(database, &[("CHAT_DRAIN_GRACE_SECS", "60")]).await;
    let address = server.address.to_string();
    let check = async |arguments: &[&str]| {
        let ended = Server::run(arguments, &[("CHAT_LISTEN", &address)]).await;
        let said = [ended.stdout, ended.stderr].concat();
        assert_eq!(said.lines().count(), 1, "{said}");
        (ended.status.code(), said)
    };
    assert_eq!(check(&["healthcheck"]).await, (Some(0), format!("http://{address}/livez answered 200\n")));
    assert_eq!(check(&["healthcheck", "--ready"]).await, (Some(0), format!("http://{address}/readyz answered 200\n")));
    // On every address of this machine, as in a container, and given as a flag.
    let everywhere = format!("--listen=0.0.0.0:{}", server.address.port());
    assert_eq!(check(&["healthcheck", &everywhere]).await.0, Some(0));

    // A server that stops is live, but no longer ready. It goes on as long as somebody is here.
    let session = Client::author(&server, "post", "somebody").await;
    server.signal("TERM");
    let not_ready = (Some(1), format!("error: http://{address}/readyz answered 503\n"));
    soon("it to be told", async || check(&["healthcheck", "--ready"]).await == not_ready).await;
    assert_eq!(check(&["healthcheck"]).await.0, Some(0));
    drop(session);
    server.signal("INT");
    server.end().await;
    let (code, said) = check(&["healthcheck"]).await;
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("error: no answer from http://{address}/livez: ")), "{said}");
}

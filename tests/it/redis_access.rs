//! The rights in Redis that docs/CLUSTER.md, Compose and the Secret of Kubernetes give the chat: the same ones, enough
//! for it, and for nothing else.

use std::collections::BTreeSet;

use crate::support::{Client, Redis, Server};

const DOCUMENT: &str = include_str!("../../docs/CLUSTER.md");
const COMPOSE: &str = include_str!("../../docker/compose.cluster.yaml");
const SECRET: &str = include_str!("../../k8s/components/redis/secret.example.yaml");

/// What comes behind the password of the one user.
fn rules(text: &str) -> Vec<&str> {
    let line = text.lines().find(|line| line.trim_start().starts_with("user chat on ")).expect("the chat's user");
    line.split_whitespace().skip(4).collect()
}

fn rules_of_compose() -> Vec<&'static str> {
    let (_, rest) = COMPOSE.split_once("\">${REDIS_PASSWORD:?}\"\n").expect("the chat's user");
    let items = rest.lines().map(str::trim).map_while(|line| line.strip_prefix("- "));
    items.map(|item| item.trim_matches('"')).collect()
}

#[test]
fn the_rights_are_the_same_everywhere() {
    let documented = rules(DOCUMENT);
    assert!(documented.len() > 15, "{documented:?}");
    assert_eq!(documented.iter().collect::<BTreeSet<_>>().len(), documented.len(), "none is there twice");
    assert_eq!(documented, rules(SECRET));
    assert_eq!(documented, rules_of_compose());
    for text in [DOCUMENT, SECRET] {
        assert_eq!(text.matches("user default off\n").count(), 1, "nobody else gets in");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_enough_for_the_chat_and_for_nothing_else() {
    let user = ["--user", "default", "off", "--user", "chat", "on", ">secret"];
    let redis = Redis::with(&[&user[..], &rules(DOCUMENT)].concat()).await;
    let url = format!("redis://chat:secret@127.0.0.1:{}/0", redis.port);
    // The poll comes never, so that what crosses has crossed over the bus.
    let (_database, servers) = Server::pair(&[("CHAT_BUS", &url), ("CHAT_POLL_SECS", "3600")]).await;
    for server in &servers {
        server.counts("the bus to carry", "chat_bus_up", |up| up == 1.0).await;
    }
    let mut first = Client::author(&servers[0], "post", "first").await;
    let mut second = Client::author(&servers[1], "post", "second").await;
    let said = first.say("one way").await;
    second.reach(said.rev).await;
    let said = second.say("and the other").await;
    first.reach(said.rev).await;
    second.leave().await;
    drop(first);
    for mut server in servers {
        server.stop("INT").await;
        assert!(!server.all_said().await.contains("NOPERM"), "it asked for what it may not: {}", server.log());
    }

    let client = redis::Client::open(url).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    for command in [
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET maxmemory",
        "ACL WHOAMI",
        "CLIENT LIST",
        "EVAL return(1) 0",
        "SHUTDOWN NOSAVE",
        "SET other:key value",
        "GET other:key",
        "PUBLISH other:channel value",
        "HGETALL other:p:post",
    ] {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().expect("a command"));
        let answer: Result<redis::Value, redis::RedisError> =
            asked.arg(words.collect::<Vec<_>>()).query_async(&mut connection).await;
        assert_eq!(answer.expect_err(command).code(), Some("NOPERM"), "{command}");
    }
}

//! TLS to PostgreSQL, with a real server, an authority of the test's own, and certificates that fit and do not.

use std::{fs, process::Command};

use chat_store::{DatabaseUrl, Store, StoreError, StoreSettings};

use crate::{
    start,
    support::{
        Client, Server, certificates,
        cluster::{Cluster, give, run},
        connect, soon, until,
    },
};

/// A server whose certificate can be changed.
struct Secure(Cluster);

impl Secure {
    async fn start() -> Self {
        let cluster = Cluster::start().await;
        certificates(&cluster.folder);
        for key in ["server.key", "self.key"] {
            run(Command::new("chmod").arg("600").arg(cluster.folder.join(key)));
            give(&cluster.folder.join(key));
        }
        Self(cluster)
    }

    fn file(&self, name: &str) -> String {
        self.0.folder.join(name).display().to_string()
    }

    /// Encrypts with this certificate from now on.
    async fn shows(&self, certificate: &str, key: &str) {
        let set = |name: &str, value: &str| format!("ALTER SYSTEM SET {name} = '{value}'");
        let (certificate_file, key_file) = (self.file(certificate), self.file(key));
        let files = [set("ssl_cert_file", &certificate_file), set("ssl_key_file", &key_file)];
        self.0.sql(&[&set("ssl", "on"), &files[0], &files[1], "SELECT pg_reload_conf()"]).await;
        let shown = "SELECT current_setting('ssl') || current_setting('ssl_cert_file')";
        let wanted = format!("on{certificate_file}");
        soon("the certificate to be used", async || self.0.text(shown).await == wanted).await;
    }

    /// The URL with these options, in which `@` is the folder of the certificates.
    fn url(&self, host: &str, options: &str) -> String {
        self.0.url(host, "postgres", &options.replace("@", &format!("{}/", self.0.folder.display())))
    }

    /// Whether somebody with these options gets in, and whether the connection is encrypted; or why not.
    async fn attempt(&self, host: &str, options: &str) -> Result<bool, StoreError> {
        let url = DatabaseUrl::parse(&self.url(host, options)).expect("a URL");
        let connect_timeout = std::time::Duration::from_secs(20);
        let store = Store::new(&url, &StoreSettings { connect_timeout, ..Default::default() })?;
        store.check().await?;
        let encrypted = "SELECT bool_and(ssl)::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'realtime-chat'";
        let encrypted = self.0.text(encrypted).await == "true";
        drop(store);
        let gone = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'realtime-chat'";
        soon("the store's connections to end", async || self.0.text(gone).await == "0").await;
        Ok(encrypted)
    }

    async fn refused(&self, host: &str, options: &str, parts: &[&str]) {
        let error = self.attempt(host, options).await.expect_err(options);
        let text = error.to_string();
        assert!(matches!(error, StoreError::Refused(_)), "{options}: {error:?}");
        assert!(!text.contains('\n') && parts.iter().all(|part| text.contains(part)), "{options}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sslmode_does_what_it_says_and_each_unfit_certificate_is_named() {
    let server = Secure::start().await;
    let (lax, strict) = ("?sslmode=require", "?sslmode=verify-full&sslrootcert=@ca.pem");
    // Without TLS there.
    assert_eq!(server.attempt("localhost", "").await, Ok(false), "prefer goes on without");
    server.refused("localhost", lax, &["the server has none", "sslmode"]).await;
    server.refused("localhost", strict, &["the server has none"]).await;
    // Files, before anybody is connected to.
    for (options, names) in [
        ("?sslmode=verify-ca&sslrootcert=@no.pem", ["sslrootcert", "no.pem"]),
        ("?sslmode=verify-ca&sslrootcert=@empty.pem", ["empty.pem", "no PEM certificate"]),
        ("?sslcert=@ca.pem&sslkey=@empty.pem", ["sslkey", "empty.pem"]),
    ] {
        server.refused("localhost", options, &names).await;
    }

    server.shows("good.pem", "server.key").await;
    for (host, options, encrypted) in [
        ("localhost", "", true),
        ("127.0.0.1", "", true),
        ("localhost", "?sslmode=disable", false),
        ("127.0.0.1", lax, true),
        ("127.0.0.1", "?sslmode=verify-ca&sslrootcert=@ca.pem", true),
        ("localhost", strict, true),
        ("localhost", "?sslmode=verify-full&sslrootcert=@ca.pem&channel_binding=require", true),
        ("127.0.0.1", "?sslmode=require&channel_binding=require", true),
    ] {
        assert_eq!(server.attempt(host, options).await, Ok(encrypted), "{host} {options}");
    }
    let unknown = ["signed by nobody who is trusted", "sslrootcert"];
    for options in [
        "?sslmode=verify-ca&sslrootcert=@other-ca.pem",
        "?sslmode=verify-full&sslrootcert=@other-ca.pem",
        // Whoever names an authority wants it to be obeyed.
        "?sslmode=require&sslrootcert=@other-ca.pem",
    ] {
        server.refused("localhost", options, &unknown).await;
    }
    server.refused("127.0.0.1", strict, &["not for 127.0.0.1", "localhost"]).await;

    server.shows("foreign.pem", "server.key").await;
    server.refused("localhost", strict, &["not for localhost", "db.example"]).await;
    assert_eq!(server.attempt("localhost", "?sslmode=verify-ca&sslrootcert=@ca.pem").await, Ok(true));

    server.shows("expired.pem", "server.key").await;
    server.refused("localhost", strict, &["expired at 2020-02-01"]).await;
    server.refused("localhost", "?sslmode=verify-ca&sslrootcert=@ca.pem", &["expired"]).await;
    assert_eq!(server.attempt("localhost", lax).await, Ok(true), "nobody looks at it");

    server.shows("early.pem", "server.key").await;
    let error = server.attempt("localhost", strict).await.expect_err("too early");
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("2048-01-01")), "it passes: {error:?}");

    // One that signed itself and is named as trusted.
    server.shows("self.pem", "self.key").await;
    let pinned = "?sslmode=verify-full&sslrootcert=@self.pem";
    assert_eq!(server.attempt("localhost", pinned).await, Ok(true));
    server.refused("127.0.0.1", pinned, &["not for 127.0.0.1"]).await;
    server.refused("localhost", strict, &["that of an authority", "sslrootcert"]).await;
}

/// `hostssl` and `hostnossl` in pg_hba.conf, and certificates of clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_own_rules_are_followed() {
    let server = Secure::start().await;
    server.shows("good.pem", "server.key").await;
    let rules = server.0.folder.join("data/pg_hba.conf");
    let usual = fs::read_to_string(&rules).expect("the rules");
    // The test's own connections are not encrypted: they have a rule of their own by the name of the database.
    let rule = |line: &str| format!("hostnossl template1 all all scram-sha-256\n{line}\n");
    let follow = async |line: &str| {
        fs::write(&rules, rule(line)).expect("the rules");
        connect(&server.0.url("127.0.0.1", "template1", "")).await.expect("in")
    };
    // So that there is somebody who can have them read again.
    fs::write(&rules, format!("{}{usual}", rule(""))).expect("the rules");
    server.0.sql(&["SELECT pg_reload_conf()"]).await;
    let check = async |options: &str| {
        let url = DatabaseUrl::parse(&server.url("localhost", options)).expect("a URL");
        Store::new(&url, &StoreSettings::default())?.check().await
    };
    let reload = "SELECT pg_reload_conf()";
    let client = follow("hostnossl all all all scram-sha-256").await;
    client.batch_execute(reload).await.expect("read");
    until("encrypted connections to be refused", async || check("?sslmode=require").await.err()).await;
    assert_eq!(check("").await, Ok(()), "prefer goes on without, as libpq does");

    let client = follow("hostssl all all all scram-sha-256").await;
    client.batch_execute(reload).await.expect("read");
    until("connections without encryption to be refused", async || check("?sslmode=disable").await.err()).await;
    assert_eq!(check("").await, Ok(()));

    let client = follow("hostssl all all all scram-sha-256 clientcert=verify-ca").await;
    let authority = format!("ALTER SYSTEM SET ssl_ca_file = '{}'", server.file("ca.pem"));
    client.batch_execute(&authority).await.expect("set");
    client.batch_execute(reload).await.expect("read");
    let error = until("a certificate to be asked for", async || check("?sslmode=require").await.err()).await;
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert_eq!(check("?sslmode=require&sslcert=@good.pem&sslkey=@server.key").await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_goes_on_over_tls_and_a_start_without_ends_with_its_reason() {
    let server = Secure::start().await;
    let refused = async |options: &str, names: &[&str]| {
        start::refused(&server.url("localhost", options), names, &["tester:"]).await;
    };
    refused("?sslmode=require", &["the server has none"]).await;
    refused("?sslmode=verify-full&sslrootcert=@no.pem", &["no.pem"]).await;
    server.shows("good.pem", "server.key").await;
    refused("?sslmode=verify-full&sslrootcert=@other-ca.pem", &["nobody who is trusted"]).await;

    let chat = Server::ready_at(&server.url("localhost", "?sslmode=verify-full&sslrootcert=@ca.pem"), &[]).await;
    let mut reader = Client::reader(&chat, "post").await;
    let mut writer = Client::author(&chat, "post", "writer").await;
    let ack = writer.say("in a sealed letter").await;
    reader.reach(ack.rev).await;
    assert_eq!(reader.history.contents(), ["in a sealed letter"]);
    let plain = "SELECT count(*)::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'realtime-chat' AND NOT ssl";
    assert_eq!(server.0.text(plain).await, "0");
    // A renewal: connections that are go on, new ones see the new certificate.
    server.shows("self.pem", "self.key").await;
    let ack = writer.say("in a sealed letter again").await;
    reader.reach(ack.rev).await;
}

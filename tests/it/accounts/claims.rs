//! A guest's identity that an account takes over.

use chat_wire::{ErrorCode, ServerFrame};
use serde_json::json;
use uuid::Uuid;

use super::{
    OPEN, Session, owner, post, register,
    sockets::{ticket, who},
};
use crate::moderation::done;
use crate::support::{
    Client, Database, Server, Who,
    command::{ban, delete, edit, react, report, unban},
    message,
};

on_both!(
    an_identity_that_was_taken_over_joins_by_the_account,
    what_the_identity_wrote_is_the_accounts_own,
    a_ban_of_the_identity_holds_for_the_account,
);

async fn claim(server: &Server, by: &Session, guest: &Who) -> String {
    let secret = json!({"anonymousId": guest.anonymous_id});
    post(server, "me/claim", Some(&by.access), &secret).await.text("authorId")
}

async fn an_identity_that_was_taken_over_joins_by_the_account(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let other = register(&server, "seal@blog.example").await;
    let guest = Who::named("손님");
    let secret = json!({"anonymousId": guest.anonymous_id});
    let (mut before, welcome) = Client::join(&server, "post", guest.clone()).await;
    before.say("as a guest").await;
    let claimed = post(&server, "me/claim", Some(&own.access), &secret).await.ok();
    let author = welcome.head.own.expect("an author").author.id;
    assert_eq!(claimed, json!({"authorId": author, "also": [author]}));
    assert_eq!(post(&server, "me/claim", Some(&own.access), &secret).await.status, 200, "again is once");
    assert_eq!(post(&server, "me/claim", Some(&other.access), &secret).await.refusal(), (409, "CLAIMED"));
    let mut late = Client::connect(&server, "post").await;
    assert_eq!(late.refused(&guest.join(None)).await.code, ErrorCode::Claimed);
    let token = ticket(&server, &own.access).await;
    late.send(&Who { token: Some(token), ..guest }.join(None)).await;
    late.wait("WELCOME", |frame| matches!(frame, ServerFrame::Welcome(_)).then_some(())).await;
    let none = post(&server, "me/claim", Some(&own.access), &json!({"anonymousId": "nobody"})).await;
    assert_eq!(none.refusal(), (400, "BAD_REQUEST"));
    assert_eq!(post(&server, "me/claim", None, &json!({"anonymousId": Uuid::new_v4()})).await.status, 401);
}

async fn what_the_identity_wrote_is_the_accounts_own(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let own = register(&server, "otter@blog.example").await;
    let guest = Who::named("손님");
    let (mut before, _) = Client::join(&server, "post", guest.clone()).await;
    let (said, other) = (before.say("as a guest").await, before.say("as well").await);
    let author = claim(&server, &own, &guest).await;
    // A socket that was open when it happened reads on, and writes nothing.
    for command in [react(&said.id, "👍", true), delete(&said.id), report(&said.id, "spam")] {
        let refused = before.until_answered(&command).await.expect_err("nobody's any more");
        assert_eq!(refused.code, ErrorCode::Claimed, "{command}");
    }
    let (mut account, welcome) = Client::join(&server, "post", who(ticket(&server, &own.access).await)).await;
    let itself = welcome.head.own.expect("an author");
    assert_eq!((&*itself.author.id, itself.also), (&*own.user, vec![author.into()]));
    account.until_taken(&edit(&said.id, 1, "as myself")).await;
    let edited = before
        .wait("the edit", |frame| match frame {
            ServerFrame::Message(m) if m.content == "as myself" => Some(m.clone()),
            _ => None,
        })
        .await;
    assert_eq!(edited.author.nickname, "손님", "a message keeps whose it is");
    let mut stranger = Client::author(&server, "post", "stranger").await;
    for command in [edit(&said.id, 2, "as another"), delete(&said.id)] {
        assert_eq!(stranger.until_answered(&command).await.expect_err("another's").code, ErrorCode::NotYours);
    }
    // A server that starts later, and has only what is stored.
    drop((before, account, stranger));
    let server = server.again(database, &OPEN).await;
    let mut late = Client::connect(&server, "post").await;
    assert_eq!(late.refused(&guest.join(None)).await.code, ErrorCode::Claimed);
    let (mut account, _) = Client::join(&server, "post", who(ticket(&server, &own.access).await)).await;
    account.until_taken(&delete(&other.id)).await;
    let read = server.json(&format!("/api/v1/rooms/post/messages/{}", other.id)).await;
    assert_eq!(read["message"]["deletedBy"], "author", "{read}");
}

async fn a_ban_of_the_identity_holds_for_the_account(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let keeper = owner(database, &server).await;
    let (mut keeper, _) = Client::join(&server, "post", who(ticket(&server, &keeper.access).await)).await;
    let own = register(&server, "otter@blog.example").await;
    let (mut account, _) = Client::join(&server, "post", who(ticket(&server, &own.access).await)).await;
    account.say("before").await;
    let guest = Who::named("손님");
    let (_guest, welcome) = Client::join(&server, "post", guest.clone()).await;
    let author = welcome.head.own.expect("an author").author.id.into_owned();
    done(&mut keeper, &ban(&author, 0, "all")).await;
    account.say("nobody's business yet").await;
    assert_eq!(claim(&server, &own, &guest).await, author);
    // Also where the account was there before.
    assert_eq!(
        account.until_answered(&message(Uuid::new_v4(), "a way around")).await.expect_err("shut out").code,
        ErrorCode::Banned
    );
    done(&mut keeper, &unban(&author, "all")).await;
    account.say("allowed again").await;
}

//! What the owner's console asks: figures, rooms and people, each for those with the right alone; and counts for everybody.

use serde_json::{Value, json};

use crate::{
    accounts::{OPEN, get, owner, post, register},
    support::{Client, Database, LIMITS_OFF, Server, Who, check_schema, soon},
};

on_both!(
    those_without_the_right_get_nothing,
    figures_tell_what_was_written,
    rooms_are_listed_and_found,
    people_are_known_by_what_they_did,
    everybody_may_count_the_messages_of_rooms,
    who_erases_their_account_is_found_by_no_name,
);

const PATHS: [&str; 5] =
    ["admin/overview", "admin/waiting", "admin/rooms", "admin/people", "admin/people/GqNspt9qQAJfjyJY7K6CSA"];

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().expect(name)
}

fn ids<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    list(value, name).iter().filter_map(|one| one["id"].as_str()).collect()
}

async fn those_without_the_right_get_nothing(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let member = register(&server, "otter@blog.example").await;
    for path in PATHS {
        let nobody = server.get(&format!("/api/v1/{path}")).await;
        assert_eq!(nobody.status(), 401, "{path}");
        assert_eq!(get(&server, path, &member.access).await.refusal(), (403, "FORBIDDEN"), "{path}");
        let status = get(&server, path, &owner.access).await.status;
        assert_eq!(status, if path.ends_with("CSA") { 404 } else { 200 }, "{path}");
    }
    for wrong in [
        "admin/rooms?sort=x",
        "admin/rooms?state=x",
        "admin/rooms?cursor=x",
        "admin/rooms?other=x",
        "admin/people?cursor=x",
        "admin/people?limit=3",
    ] {
        assert_eq!(get(&server, wrong, &owner.access).await.refusal(), (400, "BAD_REQUEST"), "{wrong}");
    }
    assert_eq!(get(&server, "admin/people/%20", &owner.access).await.refusal(), (404, "NOT_FOUND"));
}

async fn figures_tell_what_was_written(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let mut author = Client::author(&server, "post", "the author").await;
    author.say("hello").await;
    author.say("again").await;
    // What was counted is shown for a minute: the first one to ask comes after what is counted.
    let overview = loop {
        let overview = get(&server, "admin/overview", &owner.access).await.ok();
        check_schema("Overview", &overview);
        if overview["complete"] == true {
            break overview;
        }
    };
    let days = list(&overview, "days");
    assert_eq!((list(&overview, "hours").len(), days.len()), (48, 90));
    // Midnight may be between the two messages and the question.
    let sum = |name: &str| days[88..].iter().filter_map(|day| day[name].as_i64()).sum::<i64>();
    assert_eq!(sum("messages"), 2);
    assert!((1..=2).contains(&sum("people")) && (1..=2).contains(&sum("rooms")), "{days:?}");
    // Servers tell of their sessions once a second.
    crate::support::until("the session to be counted", async || {
        let now = get(&server, "admin/overview", &owner.access).await.ok()["now"].clone();
        (now["servers"] == 1 && now["sessions"] == 1).then_some(())
    })
    .await;
    assert_eq!((&overview["totals"]["messages"], &overview["totals"]["rooms"]), (&json!(2), &json!(1)));
    let waiting = get(&server, "admin/waiting", &owner.access).await.ok();
    check_schema("Waiting", &waiting);
    assert_eq!((&waiting["held"], &waiting["reported"]), (&json!(0), &json!(0)));
}

async fn rooms_are_listed_and_found(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    for room in ["first", "second", "<b>third"] {
        let mut author = Client::author(&server, room, "the author").await;
        author.say("hello").await;
    }
    let rooms = async |query: &str| {
        let found = get(&server, &format!("admin/rooms{query}"), &owner.access).await.ok();
        check_schema("RoomList", &found);
        found
    };
    assert_eq!(ids(&rooms("").await, "rooms"), ["<b>third", "second", "first"]);
    assert_eq!(ids(&rooms("?sort=name").await, "rooms"), ["<b>third", "first", "second"]);
    assert_eq!(ids(&rooms("?q=IR").await, "rooms"), ["<b>third", "first"]);
    let lock = json!({"settings": {"locked": true}, "settingsRev": 0});
    post(&server, "admin/rooms/second", Some(&owner.access), &lock).await.ok();
    let locked = rooms("?state=locked").await;
    assert_eq!((ids(&locked, "rooms"), &locked["rooms"][0]["locked"]), (vec!["second"], &json!(true)));
    for n in 0..60 {
        let set = json!({"settings": {"slowSeconds": 5}, "settingsRev": 0});
        post(&server, &format!("admin/rooms/many-{n:02}"), Some(&owner.access), &set).await.ok();
    }
    let first = rooms("?q=many&sort=name").await;
    let cursor = first["nextCursor"].as_str().expect("more");
    let second = rooms(&format!("?q=many&sort=name&cursor={cursor}")).await;
    assert_eq!((list(&first, "rooms").len(), list(&second, "rooms").len()), (50, 10));
    assert_eq!((&second["rooms"][0]["id"], &second["nextCursor"]), (&json!("many-50"), &Value::Null));
    assert_eq!(second["rooms"][0]["slowSeconds"], 5);
}

async fn people_are_known_by_what_they_did(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let mut author = Client::author(&server, "post", "Badger").await;
    author.say("hello").await;
    let find = async |text: &str| {
        let found = get(&server, &format!("admin/people?q={text}"), &owner.access).await.ok();
        check_schema("PeopleList", &found);
        list(&found, "people").clone()
    };
    // Who wrote is noted a moment later.
    soon("the author to be listed", async || find("badger").await.len() == 1).await;
    let person = find("badger").await.remove(0);
    let id = person["id"].as_str().expect("an id").to_owned();
    assert_eq!((&person["role"], &person["banned"]), (&json!("guest"), &json!(false)));
    let ban = json!({"authorId": id, "scope": "all", "reason": "advertising"});
    post(&server, "admin/bans", Some(&owner.access), &ban).await.ok();
    assert_eq!(find(&id).await[0]["banned"], true);
    let lift = json!({"authorId": id, "scope": "all"});
    post(&server, "admin/bans/lift", Some(&owner.access), &lift).await.ok();
    let known = get(&server, &format!("admin/people/{id}"), &owner.access).await.ok();
    check_schema("PersonKnown", &known);
    assert_eq!((&known["names"][0]["nickname"], &known["rooms"][0]["id"]), (&json!("Badger"), &json!("post")));
    assert_eq!((&known["messages"][0]["content"], &known["messages"][0]["room"]), (&json!("hello"), &json!("post")));
    assert_eq!(known["bans"][0]["reason"], "advertising");
    assert!(known["bans"][0]["liftedAt"].is_string(), "{known}");
    let actions: Vec<_> = list(&known, "entries").iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["unban", "ban"]);
}

async fn everybody_may_count_the_messages_of_rooms(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    for (room, n) in [("a", 2), ("글", 1), ("x,y", 1)] {
        let mut author = Client::author(&server, room, "the author").await;
        for i in 0..n {
            author.say(&format!("{i} {}", "long ".repeat(100))).await;
        }
    }
    let answer = server.get("/api/v1/rooms?ids=a,nobody,%EA%B8%80,x%2Cy,a&last=true").await;
    assert_eq!(answer.headers()["cache-control"], "public, max-age=15");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let counts: Value = answer.json().await.expect("JSON");
    check_schema("RoomCounts", &counts);
    assert_eq!(ids(&counts, "rooms"), ["a", "nobody", "글", "x,y"]);
    let n: Vec<_> = list(&counts, "rooms").iter().filter_map(|room| room["messageCount"].as_i64()).collect();
    assert_eq!(n, [2, 0, 1, 1]);
    let last = counts["rooms"][0]["last"]["content"].as_str().expect("a text");
    assert!(last.starts_with("1 long") && last.chars().count() == 200, "{last}");
    assert_eq!(counts["rooms"][1]["last"], Value::Null);
    let short: Value = server.get("/api/v1/rooms?ids=a").await.json().await.expect("JSON");
    assert_eq!(short["rooms"][0]["last"], Value::Null);
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    // Without ids it is the list of rooms, which is not for everybody.
    assert_eq!(server.get("/api/v1/rooms").await.status(), 401);
    for wrong in ["?ids=", "?ids=a,,b", "?ids=a/b", "?ids=a&ids=b", "?ids=%zz", "?ids=a&last=x"] {
        assert_eq!(server.get(&format!("/api/v1/rooms{wrong}")).await.status(), 400, "{wrong}");
    }
    assert_eq!(server.get(&format!("/api/v1/rooms?ids={}", many.join(","))).await.status(), 400);
    assert_eq!(server.get(&format!("/api/v1/rooms?ids={}", many[1..].join(","))).await.status(), 200);
}

async fn who_erases_their_account_is_found_by_no_name(database: &Database) {
    let server = Server::with(database, &OPEN).await;
    let owner = owner(database, &server).await;
    let member = register(&server, "otter@blog.example").await;
    let ticket = post(&server, "auth/ticket", Some(&member.access), &json!({})).await.text("ticket");
    let who = Who { token: Some(ticket), ..Who::named("somebody") };
    let (mut client, _) = Client::join(&server, "post", who).await;
    client.say("hello").await;
    let found = async || list(&get(&server, "admin/people?q=somebody", &owner.access).await.ok(), "people").len();
    soon("them to be listed", async || found().await == 1).await;
    let gone = json!({"password": crate::accounts::PASSWORD, "texts": false});
    let erased = crate::accounts::with(&server, reqwest::Method::DELETE, "me", &member.access, &gone).await;
    assert_eq!(erased.status, 204);
    assert_eq!(found().await, 0);
}

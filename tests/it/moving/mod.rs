//! Rooms that leave as a file and come as one (docs/MOVING.md): all of it, once, or not at all.

mod files;

use std::fs;

use serde_json::{Value, json};

use self::files::{ROOM, conversation, said};
use crate::{
    moderation::{done, owner, signed_in},
    support::{
        Client, Database, Folder, LIMITS_OFF, Server,
        command::{ban, delete, edit, pin, react, reply, set_room},
    },
};

on_both!(
    an_export_comes_back_as_it_was,
    an_export_beside_writers_is_of_one_moment,
    each_format_comes_twice_and_is_there_once,
    a_running_server_shows_what_comes,
    what_is_merged_is_in_the_order_of_its_time,
    a_broken_file_leaves_nothing,
    a_hundred_thousand_comments_come_once,
);

/// Runs a command on this database; what it printed.
async fn run(database: &Database, arguments: &[&str]) -> String {
    Server::run(arguments, &[("DATABASE_URL", &database.url)]).await.done()
}

/// The same, however long it takes: on a busy machine much takes its time.
async fn at_leisure(database: &Database, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_realtime-chat"));
    command.args(arguments).env("DATABASE_URL", &database.url);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command that ends with an error; what it says.
async fn fails(database: &Database, arguments: &[&str]) -> String {
    let ended = Server::run(arguments, &[("DATABASE_URL", &database.url)]).await;
    assert!(!ended.status.success(), "{}", ended.stdout);
    ended.stderr
}

/// The lines of an export.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What stays the same wherever the rooms go: all but when it was written, and the lives of the counters.
fn lasting(text: &str) -> Vec<Value> {
    let mut lines = lines(text);
    for line in &mut lines {
        match line["type"].as_str() {
            Some("export") => line["at"] = Value::Null,
            Some("room") => line["epoch"] = Value::Null,
            _ => {}
        }
    }
    lines
}

/// The next one of the same kind.
async fn another(database: &Database) -> Database {
    if database.is_sqlite() { Database::sqlite() } else { Database::postgres().await }
}

fn id_of(stored: &[chat_wire::MessagePayload<'static>], content: &str) -> String {
    stored.iter().find(|m| m.content == content).expect("a message").id.to_string()
}

async fn an_export_comes_back_as_it_was(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let token = signed_in(database, &server).await;
    let mut author = Client::author(&server, "글 1", "수달").await;
    let mut other = Client::author(&server, "글 1", "친구").await;
    for text in ["첫 글", "고칠 글", "지울 글", "치울 글", "**굵게** https://a.example"] {
        author.say(text).await;
    }
    let stored = database.messages("글 1").await;
    let ack = other.until_taken(&reply("답", &id_of(&stored, "첫 글"))).await;
    author.until_taken(&edit(&id_of(&stored, "고칠 글"), 1, "고친 글")).await;
    author.until_taken(&react(&id_of(&stored, "첫 글"), "👍", true)).await;
    other.until_taken(&react(&id_of(&stored, "첫 글"), "🎉", true)).await;
    other.until_taken(&react(&id_of(&stored, "첫 글"), "👍", true)).await;
    author.until_taken(&delete(&id_of(&stored, "지울 글"))).await;
    let (mut moderator, welcome) = owner(&server, "글 1", &token).await;
    moderator.until_taken(&pin(&id_of(&stored, "첫 글"), true)).await;
    moderator.until_taken(&delete(&id_of(&stored, "치울 글"))).await;
    moderator.say("주인이 씀").await;
    let rev = welcome.head.room.settings_rev;
    done(&mut moderator, &set_room(&json!({"slowSeconds": 7, "rules": "친절하게"}), rev)).await;
    done(&mut moderator, &ban("AAAAAAAAAAAAAAAAAAAAAA", 0, "room")).await;
    done(&mut moderator, &ban("BBBBBBBBBBBBBBBBBBBBBB", 3_600, "all")).await;
    Client::author(&server, "b", "수달").await.say("another room").await;
    assert!(ack.rev > 0);

    let folder = Folder::new("rtc_moving");
    let (file, packed) = (folder.path("all.jsonl"), folder.path("all.jsonl.gz"));
    run(database, &["export", "-o", &file]).await;
    run(database, &["export", "-o", &packed]).await;
    assert!(fails(database, &["export", "-o", &file]).await.contains("is there already"));
    let first = fs::read_to_string(&file).expect("an export");
    let kinds: Vec<String> =
        lines(&first).iter().map(|line| line["type"].as_str().expect("a type").to_owned()).collect();
    assert_eq!(kinds.first().map(String::as_str), Some("export"));
    assert_eq!(kinds.last().map(String::as_str), Some("end"));
    assert_eq!(kinds.iter().filter(|kind| *kind == "message").count(), 8);
    assert_eq!(kinds.iter().filter(|kind| *kind == "ban").count(), 2);
    for part in [
        "\"replyTo\":1",
        "고칠 글",
        "\"by\":\"author\"",
        "\"by\":\"moderator\"",
        "치울 글",
        "\"badge\":\"owner\"",
        "pinnedAt",
        "친절하게",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    assert!(!first.contains("지울 글"), "what its author deleted is gone");
    assert!(fs::metadata(&packed).expect("a file").len() < fs::metadata(&file).expect("a file").len());
    let one = run(database, &["export", "--room", "b"]).await;
    assert_eq!(lines(&one).len(), 4, "{one}");
    assert!(fails(database, &["export", "--room", "nowhere"]).await.contains("no room"));

    let empty = another(database).await;
    let looked = run(&empty, &["import", "jsonl", &packed, "--dry-run"]).await;
    assert!(looked.contains("8 messages would come into 2 rooms"), "{looked}");
    let told = run(&empty, &["import", "jsonl", &packed]).await;
    assert!(told.contains("8 messages came into 2 rooms"), "{told}");
    let again = run(&empty, &["export"]).await;
    assert_eq!(lasting(&again), lasting(&first));
    assert_eq!(empty.counters("글 1").await, database.counters("글 1").await);
    let told = run(&empty, &["import", "jsonl", &file, "--merge"]).await;
    assert!(told.contains("8 messages of 2 rooms were there already"), "{told}");
    assert_eq!(lasting(&run(&empty, &["export"]).await), lasting(&first), "twice is once");

    // A server makes of it what the first one does, and what is answered is found by its new id.
    let moved = Server::start(&empty).await;
    let page = "/api/v1/rooms/%EA%B8%80%201/messages";
    let old: Value = server.get(page).await.json().await.expect("JSON");
    let new: Value = moved.get(page).await.json().await.expect("JSON");
    let texts = |page: &Value| {
        page["messages"].as_array().expect("a list").iter().map(|m| m["content"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&new), texts(&old));
    let broken = "SELECT count(*) FROM messages a WHERE reply_to IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM messages b WHERE b.id = a.reply_to AND b.seq = a.reply_to_seq AND b.room_id = a.room_id)";
    assert_eq!(empty.number(broken).await, 0);
}

async fn an_export_beside_writers_is_of_one_moment(database: &Database) {
    let server = Server::with(database, &LIMITS_OFF).await;
    let mut talker = Client::author(&server, "post", "수달").await;
    talker.say("first").await;
    let talking = tokio::spawn(async move {
        for n in 0..400 {
            talker.say(&format!("message {n}")).await;
        }
    });
    let mut n_seen = Vec::new();
    while !talking.is_finished() {
        let text = run(database, &["export"]).await;
        let lines = lines(&text);
        let rev = lines.iter().find(|line| line["type"] == "room").expect("a room")["rev"].as_i64().expect("a number");
        let places: Vec<i64> = lines.iter().filter_map(|line| line["seq"].as_i64()).collect();
        assert_eq!(places, (1..=rev).collect::<Vec<_>>(), "all up to one moment");
        n_seen.push(rev);
    }
    talking.await.expect("all said");
    assert!(n_seen.is_sorted() && !n_seen.is_empty(), "{n_seen:?}");
}

/// What each room of the conversation shows, in its order: name, text, the text that it answers, whether it is deleted.
async fn shown(database: &Database) -> Vec<String> {
    let query = format!(
        "SELECT a.nickname || ': ' || a.content || ' -> ' || coalesce(b.nickname, '') ||
            CASE WHEN a.deleted_at IS NULL THEN '' ELSE ' (deleted)' END AS text
        FROM messages a LEFT JOIN messages b ON b.id = a.reply_to WHERE a.room_id = '{ROOM}' ORDER BY a.seq"
    );
    database.texts(&query).await
}

async fn each_format_comes_twice_and_is_there_once(database: &Database) {
    let folder = Folder::new("rtc_moving");
    let text = "**여러분** & 모두\n\n둘째 문단";
    let full = [
        format!("수달: 안녕하세요 {text} -> "),
        "친구:  -> 수달 (deleted)".to_owned(),
        "손님: 지운 글에 답 (https://a.example/x)합니다 -> 친구".to_owned(),
        "수달: ```rust\nlet otter = 1;\n``` -> 손님".to_owned(),
    ];
    let nameless: Vec<String> = full.iter().map(|line| line.replace("친구", "deleted")).collect();
    let without: Vec<String> = [&full[0], &full[2].replace("친구", ""), &full[3]].into_iter().cloned().collect();
    let cases = [
        ("disqus", files::disqus(&conversation()), full.to_vec(), "left out: 1 found to be spam"),
        ("remark42", files::remark42(&conversation()), nameless, "left out: 1 deleted, and nobody has answered"),
        ("wordpress", files::wordpress(&conversation()), full.to_vec(), "left out: 1 deleted, and nobody has answered"),
        ("artalk", files::artalk(&conversation()), without, "note: 1 answers to what is not in the file"),
    ];
    for (format, file, expected, noted) in cases {
        let database = another(database).await;
        let (path, report) = (folder.path(format), folder.path(&format!("{format}.report")));
        fs::write(&path, file).expect("a file");
        let n = expected.len();
        let looked = run(&database, &["import", format, &path, "--dry-run"]).await;
        assert!(looked.contains(&format!("{n} messages would come into 1 rooms")), "{format}: {looked}");
        let told = run(&database, &["import", format, &path, "--report", &report]).await;
        assert!(told.contains(&format!("{n} messages came into 1 rooms")) && told.contains(noted), "{format}: {told}");
        assert_eq!(shown(&database).await, expected, "{format}");
        let report = lines(&fs::read_to_string(&report).expect("a report"));
        assert!(report.iter().any(|line| line["room"] == ROOM && line["state"] == "written"), "{format}: {report:?}");
        assert_eq!(
            database.texts(&format!("SELECT title AS text FROM rooms WHERE id = '{ROOM}'")).await,
            ["한글 & 제목"]
        );
        assert_eq!(database.number("SELECT count(*) FROM messages WHERE content LIKE '%mail.example%'").await, 0);
        let exported = run(&database, &["export"]).await;
        for more in [&[][..], &["--merge"], &["--dry-run"]] {
            let told = run(&database, &[&["import", format, &path], more].concat()).await;
            assert!(told.contains(&format!("{n} messages of 1 rooms were there already")), "{format}: {told}");
        }
        assert_eq!(lines(&run(&database, &["export"]).await)[1..], lines(&exported)[1..], "{format}: twice is once");
        let server = Server::start(&database).await;
        let (_, welcome) = Client::join(&server, ROOM, crate::support::Who::reader()).await;
        assert_eq!(usize::try_from(welcome.head.room.rev).unwrap(), n, "{format}");
    }
}

async fn a_running_server_shows_what_comes(database: &Database) {
    let server = Server::start(database).await;
    let reader = Client::reader(&server, ROOM).await;
    let mut reader = reader;
    let folder = Folder::new("rtc_moving");
    let path = folder.path("comments.xml");
    fs::write(&path, files::disqus(&conversation())).expect("a file");
    run(database, &["import", "disqus", &path]).await;
    // Who looks at the empty room starts over, and has it all.
    assert_eq!(reader.closed().await, 4003);
    let (reader, welcome) = reader.back(&server).await;
    assert!(!welcome.head.resumed);
    assert_eq!(reader.history.list.len(), 4);
    let mut author = Client::author(&server, ROOM, "수달").await;
    let ack = author.say("그 뒤").await;
    assert_eq!(ack.seq, 5, "places go on behind what came");
}

async fn what_is_merged_is_in_the_order_of_its_time(database: &Database) {
    let server = Server::start(database).await;
    let mut author = Client::author(&server, ROOM, "수달").await;
    author.say("지금").await;
    let folder = Folder::new("rtc_moving");
    let path = folder.path("comments.xml");
    fs::write(&path, files::disqus(&conversation())).expect("a file");
    let before = run(database, &["export"]).await;
    let error = fails(database, &["import", "disqus", &path]).await;
    assert!(error.contains("1 room has messages that the file does not have") && error.contains(ROOM), "{error}");
    assert_eq!(lines(&run(database, &["export"]).await)[1..], lines(&before)[1..], "nothing was changed");
    let told = run(database, &["import", "disqus", &path, "--merge"]).await;
    assert!(told.contains("4 messages came into 1 rooms"), "{told}");
    assert_eq!(author.closed().await, 4003);
    let shown = shown(database).await;
    assert_eq!(shown.len(), 5);
    assert!(shown[0].starts_with("수달: 안녕하세요") && shown[4].starts_with("수달: 지금"), "{shown:?}");
    assert!(shown[3].ends_with("-> 손님"), "{shown:?}");
    assert_eq!(database.counters(ROOM).await, (5, 4), "a place for each, and one is deleted");
    let wrong = "SELECT count(*) FROM messages a JOIN messages b ON b.id = a.reply_to WHERE b.seq <> a.reply_to_seq";
    assert_eq!(database.number(wrong).await, 0);
    // More of the same blog: only what is new comes, and it finds what it answers.
    let more = [conversation(), vec![said(16, 11, "늦은 손님", "늦은 답", 6)]].concat();
    fs::write(&path, files::disqus(&more)).expect("a file");
    let told = run(database, &["import", "disqus", &path, "--merge"]).await;
    assert!(told.contains("1 messages came into 1 rooms"), "{told}");
    let shown = self::shown(database).await;
    assert_eq!(shown[4], "늦은 손님: 늦은 답 -> 수달", "{shown:?}");
    let (_, welcome) = Client::join(&server, ROOM, crate::support::Who::reader()).await;
    assert_eq!(welcome.head.room.rev, 6);
}

async fn a_broken_file_leaves_nothing(database: &Database) {
    let folder = Folder::new("rtc_moving");
    let path = folder.path("file");
    let whole = files::disqus(&conversation());
    let cut = |text: &str, n: usize| text.as_bytes()[..text.len() - n].to_vec();
    let export = {
        let from = another(database).await;
        fs::write(&path, &whole).expect("a file");
        run(&from, &["import", "disqus", &path]).await;
        run(&from, &["export"]).await
    };
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;&a;\">]>\n<disqus><post dsq:id=\"1\"><message>&b;</message></post></disqus>",
        "a".repeat(100)
    );
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("disqus", cut(&whole, 200), "the file ends here in the middle"),
        (
            "disqus",
            whole
                .replace("안녕", "\u{fffd}")
                .into_bytes()
                .into_iter()
                .map(|b| if b == 0xef { 0xff } else { b })
                .collect(),
            "not UTF-8",
        ),
        ("disqus", bomb.into_bytes(), "line 2: &b; stands for nothing"),
        (
            "disqus",
            format!("<disqus><thread dsq:id=\"1\"><title>{}", "x".repeat(10 << 20)).into_bytes(),
            "longer than 8 MiB",
        ),
        ("remark42", cut(&files::remark42(&conversation()), 30), "line 6: the file ends here in the middle"),
        ("wordpress", cut(&files::wordpress(&conversation()), 40), "the file ends here in the middle"),
        ("artalk", cut(&files::artalk(&conversation()), 5), "the file ends here in the middle"),
        (
            "jsonl",
            export.lines().take(4).map(|line| format!("{line}\n")).collect::<String>().into_bytes(),
            "the file ends here in the middle",
        ),
        ("jsonl", export.replace("\"seq\":2", "\"seq\":1").into_bytes(), "line 4: places go up"),
    ];
    for (format, file, why) in cases {
        fs::write(&path, file).expect("a file");
        let error = fails(database, &["import", format, &path]).await;
        let said: Vec<&str> = error.lines().filter(|line| line.contains("nothing was imported")).collect();
        assert!(said.len() == 1 && said[0].contains(why) && said[0].contains("line "), "{format}, {why}: {error}");
    }
    assert_eq!(database.number("SELECT count(*) FROM rooms").await, 0);
}

/// On PostgreSQL fewer: what is tried with so many is the file, and how it is read.
async fn a_hundred_thousand_comments_come_once(database: &Database) {
    let n_all: u32 = if database.is_sqlite() { 100_000 } else { 20_000 };
    let folder = Folder::new("rtc_moving");
    let path = folder.path("comments.xml");
    let all: Vec<_> = (1..=n_all)
        .map(|n| said(n, if n % 3 == 0 { n - 1 } else { 0 }, "수달", "<p>안녕 <b>여러분</b></p>", n / 100))
        .collect();
    fs::write(&path, files::disqus(&all)).expect("a file");
    let begun = std::time::Instant::now();
    let told = at_leisure(database, &["import", "disqus", &path]).await;
    assert!(told.contains(&format!("{n_all} messages came into 1 rooms")), "{told}");
    println!("{n_all} comments in {:?}", begun.elapsed());
    assert_eq!(database.counters(ROOM).await, (n_all.into(), n_all.into()));
    assert_eq!(database.number("SELECT count(*) FROM messages WHERE reply_to IS NOT NULL").await, i64::from(n_all / 3));
    let wrong = "SELECT count(*) FROM messages a JOIN messages b ON b.id = a.reply_to WHERE b.seq >= a.seq OR b.room_id <> a.room_id";
    assert_eq!(database.number(wrong).await, 0);
    let told = at_leisure(database, &["import", "disqus", &path]).await;
    assert!(told.contains(&format!("{n_all} messages of 1 rooms were there already")), "{told}");
}

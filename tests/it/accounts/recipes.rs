//! What docs/EMBED.md has blogs sign with, in each language: taken from the page, run, and taken by the server.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{Client, Folder, Server, Who};

const SECRET: &str = "of the blog and the chat, and of nobody else";

/// The one block of the page in this language that makes a token.
#[track_caller]
fn recipe(language: &str) -> &'static str {
    let page = include_str!("../../../docs/EMBED.md");
    let blocks: Vec<_> = page.split(&format!("```{language} token\n")).skip(1).collect();
    assert_eq!(blocks.len(), 1, "blocks of {language}");
    let (block, _) = blocks[0].split_once("```").expect("its end");
    assert!(block.lines().count() <= 20, "{language}: short enough to be read");
    block
}

/// Runs a recipe that was written into this file; what it prints.
fn run(program: &str, folder: &Folder, file: &str, source: &str) -> String {
    fs::write(folder.0.join(file), source).expect("a file");
    let ran = Command::new(program).arg(file).current_dir(&folder.0).env("CHAT_SITE_SECRET", SECRET).output();
    let ran = ran.unwrap_or_else(|why| panic!("{program}: {why}"));
    assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("a text").trim().to_owned()
}

fn is_installed(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_takes_what_each_recipe_signs() {
    let site =
        json!([{"iss": "https://blog.example", "aud": "https://chat.example", "alg": "HS256", "secret": SECRET}]);
    let (_database, server) = Server::alone(&[("CHAT_SITES", &site.to_string())]).await;
    let folder = Folder::new("recipes");
    let mut ids = Vec::new();
    for (language, program, file, before, call) in [
        ("js", "node", "token.mjs", "", "console.log(chatToken(4711, NAME));"),
        ("python", "python3", "token.py", "", "print(chat_token(4711, NAME))"),
        ("php", "php", "token.php", "<?php\n", "echo chat_token(4711, NAME);"),
    ] {
        if program == "php" && !is_installed(program) {
            // Past what holds back the words of tests that pass.
            writeln!(std::io::stderr(), "NOT CHECKED: php is not installed").expect("a line");
            continue;
        }
        // Longer than a nickname may be.
        let call = call.replace("NAME", "'블로그의 수달이라는 아주 긴 이름'");
        let token = run(program, &folder, file, &format!("{before}{}\n{call}\n", recipe(language)));
        let (mut client, welcome) = Client::join(&server, "post", Who { token: Some(token), ..Who::reader() }).await;
        let own = welcome.head.own.unwrap_or_else(|| panic!("{language}: a reader")).author;
        let is = (&*own.nickname, own.badge.as_deref());
        assert_eq!(is, ("블로그의 수달이라는 아주 긴", Some("verified")), "{language}");
        client.say(&format!("signed with {program}")).await;
        ids.push(own.id);
    }
    assert!(ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]), "one person, whatever has signed");
}

//! The documents say what the program does.

use std::{fs, path::Path};

use chat_wire::{CloseCode, ErrorCode, ServerFrame, decode};
use serde_json::Value;

use crate::support::fits_schema;

const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// The blocks of docs/PROTOCOL.md with this word behind "json", with the line they begin at.
fn blocks(kind: &str) -> Vec<(usize, String)> {
    let opening = format!("```json {kind}");
    let mut blocks = Vec::new();
    let mut lines = PROTOCOL.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        if line.trim() == opening {
            let text: Vec<_> = lines.by_ref().map(|(_, l)| l).take_while(|l| l.trim() != "```").collect();
            blocks.push((n + 1, text.join("\n")));
        }
    }
    assert!(blocks.len() >= 5, "{} blocks of {kind}", blocks.len());
    blocks
}

#[test]
fn every_json_block_says_whose_it_is() {
    for line in PROTOCOL.lines().filter(|l| l.trim_start().starts_with("```json")) {
        let known = ["```json client", "```json server", "```json http"];
        assert!(known.contains(&line.trim()), "{line}");
    }
}

#[test]
fn every_client_block_is_a_frame() {
    for (line, block) in blocks("client") {
        assert!(decode(&block).is_ok(), "line {line}: {:?}", decode(&block));
    }
}

#[test]
fn every_server_block_is_a_frame_that_the_server_would_write() {
    for (line, block) in blocks("server") {
        let frame: ServerFrame<'static> = serde_json::from_str(&block).unwrap_or_else(|e| panic!("line {line}: {e}"));
        let written = serde_json::to_value(&frame).expect("JSON");
        let read: Value = serde_json::from_str(&block).expect("JSON");
        assert_eq!(written, read, "line {line}");
    }
}

#[test]
fn every_http_block_fits_a_schema() {
    let schemas = [
        "Error",
        "RoomInfo",
        "MessagePage",
        "OneMessage",
        "Changes",
        "Reactors",
        "OwnReactions",
        "Colours",
        "Members",
        "Avatars",
        "Live",
        "Ready",
        "Health",
        "Servers",
        "Ping",
        "Sessions",
        "OwnSessions",
        "Me",
        "DeviceCode",
        "DeviceJoined",
        "Bans",
        "Done",
        "RoomSettings",
        "SettingsDone",
        "Defaults",
        "Reports",
        "Held",
        "AuditLog",
        "Undone",
    ];
    for (line, block) in blocks("http") {
        let value: Value = serde_json::from_str(&block).unwrap_or_else(|e| panic!("line {line}: {e}"));
        let fitting: Vec<_> = schemas.iter().filter(|s| fits_schema(s, &value).is_ok()).collect();
        assert_eq!(fitting.len(), 1, "line {line} fits {fitting:?}");
    }
}

/// Which files a message passes is written down; nobody should look for one that was moved.
#[test]
fn every_source_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for folder in ["", "docs", "docs/adr", "migrations"] {
        let documents = fs::read_dir(root.join(folder)).expect("a folder").map(|e| e.expect("an entry").path());
        for document in documents.filter(|path| path.extension().is_some_and(|e| e == "md")) {
            let text = fs::read_to_string(&document).expect("a text");
            let roots = ["crates/", "src/", "tests/"];
            let named = text.split('`').filter(|word| roots.iter().any(|root| word.starts_with(root)));
            let sources = named.filter(|word| word.ends_with(".rs") && !word.contains('*'));
            let gone = sources.filter(|word| !root.join(word).exists());
            missing.extend(gone.map(|word| format!("{word} in {}", document.display())));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The first cells of the table under a heading, without their backquotes.
fn first_cells(heading: &str) -> Vec<&'static str> {
    let (_, section) = PROTOCOL.split_once(&format!("\n{heading}\n")).expect(heading);
    let rows = section.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|'));
    rows.skip(2).filter_map(|row| row.split('|').nth(1)).map(|cell| cell.trim().trim_matches('`')).collect()
}

#[test]
fn the_tables_list_every_code_and_no_other() {
    let errors: Vec<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(first_cells("## 9 Errors"), errors);
    let codes: Vec<_> = CloseCode::ALL.iter().map(|c| c.number().to_string()).collect();
    assert_eq!(first_cells("## 10 Close codes"), codes);
    for code in CloseCode::ALL {
        assert!(PROTOCOL.contains(&format!("| {} | `{}` |", code.number(), code.reason())), "{}", code.reason());
    }
}

#[test]
fn the_asyncapi_names_every_code() {
    let text = include_str!("../../docs/asyncapi.yaml");
    for code in ErrorCode::ALL {
        assert!(text.contains(code.as_str()), "{}", code.as_str());
    }
    for code in CloseCode::ALL {
        assert!(text.contains(&code.number().to_string()), "{}", code.number());
    }
    let frames = "JOIN PROFILE MESSAGE EDIT DELETE REACT PIN REPORT BAN UNBAN ROOM_SET APPROVE REJECT TYPING PING WELCOME REACTION ACK \
        PRESENCE HEARTBEAT PONG RECONNECT ROOM MOD QUEUE ERROR BATCH";
    for frame in frames.split_whitespace() {
        assert!(text.contains(frame), "{frame}");
    }
}

#[test]
fn the_openapi_lists_every_code_and_its_examples_fit() {
    let api: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    let listed: Vec<_> = api["components"]["schemas"]["ErrorCode"]["enum"].as_array().expect("a list").clone();
    let codes: Vec<Value> = ErrorCode::ALL.iter().map(|c| c.as_str().into()).collect();
    assert_eq!(listed, codes);
    for (name, schema) in api["components"]["schemas"].as_object().expect("schemas") {
        for example in schema["examples"].as_array().into_iter().flatten() {
            fits_schema(name, example).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[test]
fn the_limits_are_those_of_the_program() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_realtime-chat")).arg("--help").output().expect("help");
    let help = String::from_utf8(help.stdout).expect("text").split_whitespace().collect::<Vec<_>>().join(" ");
    let default = |setting: &str| {
        let (_, rest) = help.split_once(&format!("[env: {setting}=")).unwrap_or_else(|| panic!("no {setting}"));
        let (_, rest) = rest.split_once("[default: ").expect("a default");
        rest.split(']').next().expect("a value").to_owned()
    };
    let mut listed = Vec::new();
    for row in include_str!("../../docs/LIMITS.md").lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "{row}");
        assert!(cells[1..5].iter().all(|cell| !cell.is_empty()), "{row}");
        let Some(setting) = cells[3].strip_prefix('`').and_then(|s| s.strip_suffix('`')) else { continue };
        let figure: String = cells[2].chars().take_while(|c| c.is_ascii_digit() || ".,".contains(*c)).collect();
        assert_eq!(figure.replace(',', "").trim_end_matches('.'), default(setting), "{row}");
        listed.push(setting);
    }
    // Settings that say how much or how often there may be of something.
    for setting in help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()) {
        if ["_MAX", "_BURST", "_PER_SECOND", "_PER_MINUTE"].iter().any(|end| setting.ends_with(end)) {
            assert!(listed.contains(&setting), "docs/LIMITS.md does not tell of {setting}");
        }
    }
}

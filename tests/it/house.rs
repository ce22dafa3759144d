//! The rules of the house that no compiler holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Which of our own crates each may know: only those below it (docs/ARCHITECTURE.md).
const MAY_KNOW: [(&str, &[&str]); 13] = [
    ("accounts", &["domain"]),
    ("domain", &[]),
    ("grpc", &["domain"]),
    ("metrics", &[]),
    ("wire", &["domain"]),
    ("store", &["domain"]),
    ("moderation", &["domain"]),
    ("moving", &["domain"]),
    ("rooms", &["domain", "metrics", "moderation", "store"]),
    // The load tester stands apart: it knows the wire, and nobody but the server's settings and main knows it.
    ("load", &["domain", "wire"]),
    ("mail", &[]),
    ("socketio", &[]),
    ("stomp", &[]),
];

/// Which others each module of the server may know, and which crates.
const SERVER: [(&str, &[&str], &[&str]); 21] = [
    ("memory", &[], &[]),
    ("logging", &[], &[]),
    ("healthcheck", &[], &[]),
    ("highlight", &[], &[]),
    ("redis_client", &[], &[]),
    ("amqp_client", &[], &[]),
    ("https_client", &[], &[]),
    ("bus", &["redis_client"], &["domain", "metrics", "wire", "store", "rooms"]),
    // Who is signed in, and what those with rights do.
    ("moderation", &[], &["domain", "metrics", "moderation", "rooms", "store"]),
    // What removes messages that are too old.
    ("keeping", &[], &["domain", "metrics", "rooms", "store"]),
    // Accounts with a password.
    ("accounts", &["https_client", "moderation"], &["accounts", "domain", "store"]),
    // What people are written.
    ("mail", &["accounts"], &["accounts", "domain", "mail", "metrics", "store"]),
    // What other systems are told, and say.
    (
        "webhooks",
        &["accounts", "amqp_client", "https_client", "mail", "moderation"],
        &["accounts", "domain", "metrics", "store", "wire"],
    ),
    // Which sessions this server has, and in Redis all servers'.
    ("session_registry", &["redis_client"], &["domain", "metrics"]),
    ("session", &["accounts", "moderation", "session_registry"], &["domain", "metrics", "wire", "store", "rooms"]),
    // Rooms that come and go as files.
    ("moving", &[], &["domain", "moderation", "moving", "store"]),
    (
        "http",
        &["accounts", "bus", "highlight", "mail", "moderation", "moving", "session", "session_registry", "webhooks"],
        &["accounts", "domain", "metrics", "wire", "store", "moderation", "rooms"],
    ),
    // Ways into rooms besides the socket.
    ("doors", &["accounts", "http", "session"], &["domain", "grpc", "wire", "rooms", "socketio", "stomp", "store"]),
    ("fault_injection", &[], &["rooms"]),
    // Only the types of its values.
    (
        "config",
        &["amqp_client", "fault_injection", "http", "logging", "redis_client"],
        &["accounts", "mail", "store", "load", "moving"],
    ),
    (
        "app",
        &[
            "accounts",
            "memory",
            "logging",
            "mail",
            "healthcheck",
            "highlight",
            "redis_client",
            "bus",
            "keeping",
            "moderation",
            "moving",
            "session_registry",
            "session",
            "http",
            "doors",
            "webhooks",
            "fault_injection",
            "config",
        ],
        &["domain", "mail", "metrics", "wire", "store", "rooms", "moving"],
    ),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

fn read(name: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).expect("a text")
}

/// A source without the tests at its foot.
fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\n").map_or(text, |(code, _)| code)
}

/// The folders of sources: the server's and those of the crates.
fn sources() -> Vec<PathBuf> {
    let crates = MAY_KNOW.iter().map(|(name, _)| Path::new(ROOT).join("crates").join(name).join("src"));
    crates.chain([Path::new(ROOT).join("src")]).collect()
}

/// All paths of a use tree, or the one path of an expression, each behind `prefix`.
fn paths(text: &str, prefix: &[String], found: &mut Vec<Vec<String>>) {
    let text = text.trim_start();
    // Behind the last comma.
    if text.is_empty() {
        return;
    }
    if let Some(group) = text.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    paths(&group[start..at], prefix, found);
                    start = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                _ => {}
            }
        }
        return;
    }
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let path = [prefix, std::slice::from_ref(&name)].concat();
    match text[name.len()..].strip_prefix("::") {
        Some(rest) => paths(rest, &path, found),
        None => found.push(path),
    }
}

/// What the code of a module names of its own crate, as paths from the crate's root, each with what stands before it in
/// its line.
fn named<'a>(code: &'a str, module: &[String]) -> Vec<(&'a str, Vec<String>)> {
    let children = code.lines().filter_map(|line| line.rsplit_once("mod ")?.1.strip_suffix(';'));
    let starts: BTreeSet<&str> = children.chain(["crate", "super", "self"]).collect();
    let mut all = Vec::new();
    for start in starts {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = code[..at].rsplit('\n').next().expect("a line").trim_start();
            if before.starts_with("//") || before.ends_with(|c: char| c.is_alphanumeric() || "_$:".contains(c)) {
                continue;
            }
            let mut found = Vec::new();
            paths(&code[at..], &[], &mut found);
            for path in found {
                let n_relative = path.iter().take_while(|part| ["super", "self"].contains(&part.as_str())).count();
                let n_up = path[..n_relative].iter().filter(|part| *part == "super").count();
                all.push(match path[0].as_str() {
                    "crate" => (before, path[1..].to_vec()),
                    _ => (before, [&module[..module.len() - n_up], &path[n_relative..]].concat()),
                });
            }
        }
    }
    all
}

/// Who imports from whom, folder by folder: what lies in a folder counts as one, and the folder's own file as `self`.
/// What a file only passes on counts as imported from where it is.
fn imports(src: &Path) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let module = |file: &PathBuf| -> Vec<String> {
        let path = file.strip_prefix(src).expect("below it").with_extension("");
        let parts = path.iter().map(|part| part.to_str().expect("a name").to_owned());
        parts.filter(|part| !["mod", "lib"].contains(&part.as_str())).collect()
    };
    // The program itself, and tests in files of their own, are no modules of the library.
    let is_module = |file: &PathBuf| !file.ends_with("main.rs") && !file.ends_with("tests.rs");
    let texts: BTreeMap<_, _> = files(src).into_iter().filter(is_module).map(|f| (module(&f), read(&f))).collect();
    let named: Vec<_> = texts.iter().map(|(from, text)| (from, named(without_tests(text), from))).collect();
    let mut passed_on = BTreeMap::new();
    for (from, paths) in &named {
        for (_, path) in paths.iter().filter(|(before, _)| before.ends_with("use ")) {
            passed_on.insert([from.as_slice(), &path[path.len().max(1) - 1..]].concat(), path);
        }
    }
    let mut imports: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (from, paths) in &named {
        for (_, path) in paths.iter().filter(|(before, _)| !(before.starts_with("pub") && before.ends_with("use "))) {
            let within =
                |path: &[String]| (0..=path.len()).rev().find(|n| texts.contains_key(&path[..*n])).unwrap_or(0);
            let mut path = path.as_slice();
            // Passed on more than a few times is nothing.
            for _ in 0..5 {
                let name = &path[..path.len().min(within(path) + 1)];
                path = passed_on.get(name).map_or(path, |origin| origin.as_slice());
            }
            let to = &path[..within(path)];
            let n_shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            let node = |module: &[String]| module.get(n_shared).cloned().unwrap_or_else(|| "self".into());
            if node(from) != node(to) {
                imports.entry(to[..n_shared].join("/")).or_default().insert((node(from), node(to)));
            }
        }
    }
    imports
}

#[test]
fn the_reader_of_this_test_finds_every_form() {
    let source = "mod child;\nuse crate::{\n    a::{B, c::{D}},\n    e,\n};\n// crate::app\nuse super::super::f;\npub use self::g;\nfn h(x: crate::i::X) { child::y() }";
    let found = named(source, &["one".into(), "two".into()]);
    let found: Vec<_> = found.iter().map(|(before, path)| format!("{before}{}", path.join("/"))).collect();
    let forms =
        "fn h(x: crate::i::X) { one/two/child/y, use a/B, use a/c/D, use e, fn h(x: i/X, pub use one/two/g, use f";
    assert_eq!(found.join(", "), forms);
}

#[test]
fn modules_and_folders_import_in_no_circle() {
    let mut n_imports = 0;
    let mut circles = Vec::new();
    for src in sources() {
        for (folder, mut imports) in imports(&src) {
            n_imports += imports.len();
            let mut n_before = 0;
            // Whoever imports from nobody, or whom nobody imports from, is in no circle.
            while n_before != imports.len() {
                n_before = imports.len();
                let (from, to): (BTreeSet<_>, BTreeSet<_>) = imports.iter().cloned().unzip();
                imports.retain(|edge| from.contains(&edge.1) && to.contains(&edge.0));
            }
            circles.extend(imports.iter().map(|(from, to)| format!("{}/{folder}: {from} -> {to}", src.display())));
        }
    }
    assert!(n_imports > 200, "only {n_imports} were found");
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn each_crate_knows_only_those_below_it() {
    for (name, allowed) in MAY_KNOW {
        let manifest = read(format!("crates/{name}/Cargo.toml"));
        let (used, _) = manifest.split_once("[dev-dependencies]").unwrap_or((&manifest, ""));
        let known: Vec<&str> = used.lines().filter_map(|l| l.strip_prefix("chat-")?.split(['.', ' ']).next()).collect();
        assert_eq!(known, allowed, "{name}");
    }
    assert_eq!(fs::read_dir(Path::new(ROOT).join("crates")).expect("a folder").count(), MAY_KNOW.len());
}

#[test]
fn the_servers_modules_know_only_those_below_them() {
    let src = Path::new(ROOT).join("src");
    let known = imports(&src).remove("").expect("imports");
    for (name, modules, crates) in SERVER {
        for (_, to) in known.iter().filter(|(from, _)| from == name) {
            assert!(modules.contains(&to.as_str()), "{name} names {to}");
        }
        for file in files(&src).iter().filter(|file| file.with_extension("").starts_with(src.join(name))) {
            let source = read(file);
            let mut lines = without_tests(&source).lines().filter(|line| !line.trim_start().starts_with("//"));
            let other =
                |line: &str| MAY_KNOW.iter().any(|(c, _)| line.contains(&format!("chat_{c}::")) && !crates.contains(c));
            assert_eq!(lines.find(|line| other(line)), None, "{}", file.display());
        }
    }
    assert!(known.iter().all(|(from, _)| SERVER.iter().any(|(name, ..)| name == from)), "{known:?}");
}

#[test]
fn settings_know_only_the_types_of_their_values() {
    let src = Path::new(ROOT).join("src");
    let mut types = BTreeSet::new();
    for file in files(&src).iter().filter(|file| file.with_extension("").starts_with(src.join("config"))) {
        let source = read(file);
        for start in ["crate::", "chat_store::", "chat_load::"] {
            for (at, _) in without_tests(&source).match_indices(start) {
                let mut found = Vec::new();
                paths(&source[at..], &[], &mut found);
                types.extend(found.into_iter().filter_map(|mut path| path.pop()));
            }
        }
    }
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    assert_eq!(
        types,
        ["AmqpUrl", "BasePath", "Broken", "BusUrl", "DatabaseUrl", "Format", "LoadOptions", "Pooler", "ServerId"]
    );
}

/// What does not fit in view is not understood as a whole.
#[test]
fn no_file_is_longer_than_450_lines() {
    let mut too_long = Vec::new();
    for folder in ["src", "crates", "static"] {
        for file in files(&Path::new(ROOT).join(folder)) {
            // Pictures are no text to read, and what scripts/wire-types and scripts/grpc-code write is read where it comes from.
            let Ok(text) = fs::read_to_string(&file) else { continue };
            if file.ends_with("wire-types.d.ts") || file.ends_with("generated/messages.rs") {
                continue;
            }
            let n_lines = without_tests(&text).lines().count();
            if n_lines > 450 {
                too_long.push(format!("{}: {n_lines}", file.display()));
            }
        }
    }
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn the_environment_is_read_in_one_place() {
    for file in sources().iter().flat_map(|src| files(src)) {
        if file.ends_with("src/config.rs") {
            continue;
        }
        let source = read(&file);
        for reader in ["env::var", "env!(\"CHAT", "std::env::"] {
            assert!(!without_tests(&source).contains(reader), "{} reads the environment: {reader}", file.display());
        }
    }
}

#[test]
fn every_dependency_has_its_reason_and_no_other_is_listed() {
    let reasons = read("docs/DEPENDENCIES.md");
    let listed = reasons.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: "));
    let listed: BTreeSet<&str> = listed.filter(|(_, why)| !why.trim().is_empty()).map(|(name, _)| name).collect();
    let manifests = [read("Cargo.toml"), read("fuzz/Cargo.toml"), read("proto/generate/Cargo.toml")];
    let mut section = "";
    let mut declared = BTreeSet::new();
    for line in manifests.iter().flat_map(|m| m.lines()) {
        if line.starts_with('[') {
            section = line;
        } else if let ("[workspace.dependencies]" | "[dependencies]", Some((name, _))) =
            (section, line.split_once(" = "))
            && !name.starts_with("chat-")
            && !name.ends_with(".workspace")
        {
            declared.insert(name);
        }
    }
    let package: serde_json::Value = serde_json::from_str(&read("package.json")).unwrap();
    assert!(package.get("dependencies").is_none(), "the page needs nothing at run time");
    declared.extend(package["devDependencies"].as_object().unwrap().keys().map(String::as_str));
    assert!(declared.len() > 40, "only {declared:?}");
    assert_eq!(listed, declared);
}

#[test]
fn the_kept_corpus_is_small_and_every_fuzz_target_has_one() {
    let root = Path::new(ROOT).join("fuzz");
    let targets = files(&root.join("fuzz_targets"));
    assert_eq!(targets.len(), 7);
    for target in &targets {
        let name = target.file_stem().unwrap().to_str().unwrap();
        assert!(files(&root.join("corpus").join(name)).len() >= 10, "{name} has a corpus");
    }
    let kept = files(&root.join("corpus"));
    let n_bytes: u64 = kept.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(kept.len() < 240 && n_bytes < 200_000, "{} files, {n_bytes} bytes", kept.len());
}

/// No panic is reachable from the network: these stay denied.
#[test]
fn what_may_panic_is_denied_by_lints() {
    let manifest = read("Cargo.toml");
    let (_, lints) = manifest.split_once("[workspace.lints.clippy]").unwrap();
    let crates = MAY_KNOW.map(|(name, _)| read(format!("crates/{name}/Cargo.toml")));
    for manifest in crates.iter().chain([&manifest]) {
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{manifest}");
    }
    let denied = "as_conversions disallowed_methods expect_used get_unwrap indexing_slicing panic string_slice todo \
        unchecked_time_subtraction unimplemented unreachable unwrap_used";
    for lint in denied.split(' ') {
        assert!(lints.contains(&format!("\n{lint} = \"deny\"")), "{lint} is not denied");
    }
    let denied = read("clippy.toml");
    for method in ["slice::copy_from_slice", "slice::split_at", "Vec::swap_remove", "Duration::from_secs_f64"] {
        assert!(denied.contains(&format!("{method}\"")), "{method} is not denied");
    }
}

#[test]
fn every_setting_is_documented() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_realtime-chat")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let settings: Vec<&str> = help.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next()).collect();
    assert!(settings.len() > 20, "{settings:?}");
    let page = read("docs/CONFIGURATION.md");
    for setting in settings {
        assert!(page.contains(&format!("`{setting}`")), "docs/CONFIGURATION.md does not tell of {setting}");
    }
}

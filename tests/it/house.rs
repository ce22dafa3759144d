//! The rules of the house that no compiler holds.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What each module may name: only what lies below it (docs/ARCHITECTURE.md).
const MAY_NAME: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("healthcheck", &[]),
    ("protocol", &["domain"]),
    ("store", &["domain"]),
    ("metrics", &[]),
    ("persistence", &["store", "domain", "metrics"]),
    ("room", &["persistence", "store", "protocol", "domain", "metrics"]),
    ("session", &["room", "protocol", "domain", "metrics"]),
    ("http", &["session", "room", "persistence", "store", "protocol", "domain", "metrics"]),
    // The load tester stands apart: it knows the wire, and nobody but the settings and main knows it.
    ("load", &["protocol", "domain"]),
    // Only the types of its values.
    ("config", &["store", "load", "http"]),
    ("logging", &[]),
    ("memory", &[]),
    (
        "app",
        &[
            "config",
            "healthcheck",
            "logging",
            "memory",
            "http",
            "session",
            "room",
            "persistence",
            "store",
            "protocol",
            "domain",
            "metrics",
        ],
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

/// The modules that a source file names by `crate::`, as `use crate::{a::b, c}` or in the middle of a line.
fn named(source: &str) -> Vec<String> {
    let code: String = source.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.push(first_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (n, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    modules.push(first_word(&group[n..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    modules
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn the_reader_of_this_test_finds_every_form() {
    let source = "use crate::{\n    domain::{A, B},\n    metrics::M, store,\n};\n// crate::app\nfn f(x: crate::room::X) {}\nuse crate::http::y;";
    assert_eq!(named(source), ["domain", "metrics", "store", "room", "http"]);
}

#[test]
fn modules_name_only_what_lies_below_them() {
    let src = Path::new(ROOT).join("src");
    let mut n_edges = 0;
    for file in files(&src) {
        let within = file.strip_prefix(&src).expect("below src");
        let module = within.iter().next().and_then(|n| n.to_str()).expect("a name").trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let (_, allowed) = MAY_NAME
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("a place for {module} in this test"));
        for name in named(&fs::read_to_string(&file).expect("a source")) {
            n_edges += 1;
            assert!(name == module || allowed.contains(&name.as_str()), "{} names {name}", within.display());
        }
    }
    assert!(n_edges > 30, "only {n_edges} were found");
}

#[test]
fn settings_know_only_the_types_of_their_values() {
    let source = fs::read_to_string(Path::new(ROOT).join("src/config.rs")).expect("a source");
    assert_eq!(source.matches("crate::").count(), 1, "one list of them");
    let list = source.split_once("use crate::{").and_then(|(_, rest)| rest.split_once("};")).expect("the list").0;
    let list: String = list.split_whitespace().collect();
    assert_eq!(list, "http::BasePath,load::LoadOptions,store::{DatabaseUrl,Pooler,ServerId},");
}

#[test]
fn no_file_is_longer_than_700_lines() {
    let mut too_long = Vec::new();
    for folder in ["src", "static"] {
        for file in files(&Path::new(ROOT).join(folder)) {
            // Pictures are no text to read.
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let n_lines = text.lines().count();
            if n_lines > 700 {
                too_long.push(format!("{}: {n_lines}", file.display()));
            }
        }
    }
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn the_environment_is_read_in_one_place() {
    for file in files(&Path::new(ROOT).join("src")) {
        if file.ends_with("config.rs") {
            continue;
        }
        let source = fs::read_to_string(&file).expect("a source");
        for reader in ["env::var", "env!(\"CHAT", "std::env::"] {
            assert!(!source.contains(reader), "{} reads the environment: {reader}", file.display());
        }
    }
}

#[test]
fn every_dependency_has_its_reason_and_no_other_is_listed() {
    let text = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let reasons = text("docs/DEPENDENCIES.md");
    let listed: BTreeSet<&str> = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once("`: "))
        .filter(|(_, why)| !why.trim().is_empty())
        .map(|(name, _)| name)
        .collect();
    let manifests = [text("Cargo.toml"), text("fuzz/Cargo.toml")];
    let mut section = "";
    let mut declared = BTreeSet::new();
    for line in manifests.iter().flat_map(|m| m.lines()) {
        if line.starts_with('[') {
            section = line;
        } else if let ("[dependencies]" | "[dev-dependencies]", Some((name, _))) = (section, line.split_once(" = ")) {
            declared.insert(name);
        }
    }
    let package: serde_json::Value = serde_json::from_str(&text("package.json")).unwrap();
    assert!(package.get("dependencies").is_none(), "the page needs nothing at run time");
    declared.extend(package["devDependencies"].as_object().unwrap().keys().map(String::as_str));
    assert!(declared.len() > 40, "only {declared:?}");
    assert_eq!(listed, declared);
}

#[test]
fn the_kept_corpus_is_small_and_every_fuzz_target_has_one() {
    let root = Path::new(ROOT).join("fuzz");
    let targets = files(&root.join("fuzz_targets"));
    assert_eq!(targets.len(), 5);
    for target in &targets {
        let name = target.file_stem().unwrap().to_str().unwrap();
        assert!(files(&root.join("corpus").join(name)).len() >= 10, "{name} has a corpus");
    }
    let kept = files(&root.join("corpus"));
    let n_bytes: u64 = kept.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(kept.len() < 200 && n_bytes < 200_000, "{} files, {n_bytes} bytes", kept.len());
}

/// No panic is reachable from the network: these stay denied.
#[test]
fn what_may_panic_is_denied_by_lints() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let (_, lints) = manifest.split_once("[lints.clippy]").unwrap();
    for lint in [
        "as_conversions",
        "disallowed_methods",
        "expect_used",
        "get_unwrap",
        "indexing_slicing",
        "panic",
        "string_slice",
        "todo",
        "unchecked_time_subtraction",
        "unimplemented",
        "unreachable",
        "unwrap_used",
    ] {
        assert!(lints.contains(&format!("\n{lint} = \"deny\"")), "{lint} is not denied");
    }
    let denied = fs::read_to_string(Path::new(ROOT).join("clippy.toml")).unwrap();
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
    let page = fs::read_to_string(Path::new(ROOT).join("docs/CONFIGURATION.md")).unwrap();
    for setting in settings {
        assert!(page.contains(&format!("`{setting}`")), "docs/CONFIGURATION.md does not tell of {setting}");
    }
}

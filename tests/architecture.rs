//! The tree checks itself: the module order of ARCHITECTURE.md, file sizes, headers, banned names.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 400;
const BANNED_NAMES: [&str; 5] = ["util", "utils", "common", "helpers", "manager"];

/// Level of each top module, read out of the block in ARCHITECTURE.md that begins with ```` ```levels ````.
fn levels(page: &str) -> HashMap<String, i32> {
    let block = page
        .split("```levels\n")
        .nth(1)
        .expect("ARCHITECTURE.md has a levels block");
    let block = block.split("```").next().expect("the block ends");
    let mut levels = HashMap::new();
    for line in block.lines() {
        let (level, rest) = line
            .split_once(char::is_whitespace)
            .expect("a line is `level modules -- remark`");
        let level = level.parse().expect("a line begins with its level");
        for module in rest.split("--").next().unwrap_or("").split_whitespace() {
            levels.insert(module.to_owned(), level);
        }
    }
    levels
}

/// Every import in `text`, a file of `module`, that does not go down.
fn climbs(levels: &HashMap<String, i32>, module: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Some(own) = levels.get(module) else {
        return vec![format!("module {module} has no line in ARCHITECTURE.md")];
    };
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        for other in imported(code) {
            if other == module {
                continue;
            }
            match levels.get(other) {
                None if code.contains(&format!("crate::{other}")) && !is_macro(other) => {
                    found.push(format!(
                        "{}: `{other}` has no line in ARCHITECTURE.md",
                        number + 1
                    ));
                }
                Some(level) if level >= own => {
                    found.push(format!(
                        "{}: {module} (level {own}) imports {other} (level {level})",
                        number + 1
                    ));
                }
                _ => {}
            }
        }
    }
    found
}

/// The names that follow `crate::`, those in a `crate::{a, b::c}` list too.
fn imported(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let (before, after) = code.split_at(at);
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = after.trim_start_matches("crate::");
        let list = rest
            .strip_prefix('{')
            .map(|list| list.split('}').next().unwrap_or(list));
        match list {
            Some(list) => names.extend(list.split(',').map(|item| first_word(item.trim()))),
            None => names.push(first_word(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()
        .unwrap_or("")
}

fn is_macro(name: &str) -> bool {
    matches!(name, "self" | "super")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder of the project")
        .map(|e| e.expect("an entry"))
    {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn module_of(file: &Path) -> String {
    let inside = file
        .strip_prefix(root().join("src"))
        .expect("a file of src");
    let first = inside
        .components()
        .next()
        .expect("a name")
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn imports_only_go_down() {
    let levels =
        levels(&fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md"));
    let mut found = Vec::new();
    for file in rust_files(&root().join("src")) {
        let module = module_of(&file);
        if module == "main" || module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file");
        found.extend(
            climbs(&levels, &module, &text)
                .into_iter()
                .map(|c| format!("{}:{c}", file.display())),
        );
    }
    assert!(
        found.is_empty(),
        "imports that climb:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_planted_climb_is_found() {
    let levels = HashMap::from([
        ("verify".to_owned(), 3),
        ("server".to_owned(), 6),
        ("routing".to_owned(), 3),
    ]);
    let planted = "use crate::server::Problem;\n// crate::server is fine in a comment\nuse crate::{routing::Routes, verify};\n";
    assert_eq!(
        climbs(&levels, "verify", planted),
        [
            "1: verify (level 3) imports server (level 6)",
            "3: verify (level 3) imports routing (level 3)",
        ]
    );
    assert_eq!(climbs(&levels, "server", planted), Vec::<String>::new());
}

#[test]
fn pure_modules_know_no_runtime_and_no_clock() {
    let impure = [
        "tokio",
        "reqwest",
        "axum",
        "rusqlite",
        "tonic",
        "clock::now",
        "std::fs",
        "std::net::Tcp",
    ];
    let mut found = Vec::new();
    for module in ["verify", "routing", "access", "expr", "token", "event"] {
        for file in rust_files(&root().join("src"))
            .into_iter()
            .filter(|file| module_of(file) == module)
        {
            let text = fs::read_to_string(&file).expect("a source file");
            for line in text
                .lines()
                .map(|line| line.split("//").next().unwrap_or(""))
            {
                if let Some(word) = impure.iter().find(|word| line.contains(*word)) {
                    found.push(format!("{}: {word}", file.display()));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "pure modules that are not:\n{}",
        found.join("\n")
    );
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "examples", "benches"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("a source file");
            let lines = text.lines().count();
            if lines > MAX_LINES {
                found.push(format!(
                    "{}: {lines} lines, at most {MAX_LINES}",
                    file.display()
                ));
            }
            if !text.starts_with("//!") {
                found.push(format!("{}: no `//!` header", file.display()));
            }
            let name = file
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if BANNED_NAMES.contains(&name.as_str()) {
                found.push(format!("{}: `{name}` says nothing", file.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_module_of_the_map_exists() {
    let levels =
        levels(&fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md"));
    for module in levels.keys() {
        let file = root().join(format!("src/{module}.rs"));
        let folder = root().join(format!("src/{module}/mod.rs"));
        assert!(
            file.exists() || folder.exists(),
            "ARCHITECTURE.md names `{module}`, which is not there"
        );
    }
}

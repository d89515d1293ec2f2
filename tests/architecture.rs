//! The tree checks itself: the module order of ARCHITECTURE.md, purity, file sizes, headers, banned names.

mod paths;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use paths::{Named, paths};

const MAX_LINES: usize = 400;
const MAX_HEADER: usize = 12;
const BANNED_NAMES: [&str; 6] = ["util", "utils", "common", "helpers", "types", "manager"];

/// What pure code never names: runtimes, the network, the file system, clocks and chance.
const IMPURE: [&[&str]; 16] = [
    &["tokio"],
    &["reqwest"],
    &["axum"],
    &["hyper"],
    &["rusqlite"],
    &["async"],
    &["await"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["thread", "sleep"],
    &["clock", "now"],
    &["Instant", "now"],
    &["SystemTime"],
    &["new_v4"],
    &["now_v7"],
];

/// One line of the block in ARCHITECTURE.md that begins with ```` ```levels ````, per module.
#[derive(Clone, Copy)]
struct Place {
    level: i32,
    pure: bool,
}

type Map = HashMap<String, Place>;

fn map(page: &str) -> Map {
    let block = page
        .split("```levels\n")
        .nth(1)
        .expect("ARCHITECTURE.md has a levels block");
    let block = block.split("```").next().expect("the block ends");
    let mut map = Map::new();
    for line in block.lines() {
        let (level, rest) = line
            .split_once(char::is_whitespace)
            .expect("a line is `level modules -- remark`");
        let level = level.parse().expect("a line begins with its level");
        let (modules, remark) = rest.split_once("--").unwrap_or((rest, ""));
        let pure = remark.contains("pure");
        for module in modules.split_whitespace() {
            map.insert(module.to_owned(), Place { level, pure });
        }
    }
    map
}

fn own_map() -> Map {
    map(&fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md"))
}

/// Every import in `text`, the source of `module`, that does not go down.
fn climbs(map: &Map, module: &[String], text: &str) -> Vec<String> {
    let top = &module[0];
    let Some(own) = map.get(top) else {
        return vec![format!("module {top} has no line in ARCHITECTURE.md")];
    };
    let judge = |named: Named| {
        let [root, other, ..] = named.segments.as_slice() else {
            return None;
        };
        if root == "signalpost" || (root == "crate" && other == "*") {
            return Some(format!("{}: goes around the map", named.line));
        }
        if root != "crate" || other == top {
            return None;
        }
        match map.get(other) {
            Some(place) if place.level < own.level => None,
            Some(place) => Some(format!(
                "{}: {top} (level {}) imports {other} (level {})",
                named.line, own.level, place.level
            )),
            None => Some(format!(
                "{}: `{other}` has no line in ARCHITECTURE.md",
                named.line
            )),
        }
    };
    paths(module, text).into_iter().filter_map(judge).collect()
}

/// What of [`IMPURE`] a source names.
fn impurities(module: &[String], text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for named in paths(module, text) {
        let names = |impure: &&[&str]| {
            let mut windows = named.segments.windows(impure.len());
            windows.any(|window| {
                window
                    .iter()
                    .zip(impure.iter())
                    .all(|(one, two)| one == two)
            })
        };
        if let Some(impure) = IMPURE.iter().find(|impure| names(impure)) {
            found.push(format!("{}: {}", named.line, impure.join("::")));
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).expect("a folder of the project");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
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

/// `src/inbox/embedded/mod.rs` is `inbox::embedded`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file
        .strip_prefix(root().join("src"))
        .expect("a file of src");
    let mut module: Vec<String> = inside
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    module
}

/// Every source of the library but its root, as (file, module, text).
fn sources() -> Vec<(PathBuf, Vec<String>, String)> {
    let files = rust_files(&root().join("src")).into_iter();
    files
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a source file");
            (file.clone(), module_of(&file), text)
        })
        .filter(|(_, module, _)| !matches!(module[0].as_str(), "main" | "lib"))
        .collect()
}

#[test]
fn imports_only_go_down() {
    let map = own_map();
    let mut found = Vec::new();
    for (file, module, text) in sources() {
        let climbs = climbs(&map, &module, &text).into_iter();
        found.extend(climbs.map(|climb| format!("{}:{climb}", file.display())));
    }
    assert!(
        found.is_empty(),
        "imports that climb:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_planted_climb_is_found_however_it_is_written() {
    let map = map("```levels\n6 server\n3 verify routing -- pure\n0 event\n```");
    let module = ["verify".to_owned(), "hmac".to_owned()];
    let climb = |line: usize, other: &str, level: i32| {
        format!("{line}: verify (level 3) imports {other} (level {level})")
    };
    for (planted, expected) in [
        ("use crate::server::Problem;", climb(1, "server", 6)),
        (
            "use crate::{\n    event::Event,\n    server::{self, error},\n};",
            climb(3, "server", 6),
        ),
        (
            "use crate::{event, routing::Routes};",
            climb(1, "routing", 3),
        ),
        (
            "fn f() {\n    crate::server::start();\n}",
            climb(2, "server", 6),
        ),
        ("use super::super::server as s;", climb(1, "server", 6)),
        (
            "mod tests {\n    use super::super::super::server;\n}",
            climb(2, "server", 6),
        ),
        (
            "macro_rules! m { () => { $crate::server::start() } }",
            climb(1, "server", 6),
        ),
        ("pub use crate::server;", climb(1, "server", 6)),
        ("use crate::*;", "1: goes around the map".to_owned()),
        (
            "use crate::stranger;",
            "1: `stranger` has no line in ARCHITECTURE.md".to_owned(),
        ),
    ] {
        let found = climbs(&map, &module, planted);
        assert!(found.contains(&expected), "{planted}\n{found:?}");
    }
    for harmless in [
        "// use crate::server;\nconst TEXT: &str = \"crate::server\";",
        "use crate::event::Event;\nuse super::scheme;\nuse super::super::verify::spec;",
    ] {
        assert_eq!(
            climbs(&map, &module, harmless),
            Vec::<String>::new(),
            "{harmless}"
        );
    }
}

#[test]
fn what_says_that_it_imports_nothing_of_this_crate_does_not() {
    let mut found = Vec::new();
    for (file, module, text) in sources() {
        let header: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        if !header.replace("//!", "").contains("nothing of this crate") {
            continue;
        }
        for Named { line, segments } in paths(&module, &text) {
            let foreign = |top: &String| segments[0] == "crate" && *top != module[0];
            if segments.get(1).is_some_and(foreign) {
                found.push(format!(
                    "{}:{line}: {}",
                    file.display(),
                    segments.join("::")
                ));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whole modules by the map, single files by the word in their header.
#[test]
fn what_says_that_it_is_pure_knows_no_runtime_no_clock_and_no_chance() {
    let map = own_map();
    let mut found = Vec::new();
    for (file, module, text) in sources() {
        let header = text.lines().take_while(|line| line.starts_with("//!"));
        let says_so = header.clone().any(|line| line.contains(" Pure"));
        if says_so || map.get(&module[0]).is_some_and(|place| place.pure) {
            let impurities = impurities(&module, &text).into_iter();
            found.extend(impurities.map(|what| format!("{}:{what}", file.display())));
        }
    }
    assert!(
        found.is_empty(),
        "pure code that is not:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_planted_impurity_is_found() {
    let module = ["verify".to_owned()];
    for planted in [
        "use crate::clock::{self, now};",
        "fn f() { let at = clock::now(); }",
        "async fn f() {}",
        "use std::{\n    fmt,\n    fs::File,\n};",
        "fn f() { Uuid::new_v4(); }",
    ] {
        assert_eq!(impurities(&module, planted).len(), 1, "{planted}");
    }
    assert!(impurities(&module, "use crate::clock::Timestamp;").is_empty());
}

/// What helps a person to a signature that matches would help a forger too.
#[test]
fn what_serves_never_diagnoses() {
    let mut found = Vec::new();
    for (file, module, text) in sources() {
        if !["server", "delivery", "inbox", "gateway"].contains(&module[0].as_str()) {
            continue;
        }
        let diagnoses = |named: &Named| {
            let told = |segment: &String| matches!(segment.as_str(), "diagnosis" | "examine");
            named.segments.first().is_some_and(|root| root == "crate")
                && named.segments.get(1).is_some_and(|top| top == "verify")
                && named.segments.iter().any(told)
        };
        let told = paths(&module, &text).into_iter().filter(diagnoses);
        found.extend(told.map(|it| format!("{}:{}", file.display(), it.line)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_root_of_the_library_names_modules_and_nothing_else() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    for line in text.lines().filter(|line| !line.is_empty()) {
        let module = line.starts_with("pub mod ") && line.ends_with(';');
        assert!(
            module || line.starts_with("//!"),
            "a second name for something: {line}"
        );
    }
}

#[test]
fn files_are_small_and_say_what_they_are() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "examples", "benches"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("a source file");
            let mut complain = |what: &str| found.push(format!("{}: {what}", file.display()));
            let lines = text.lines().count();
            if lines > MAX_LINES {
                complain(&format!("{lines} lines, at most {MAX_LINES}"));
            }
            let header = text.lines().take_while(|line| line.starts_with("//!"));
            if !(1..=MAX_HEADER).contains(&header.count()) {
                complain(&format!("a `//!` header of 1 to {MAX_HEADER} lines"));
            }
            if text.contains("#[path") && folder == "src" {
                complain("a file stands where its module does");
            }
            let name = file.file_stem().expect("a name").to_string_lossy();
            if BANNED_NAMES.contains(&&*name) {
                complain("this name says nothing");
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_module_of_the_map_exists_and_has_its_line_in_the_library() {
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    let map = own_map();
    for module in map.keys() {
        let line = format!("\npub mod {module};");
        assert!(
            library.contains(&line),
            "ARCHITECTURE.md names `{module}`, which is not there"
        );
    }
    assert_eq!(
        library.matches("\npub mod ").count(),
        map.len(),
        "a module without a level"
    );
}

//! The Dockerfile: what it copies is there, what it names is right, and what runs is nobody special.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use signalpost::settings::environment;

use super::page;
use crate::cli::signalpost;
use crate::settings::program;

/// Instruction and rest, with continued lines joined and comments left out.
fn instructions() -> Vec<(String, String)> {
    let page = page("deploy/Dockerfile").replace("\\\n", " ");
    let lines = page.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').expect("an instruction and its rest");
            (
                name.to_owned(),
                rest.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

fn all(of: &str) -> Vec<String> {
    let found = instructions().into_iter().filter(|(name, _)| name == of);
    found.map(|(_, rest)| rest).collect()
}

fn the_last(of: &str) -> String {
    all(of).pop().unwrap_or_else(|| panic!("no {of}"))
}

#[test]
fn every_copy_has_its_source_and_the_context_lets_in_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignore = page(".dockerignore");
    let copies = all("COPY");
    let (of_build, of_context): (Vec<_>, Vec<_>) = copies
        .iter()
        .partition(|copy| copy.starts_with("--from=build"));
    for copy in of_context {
        let mut words: Vec<_> = copy.split(' ').collect();
        words.pop();
        for source in words {
            assert!(root.join(source).exists(), "{source}");
            let source = source.trim_start_matches("./");
            assert!(
                ignore.lines().any(|line| line == format!("!{source}")),
                "{source}"
            );
        }
    }
    let let_in = ignore.lines().filter(|line| line.starts_with('!')).count();
    let sources: usize = copies
        .iter()
        .filter(|copy| !copy.starts_with("--from"))
        .map(|copy| copy.split(' ').count() - 1)
        .sum();
    assert_eq!(let_in, sources, "{ignore}");
    let made = all("RUN").join(" ");
    for copy in of_build {
        let source = copy
            .split(' ')
            .find(|word| word.starts_with('/'))
            .expect("a path");
        assert!(made.contains(source), "{source} is not made");
    }
}

/// Whatever the sources take in from outside `src` must be copied before they are built.
#[test]
fn what_the_program_carries_is_copied() {
    let copies = all("COPY").join("\n");
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut carried = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
        {
            if path.is_dir() {
                // What only tests take in is not in the image.
                folders.extend((path.file_name() != Some("tests".as_ref())).then_some(path));
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source file");
            let taken_in = text.split("include_str!(\"").skip(1);
            for taken in taken_in.filter(|path| path.starts_with("../")) {
                let file = taken
                    .split('"')
                    .next()
                    .expect("a path")
                    .trim_start_matches("../");
                let folder = file.rsplit_once('/').expect("a folder").0;
                let is_there = |what: &str| copies.contains(&format!("{what} ./{what}"));
                assert!(
                    is_there(file) || is_there(folder),
                    "{file}, which {} takes in",
                    path.display()
                );
                carried += 1;
            }
        }
    }
    assert!(carried > 0);
}

#[test]
fn the_binary_is_the_programs_and_its_user_is_a_number_that_is_not_root() {
    let binary = format!("/usr/local/bin/{}", env!("CARGO_PKG_NAME"));
    assert_eq!(the_last("ENTRYPOINT"), format!("[\"{binary}\"]"));
    let folder = binary.rsplit_once('/').expect("a folder").0;
    let made = all("RUN").join(" ");
    assert!(made.contains("cargo build --release --locked --bin signalpost"));
    assert!(made.contains(&format!("/out/root{binary} ")), "{made}");
    assert!(made.contains(&format!("mkdir -p /out/store /out/root{folder} ")));
    assert!(all("COPY").contains(&"--from=build /out/root /".to_owned()));
    let user = the_last("USER");
    assert!(
        user.split(':')
            .all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)),
        "{user}"
    );
    let names: Vec<_> = instructions().into_iter().map(|(name, _)| name).collect();
    let last = |of: &str| names.iter().rposition(|name| name == of);
    assert!(last("USER") > last("FROM"), "of the final stage");
    assert!(
        last("RUN") < last("FROM"),
        "there is no shell to run anything in"
    );
}

#[test]
fn its_health_is_asked_by_the_program_itself_and_it_is_told_to_stop_as_it_understands() {
    assert_eq!(the_last("STOPSIGNAL"), "SIGTERM");
    let check = the_last("HEALTHCHECK");
    let (flags, command) = check.split_once(" CMD ").expect("a command");
    let command: Vec<String> = serde_json::from_str(command).expect("no shell is needed");
    let binary = format!("[\"{}\"]", command[0]);
    assert_eq!(the_last("ENTRYPOINT"), binary);
    let flag = |name: &str| {
        let value = flags
            .split(' ')
            .find_map(|flag| flag.strip_prefix(&format!("--{name}=")));
        signalpost::duration::parse(value.unwrap_or_else(|| panic!("{name}"))).expect("a duration")
    };
    // Its own patience of five seconds ends first, and then it says why.
    assert!(flag("timeout") > std::time::Duration::from_secs(5));
    assert!(flag("interval") > flag("timeout"));
    // Nothing listens there: it is a no, and no mistake in how it was asked.
    let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    let output = signalpost(&[&arguments, &["--ops-url", "http://127.0.0.1:1"][..]].concat())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
}

/// What the image holds beside the program, as its own command puts it there.
pub(super) fn furnish(root: &Path) {
    let furnishing = all("RUN").pop().expect("the last command");
    let command = furnishing.replace("/out/root", &root.display().to_string());
    let status = std::process::Command::new("sh")
        .args(["-ec", &command])
        .status()
        .expect("a shell");
    assert!(status.success(), "{command}");
}

/// Who runs in the image: `UID:GID`.
pub(super) fn user() -> String {
    the_last("USER")
}

#[test]
fn its_bases_can_be_pinned_and_are_of_the_same_rust() {
    for from in all("FROM") {
        assert!(
            from == "scratch" || from.starts_with("${"),
            "{from} cannot be pinned from outside"
        );
    }
    let toolchain = page("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).expect("a channel");
    let arguments = all("ARG");
    assert!(
        arguments
            .iter()
            .any(|arg| arg.starts_with(&format!("RUST_IMAGE=rust:{channel}-"))),
        "{arguments:?} against {channel}"
    );
    let version = format!("VERSION={}", env!("CARGO_PKG_VERSION"));
    assert!(arguments.contains(&version), "{version}");
}

#[test]
fn its_variables_are_settings_and_its_store_is_a_volume() {
    let set: BTreeMap<String, String> = the_last("ENV")
        .split(' ')
        .map(|pair| pair.split_once('=').expect("NAME=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let ours = set
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    assert_eq!(environment::check(&program(), ours), Ok(()));
    let (folder, _) = set["SIGNALPOST_STORE"].rsplit_once('/').expect("a path");
    assert_eq!(the_last("VOLUME"), format!("[\"{folder}\"]"));
    let owned = format!(
        "COPY --from=build --chown={} /out/store {folder}",
        the_last("USER")
    );
    assert!(
        all("COPY").iter().any(|copy| owned.ends_with(copy)),
        "{owned}"
    );
    let port = set["SIGNALPOST_LISTEN"].rsplit_once(':').expect("a port").1;
    assert!(the_last("EXPOSE").split(' ').any(|exposed| exposed == port));
}

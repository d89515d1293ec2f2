//! What strangers send to the parsers, and what is left of good input once it has been damaged: nothing panics.
//!
//! The same entry points as the targets of `fuzz/`, which need a nightly toolchain. A few hundred cases each;
//! `SIGNALPOST_FUZZ_SECONDS=600 cargo test --test suite fuzz` goes on for so long with each parser.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on from may end it"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use signalpost::verify::parsers;

const CASES: u32 = 400;
/// How much more may be held after a long run of one parser.
const MAX_GROWTH: usize = 64 * 1024 * 1024;
/// Input on which a parser takes its whole way.
const SEEDS: [(&str, &str); 15] = [
    (
        "expressions",
        r#"{"type":"x","event":{"id":"1","type":"y"},"id":"e","events":[{"id":"a","action":"b"},{}],"value":[{"changeType":"c"}]}"#,
    ),
    (
        "header_lists",
        "t=1785585600,v1=6ffbb59b2300,v1=AAECAw==,v0=00",
    ),
    (
        "forms",
        "Body=Gr%C3%BC%C3%9Fe+x&From=%2B1415&Digits=1&Digits=2&Empty=",
    ),
    (
        "forms",
        "timestamp=1785585600&token=a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0&signature=00ff",
    ),
    (
        "forms",
        "bt_signature=ours%7C00ff%26other%7C11&bt_payload=PGE%2BPGI%2BMTwvYj48L2E%2B%0A",
    ),
    (
        "json_bodies",
        r#"{"notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":"AAECAw=="},"amount":{"value":1000,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true","pspReference":"P1"}}]}"#,
    ),
    (
        "json_bodies",
        r#"{"signature":{"timestamp":"1785585600","token":"a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0","signature":"00ff"},"event-data":{"event":"x"}}"#,
    ),
    (
        "http_signatures",
        "sig1=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"@query-param\";name=\"a\");created=1785585600;expires=1785585700;keyid=\"ours\";alg=\"hmac-sha256\"\nsig1=:AAECAw==:\nsha-256=:AAECAw==:, sha-512=:AA==:\na=1&b=%20\n{}",
    ),
    (
        "structured_fields",
        "a=1, b=2.5;x=?1, c=(\"s\" tok :AA==: @1785585600);q, d=%\"f%c3%bc\"",
    ),
    ("templates", "v0:{timestamp}:{id}.{body}"),
    (
        "templates",
        "order-${body.data[0].id + string(size(headers['x-id']))}-${has(body.a) ? 'b' : \"c\"}",
    ),
    (
        "tokens",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLmNvbS8iLCJleHAiOjE3ODU1ODU2NjB9.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    ),
    ("tokens", "Bearer e30.e30.AA"),
    (
        "xml",
        "<?xml version=\"1.0\"?><n><kind type=\"integer\">1</kind><s nil=\"true\"/><a type=\"array\"><i>x&amp;&#65;</i></a><![CDATA[ ]]><!-- c --></n>",
    ),
    ("xml", "<a><a><a><a/></a></a></a>"),
];

/// The hand-written ones, and whatever of the providers' fixtures the parser is for.
fn seeds(parser: &str) -> Vec<Vec<u8>> {
    let written = SEEDS.iter().filter(|(name, _)| *name == parser);
    let mut seeds: Vec<Vec<u8>> = written.map(|(_, seed)| seed.as_bytes().to_vec()).collect();
    for path in fixtures() {
        let bytes = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|end| end == "pem") {
            seeds.extend((parser == "certificates").then_some(bytes));
            continue;
        }
        let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") else {
            continue;
        };
        let (head, body) = (String::from_utf8_lossy(&bytes[..end]), &bytes[end + 2..]);
        let values = |wanted: fn(&str) -> bool| {
            let lines = head.lines().filter(|line| !line.starts_with('#'));
            let pairs = lines.filter_map(|line| line.split_once(": "));
            let pairs = pairs.filter(move |(name, _)| wanted(&name.to_ascii_lowercase()));
            pairs
                .map(|(_, value)| value.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let json = body.starts_with(b"{") || body.starts_with(b"[");
        seeds.extend(match parser {
            "expressions" => vec![body.to_vec()],
            "json_bodies" if json => vec![body.to_vec()],
            "forms" if !json => vec![body.to_vec()],
            "header_lists" => values(|name| name.contains("signature")),
            "tokens" => values(|name| name == "authorization" || name.contains("jwt")),
            "structured_fields" => {
                values(|name| name.starts_with("signature") || name == "content-digest")
            }
            "http_signatures" => {
                let lines = values(|name| {
                    ["signature-input", "signature", "content-digest"].contains(&name)
                });
                let [input, signature, digest] = &*lines else {
                    continue;
                };
                vec![[input, signature, digest, &b"a=1"[..], body].join(&b"\n"[..])]
            }
            _ => Vec::new(),
        });
    }
    seeds.retain(|seed| seed.len() <= 4096);
    seeds
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/providers");
    let folders = std::fs::read_dir(root).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What of this process is in memory, in bytes; none where the system does not tell.
fn resident() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = told.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// Bytes of any kind, and seeds with pieces changed, cut, doubled and moved.
fn input(parser: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let seeds = seeds(parser);
    let damage = (
        prop::sample::select(seeds),
        prop::collection::vec(
            (0..5_u8, any::<usize>(), any::<usize>(), any::<u8>()),
            0..12,
        ),
    );
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..300),
        4 => damage.prop_map(|(seed, changes)| {
            let mut bytes = seed;
            for (how, at, to, byte) in changes {
                change(&mut bytes, how, at, to, byte);
            }
            bytes
        }),
    ]
}

fn change(bytes: &mut Vec<u8>, how: u8, at: usize, to: usize, byte: u8) {
    if bytes.is_empty() || bytes.len() > 4096 {
        bytes.truncate(1);
        bytes.push(byte);
        return;
    }
    let (at, to) = (at % bytes.len(), to % bytes.len());
    let (from, to) = (at.min(to), at.max(to));
    match how {
        0 => bytes[at] ^= 1 << (byte % 8),
        1 => bytes.insert(at, byte),
        2 => drop(bytes.drain(from..to)),
        3 => {
            let piece = bytes[from..to].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => bytes[at] = byte,
    }
}

/// For how long each parser is fed; none: for a number of cases.
fn seconds() -> Option<Duration> {
    let text = std::env::var("SIGNALPOST_FUZZ_SECONDS").ok()?;
    Some(Duration::from_secs(text.parse().unwrap()))
}

#[test]
fn no_input_makes_a_parser_panic() {
    let long = seconds();
    for (name, parse) in parsers::ALL {
        let input = input(name);
        let before = resident();
        let started = Instant::now();
        let mut cases = 0_u64;
        loop {
            let config = Config {
                cases: CASES,
                failure_persistence: None,
                ..Config::default()
            };
            let outcome = TestRunner::new(config).run(&input, |bytes| {
                parse(&bytes);
                Ok::<(), TestCaseError>(())
            });
            if let Err(failure) = outcome {
                panic!("{name}: {failure}");
            }
            cases += u64::from(CASES);
            if long.is_none_or(|long| started.elapsed() >= long) {
                break;
            }
        }
        if long.is_some() {
            let grown = resident()
                .unwrap_or_default()
                .saturating_sub(before.unwrap_or_default());
            eprintln!("{name}: {cases} cases, {} KiB more in memory", grown / 1024);
            assert!(grown < MAX_GROWTH, "{name}: {grown} bytes more in memory");
        }
    }
}

/// `SIGNALPOST_FUZZ_CORPUS=FOLDER` writes what the targets of `fuzz/` start with (tests/fuzz.sh).
#[test]
fn seeds_are_files_for_the_targets() {
    let temporary = tempfile::tempdir().unwrap();
    let asked = std::env::var_os("SIGNALPOST_FUZZ_CORPUS").map(PathBuf::from);
    let root = asked.unwrap_or_else(|| temporary.path().to_owned());
    for (name, _) in parsers::ALL {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, seed) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:04}")), seed).unwrap();
        }
        assert!(std::fs::read_dir(&folder).unwrap().next().is_some());
    }
}

#[test]
fn every_parser_has_a_seed_and_a_target() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in parsers::ALL {
        assert!(!seeds(name).is_empty(), "{name}");
        let target = format!("fuzz_targets/{name}.rs");
        assert!(root.join(&target).is_file(), "{target}");
        assert!(manifest.contains(&target), "{target}");
    }
}

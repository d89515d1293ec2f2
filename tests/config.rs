//! Golden files: each routing file in `fixtures/config` beside the text that `check` prints for it.
//!
//! `SIGNALPOST_BLESS=1` writes the texts anew; the diff is then read like code.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use signalpost::config::{self, Loaded, Options, Problem, SecretPolicy, Severity};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config")
}

/// What every golden file is compiled with: `GOOD`, `PAIR` and `SHORT` are the only secrets there are.
fn options() -> Options {
    Options {
        env: Arc::new(|name| match name {
            "GOOD" => Some("0123456789abcdef0123456789abcdef".to_owned()),
            "SHORT" => Some("abc".to_owned()),
            "PAIR" => Some("user:0123456789abcdef0123456789abcdef".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }),
        max_body: Some(1 << 20),
        ..Options::new("default")
    }
}

fn render(problems: &[Problem]) -> String {
    let texts: Vec<_> = problems.iter().map(|p| format!("{p}\n")).collect();
    texts.concat()
}

const FOLDER: &str = "tests/fixtures/config/";

/// The text of a golden file, and what comes of it; one that is no text is read from its place.
fn read(path: &Path) -> (String, Loaded) {
    let name = path.file_name().unwrap().to_string_lossy();
    if let Ok(text) = fs::read_to_string(path) {
        let loaded = config::compile(&text, &name, &options());
        (text, loaded)
    } else {
        let place = format!("{FOLDER}{name}");
        (String::new(), config::load(Path::new(&place), &options()))
    }
}

fn routes_files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(fixtures())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_fault_reads_as_its_golden_file_says() {
    let bless = std::env::var_os("SIGNALPOST_BLESS").is_some();
    let files = routes_files();
    assert!(files.len() >= 120, "only {} files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (text, loaded) = read(&path);
        assert_eq!(
            loaded.plan.is_none(),
            loaded.problems.iter().any(Problem::is_error),
            "{name}: a plan if and only if there is no error"
        );
        if let Some(plan) = &loaded.plan {
            let tables = |table: &str| text.matches(table).count();
            assert_eq!(
                plan.sources.len(),
                tables("\n[sources.") + usize::from(text.starts_with('[')),
                "{name}"
            );
            assert_eq!(plan.issuers.len(), tables("\n[issuers."), "{name}");
            assert_eq!(
                plan.queries.iter().count(),
                tables("\n[[queries]]"),
                "{name}"
            );
        }
        let shown = render(&loaded.problems).replace(FOLDER, "");
        let golden = path.with_extension("txt");
        if bless {
            fs::write(&golden, &shown).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if shown != expected {
            wrong.push(format!("── {name}\nexpected:\n{expected}\nfound:\n{shown}"));
        }
        assert!(!shown.is_empty(), "{name}: nothing was found");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_golden_file_shows_a_secret() {
    for path in routes_files() {
        let (_, loaded) = read(&path);
        let json = serde_json::to_string(&loaded.problems).unwrap();
        for text in [render(&loaded.problems), json, format!("{loaded:?}")] {
            assert!(!text.contains("hush"), "{}: {text}", path.display());
            assert!(!text.contains("0123456789abcdef"), "{}", path.display());
        }
    }
}

#[test]
fn every_code_has_a_golden_file_or_is_of_a_reload() {
    let mut seen = HashSet::from(["SP-C029"]);
    for path in routes_files() {
        let (_, loaded) = read(&path);
        seen.extend(loaded.problems.iter().map(|problem| problem.code));
    }
    for (code, title) in config::codes::ALL {
        assert!(seen.contains(code.as_str()), "{}: {title}", code.as_str());
    }
}

#[test]
fn every_code_is_a_heading_of_the_runbook() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/runbook.md");
    let runbook = fs::read_to_string(path).unwrap();
    for (code, title) in config::codes::ALL {
        let heading = format!("### {} {title}\n", code.as_str());
        assert!(runbook.contains(&heading), "{heading}");
    }
}

#[test]
fn the_working_example_compiles_without_its_secrets() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.toml");
    let bare = Options {
        secrets: SecretPolicy::Warn,
        env: Arc::new(|_| None),
        ..Options::new("default")
    };
    let loaded = config::load(&path, &bare);
    let plan = loaded.plan.expect("no errors");
    for problem in &loaded.problems {
        assert_eq!(problem.code, "SP-C013", "{problem}");
        assert_eq!(problem.severity, Severity::Warning);
    }
    assert_eq!(plan.sources.len(), 3);
    assert!(plan.queries.find("/orders/42/status").is_some());

    let required = Options {
        secrets: SecretPolicy::Required,
        ..bare
    };
    assert!(config::load(&path, &required).plan.is_none());
}

#[test]
fn a_file_cut_or_missing_a_line_is_judged_without_panic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.toml");
    let text = fs::read_to_string(path).unwrap();
    let cuts = text
        .char_indices()
        .step_by(41)
        .map(|(at, _)| text.split_at(at).0.to_owned());
    let lines: Vec<&str> = text.lines().collect();
    let gaps = (0..lines.len()).map(|gap| {
        let mut kept = lines.clone();
        kept.remove(gap);
        kept.join("\n")
    });
    for broken in cuts.chain(gaps) {
        let loaded = config::compile(&broken, "routes.toml", &options());
        let refused = loaded.problems.iter().any(Problem::is_error);
        assert_eq!(loaded.plan.is_none(), refused, "{broken}");
    }
}

#[test]
fn a_missing_file_is_a_problem_and_no_panic() {
    let loaded = config::load(Path::new("/nowhere/routes.toml"), &options());
    assert_eq!(loaded.problems[0].code, "SP-C001");
    assert_eq!(loaded.files.paths().count(), 1);
}

#[test]
fn json_has_the_documented_keys() {
    let loaded = config::compile("[sources.a]\nprovider = 1\n", "routes.toml", &options());
    let json = serde_json::to_value(&loaded.problems).unwrap();
    let first = json[0].as_object().unwrap();
    let mut keys: Vec<_> = first.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let documented = [
        "code", "column", "file", "help", "line", "message", "severity",
    ];
    assert_eq!(keys, documented);
    assert_eq!(first["severity"], "error");
    assert_eq!(first["line"], 2);
    assert_eq!(first["column"], 12);
}

/// What a person reads and what a program reads is the same, for every mistake there is a file for.
#[test]
fn json_carries_what_the_text_says() {
    for path in routes_files() {
        let (_, loaded) = read(&path);
        let json = serde_json::to_string(&loaded.problems).unwrap();
        let parsed: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed.len(), loaded.problems.len());
        for (json, problem) in parsed.iter().zip(&loaded.problems) {
            let text = problem.to_string();
            let of = |key: &str| json[key].as_str().unwrap_or_default();
            let title = format!("{}[{}]: {}\n", of("severity"), of("code"), of("message"));
            assert!(text.starts_with(&title), "{text}");
            let place = format!("--> {}:{}:{}\n", of("file"), json["line"], json["column"]);
            assert!(text.contains(&place), "{text} {place}");
            let help = format!("= help: {}\n", of("help"));
            assert_eq!(text.contains("= help: "), !json["help"].is_null());
            assert!(json["help"].is_null() || text.ends_with(&help), "{text}");
        }
    }
}

#[test]
fn a_folder_in_the_place_of_the_file_is_a_problem_of_the_whole() {
    let loaded = config::load(Path::new(FOLDER), &options());
    let text = loaded.problems[0].to_string();
    assert!(text.contains("not a regular file"), "{text}");
    assert_eq!(
        (loaded.problems[0].code, loaded.problems.len()),
        ("SP-C001", 1)
    );
}

/// A source of each kind, to look at what is defaulted.
const DEFAULTS: &str = r#"
[sources.stripe]
provider = "stripe"
secrets = ["env:GOOD"]
[sources.github]
provider = "github"
secrets = ["env:GOOD"]
[sources.bare]
provider = "hmac"
secrets = ["env:GOOD"]
signature = { header = "X-Sig", algorithm = "sha256", encoding = "hex" }
[sources.keyed]
provider = "hmac"
secrets = ["env:GOOD"]
signature = { header = "X-Sig", algorithm = "sha256", encoding = "hex" }
event = { key = "body.id" }
[sources.timed]
provider = "hmac"
secrets = ["env:GOOD"]
signature = { header = "X-Sig", algorithm = "sha256", encoding = "hex" }
event = { key = "body.id", time = "body.at" }
[sources.people]
provider = "jwt"
issuer = "corp"
[sources.own]
provider = "stripe"
secrets = ["env:GOOD"]
dedup = "4d"
[issuers.corp]
issuer = "https://idp.example.com/"
audience = ["signalpost", "other"]
jwks = "https://idp.example.com/jwks.json"
[[routes]]
name = "all"
source = "stripe"
workflow = "w-${body.id}"
signal = "s"
"#;

#[test]
fn retention_follows_the_order_of_the_contract() {
    let loaded = config::compile(DEFAULTS, "routes.toml", &options());
    let plan = loaded.plan.unwrap();
    let days = |name: &str| plan.sources[name].dedup.as_secs_f64() / 86_400.0;
    assert!((days("stripe") - 7.0).abs() < 1e-9);
    assert!((days("github") - 90.0).abs() < 1e-9);
    assert_eq!(plan.sources["bare"].dedup, Duration::from_mins(10));
    assert!((days("keyed") - 90.0).abs() < 1e-9);
    assert!((days("timed") - 7.0).abs() < 1e-9);
    assert_eq!(plan.sources["people"].dedup, Duration::from_mins(10));
    assert!((days("own") - 4.0).abs() < 1e-9);
    assert!(plan.sources["people"].refuse_unrouted);
    assert!(!plan.sources["stripe"].refuse_unrouted);
}

#[test]
fn an_issuer_without_algorithms_takes_the_three_of_the_contract() {
    let plan = config::compile(DEFAULTS, "routes.toml", &options())
        .plan
        .unwrap();
    let issuer = &plan.issuers["corp"];
    assert_eq!(format!("{:?}", issuer.algorithms), "[RS256, ES256, EdDSA]");
    assert_eq!(issuer.audience, ["signalpost", "other"]);
}

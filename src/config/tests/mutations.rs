//! Slips of the finger in a whole file: one byte changed, lost or too many, or the end missing.
//!
//! None may panic, none may show a secret, and none may give a plan in which a source is verified in another
//! way than before, unless the change stands in that source's own table and leaves its secrets as they were.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::super::{Files, Loaded, Options, Plan, Problem, compile_bytes};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::verify::Proof;
use crate::verify::verifier::Draft;

/// Two secrets in files, one as long as the other: a slip in one name is not to find the other.
static SECRETS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    for name in ["carrier", "changed"] {
        let held = format!("{name}-0123456789abcdef0123456789abcdef");
        std::fs::write(folder.path().join(name), held).unwrap();
    }
    folder
});

/// What stands in the files for people, with a list of secrets of both kinds in it.
fn text_of(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(path).unwrap();
    let file = |name: &str| format!("file:{}", SECRETS.path().join(name).display());
    let list = format!("\"env:STRIPE_WEBHOOK_SECRET\", \"{}\"", file("changed"));
    text.replace("file:/run/secrets/carrier", &file("carrier"))
        .replace("env:CARRIER_SECRET", &file("carrier"))
        .replace("env:ROTATED_OLD", &file("changed"))
        .replacen("\"env:STRIPE_WEBHOOK_SECRET\"", &list, 1)
}

fn options() -> Options {
    let known = [
        "STRIPE_WEBHOOK_SECRET",
        "OWN_NEW",
        "TOKENS_SHARED",
        "PARTNER_KEY",
        "VERIFY_TOKEN",
    ];
    Options {
        env: Arc::new(move |name| {
            let held = known.contains(&name);
            held.then(|| format!("{name}-0123456789abcdef0123456789abcdef"))
        }),
        ..Options::new("default")
    }
}

fn judge(bytes: Vec<u8>) -> Loaded {
    compile_bytes(bytes, "routes.toml", Files::default(), &options(), None)
}

/// One slip: what becomes of the byte at a place.
#[derive(Clone, Copy, Debug)]
enum Slip {
    Change(u8),
    Insert(u8),
    Delete,
    Cut,
}

fn slips() -> impl Strategy<Value = Slip> {
    let byte = || {
        prop_oneof![
            prop::sample::select(b"\"'#\n[]{}=,. :\\_a0".to_vec()),
            any::<u8>()
        ]
    };
    prop_oneof![
        byte().prop_map(Slip::Change),
        byte().prop_map(Slip::Insert),
        Just(Slip::Delete),
        Just(Slip::Cut),
    ]
}

fn slipped(text: &str, at: usize, slip: Slip) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    match slip {
        Slip::Change(byte) => bytes[at] = byte,
        Slip::Insert(byte) => bytes.insert(at, byte),
        Slip::Delete => drop(bytes.remove(at)),
        Slip::Cut => bytes.truncate(at),
    }
    bytes
}

/// What a source's table says of whom it believes.
fn trust(table: &toml::Table, name: &str) -> [Option<toml::Value>; 3] {
    let source = &table["sources"][name];
    ["provider", "secrets", "issuer"].map(|key| source.get(key).cloned().map(plain))
}

/// A path with a stroke too many is the same file.
fn plain(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::String(text) if text.starts_with("file:") => text.replace("//", "/").into(),
        toml::Value::Array(list) => list.into_iter().map(plain).collect::<Vec<_>>().into(),
        other => other,
    }
}

/// How a source would sign, or whose tokens it takes.
fn proof(plan: &Plan, name: &str) -> String {
    match &plan.sources[name].proof {
        Proof::Signature(scheme) => format!("{:?}", scheme.sign(b"{}", "", Timestamp::default())),
        Proof::Token { issuers, keys } => {
            let names: Vec<_> = issuers.iter().map(|issuer| &issuer.name).collect();
            format!("{names:?} {}", keys.is_some())
        }
        Proof::Scheme(scheme) => {
            let draft = Draft {
                body: b"{}",
                id: "",
                now: Timestamp::default(),
            };
            format!("{:?}", scheme.sign(draft))
        }
        Proof::None => "none".to_owned(),
    }
}

/// Every secret of a source with its name in the file, in order.
fn held(loaded: &Loaded, name: &str) -> Vec<(String, Secret)> {
    let own = loaded.secrets.iter().filter(|it| it.source == name);
    own.map(|it| (it.reference.clone(), it.secret.clone()))
        .collect()
}

/// From a source's heading to the next one.
fn own_lines(text: &str, name: &str) -> Range<usize> {
    let start = text.find(&format!("[sources.{name}]")).unwrap();
    let rest = text.get(start..).unwrap();
    start..start + rest.find("\n[").map_or(rest.len(), |end| end + 1)
}

fn no_source_changes_in_silence(text: &str, at: usize, slip: Slip) -> Result<(), TestCaseError> {
    let bytes = slipped(text, at, slip);
    let loaded = judge(bytes.clone());
    let refused = loaded.problems.iter().any(Problem::is_error);
    prop_assert_eq!(loaded.plan.is_none(), refused);
    for problem in &loaded.problems {
        prop_assert!(problem.to_string().contains(&problem.message));
    }
    let Some(plan) = &loaded.plan else {
        return Ok(());
    };
    let known = judge(text.as_bytes().to_vec());
    let before = known.plan.as_ref().expect("a good file");
    let (old, new): (toml::Table, toml::Table) = (
        text.parse().unwrap(),
        String::from_utf8(bytes).unwrap().parse().unwrap(),
    );
    let written = new.get("sources").and_then(toml::Value::as_table);
    prop_assert_eq!(plan.sources.len(), written.map_or(0, toml::Table::len));
    for name in plan
        .sources
        .keys()
        .filter(|it| before.sources.contains_key(*it))
    {
        prop_assert_eq!(trust(&old, name), trust(&new, name), "{}", name);
        if !own_lines(text, name).contains(&at) && !matches!(slip, Slip::Cut) {
            prop_assert_eq!(proof(before, name), proof(plan, name), "{}", name);
            prop_assert!(held(&known, name) == held(&loaded, name), "{}", name);
        }
    }
    Ok(())
}

/// Literal secrets, as people write them into a file by mistake.
const LITERALS: &str = r#"
[sources.shop]
provider = "stripe"
secrets  = ["hushhushhushhush"]

[sources.other]
provider  = "hmac"
secrets   = [
  "env:STRIPE_WEBHOOK_SECRET",
  "hushhushhushhush",
]
signature = { header = "X-Sig", algorithm = "sha256", encoding = "hex", secret = "hushhushhushhush" }

[issuers.corp]
issuer   = "https://idp.example.com/"
audience = "signalpost"
secrets  = 'hushhushhushhush'
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_slip_in_the_example_changes_no_source_in_silence(at in any::<prop::sample::Index>(), slip in slips()) {
        let text = text_of("routes.toml");
        no_source_changes_in_silence(&text, at.index(text.len()), slip)?;
    }

    #[test]
    fn a_slip_in_a_file_with_everything_changes_no_source_in_silence(
        at in any::<prop::sample::Index>(),
        slip in slips(),
    ) {
        let text = text_of("tests/fixtures/every-key.toml");
        no_source_changes_in_silence(&text, at.index(text.len()), slip)?;
    }

    #[test]
    fn a_slip_near_a_literal_secret_does_not_show_it(at in any::<prop::sample::Index>(), slip in slips()) {
        let loaded = judge(slipped(LITERALS, at.index(LITERALS.len()), slip));
        let json = serde_json::to_string(&loaded.problems).unwrap();
        let texts: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
        for shown in [json, texts.concat(), format!("{:?}", loaded.problems)] {
            prop_assert!(!shown.contains("hushhush"), "{}", shown);
        }
    }
}

/// Lists and files are held against what they were, not only against themselves.
#[test]
fn all_secrets_of_a_file_are_watched() {
    for path in ["routes.toml", "tests/fixtures/every-key.toml"] {
        let loaded = judge(text_of(path).into_bytes());
        let plan = loaded.plan.as_ref().expect("a good file");
        let lists = plan.sources.keys().map(|name| held(&loaded, name));
        let lists: Vec<_> = lists.collect();
        assert!(lists.iter().any(|list| list.len() > 1), "{path}: a list");
        let mut all = lists.iter().flatten();
        assert!(
            all.any(|(name, _)| name.starts_with("file:")),
            "{path}: a file"
        );
    }
}

/// Every byte of the lines that say who is believed, and the slips that people make.
#[test]
fn no_slip_in_a_table_of_sources_changes_another_secret() {
    let text = text_of("routes.toml");
    let end = text.find("# ── Issuers").unwrap();
    for start in ["[sources", "provider", "secrets"] {
        for (line, _) in text.match_indices(start).filter(|(at, _)| *at < end) {
            let length = text.get(line..).unwrap().find('\n').unwrap();
            for at in line..=line + length.min(80) {
                for slip in [Slip::Change(b'#'), Slip::Delete] {
                    no_source_changes_in_silence(&text, at, slip).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_secrets_line_that_becomes_a_comment_is_an_error() {
    for path in ["routes.toml", "tests/fixtures/every-key.toml"] {
        let text = text_of(path);
        for (at, _) in text.match_indices("\nsecrets") {
            let loaded = judge(slipped(&text, at + 1, Slip::Insert(b'#')));
            assert!(loaded.plan.is_none(), "{path} at {at}");
        }
    }
}

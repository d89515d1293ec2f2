//! Every provider against requests kept as files.
//!
//! `tests/fixtures/providers/<name>/<case>.http` holds a request as it comes over the wire, behind
//! comment lines that say under which clock and secrets it is judged, and how. The body is exactly
//! what follows the empty line.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read fails its test"
)]

mod published;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use signalpost::clock::Timestamp;
use signalpost::event::Event;
use signalpost::expr::{Expr, Scope};
use signalpost::secret::Secret;
use signalpost::verify::providers::{self, Preset};
use signalpost::verify::scheme::Scheme;
use signalpost::verify::{BodyRule, Class, Proof, Refusal, Source, WebhookRequest, authenticate};

/// Cases that every preset must have.
const REQUIRED: [&str; 6] = [
    "valid",
    "tampered",
    "wrong-secret",
    "rotated-secret",
    "missing-header",
    "duplicate-header",
];
/// And those of a preset with a signed time.
const REQUIRED_WITH_TIME: [&str; 2] = ["stale", "future"];
const WEEK: Duration = Duration::from_hours(7 * 24);

#[test]
fn every_preset_has_its_fixtures() {
    let mut missing = Vec::new();
    for preset in providers::ALL {
        let timed: &[&str] = match preset.timestamp {
            Some(_) => &REQUIRED_WITH_TIME,
            None => &[],
        };
        for case in REQUIRED.iter().chain(timed) {
            let path = folder(preset).join(case).with_extension("http");
            if !path.is_file() {
                missing.push(path);
            }
        }
    }
    assert!(missing.is_empty(), "missing fixtures: {missing:?}");
}

#[test]
fn every_fixture_is_judged_as_it_says() {
    for preset in providers::ALL {
        for fixture in fixtures(preset) {
            let judged = fixture.judge(&source(preset, &fixture.secrets));
            let verdict = match &judged {
                Ok(_) => "accepted",
                Err(refusal) => refusal.reason(),
            };
            assert_eq!(verdict, fixture.expect, "{}", fixture.path.display());
            if let (Ok(event), Some(matched)) = (judged, fixture.matched) {
                assert_eq!(event.secret, Some(matched), "{}", fixture.path.display());
            }
        }
    }
}

#[test]
fn keys_and_types_are_found_where_the_preset_says() {
    for preset in providers::ALL {
        let compile = |text: Option<&str>| {
            text.map(|text| Expr::compile(text, Scope::SOURCE).expect("a preset's own CEL"))
        };
        for fixture in fixtures(preset) {
            let source = Source {
                key: compile(preset.key),
                kind: compile(preset.kind),
                ..source(preset, &fixture.secrets)
            };
            let Ok(event) = fixture.judge(&source) else {
                continue;
            };
            let shown = fixture.path.display();
            match fixture.key.as_deref() {
                Some("sha256") => {
                    assert!(event.key.digest, "{shown}");
                    assert_eq!(event.key.text.len(), 64, "{shown}");
                }
                Some(key) => {
                    assert!(!event.key.digest, "{shown}");
                    assert_eq!(event.key.text, key, "{shown}");
                }
                None => {}
            }
            if let Some(kind) = &fixture.kind {
                assert_eq!(&event.kind, kind, "{shown}");
            }
        }
    }
}

#[test]
fn what_is_signed_like_the_provider_is_accepted() {
    let now = Timestamp::from_seconds(1_785_585_600);
    let body = Bytes::from_static(br#"{"id":"evt_1","type":"ping"}"#);
    for preset in providers::ALL {
        let secret = Secret::new(b"c2VjcmV0LW9mLXNpeHRlZW4=".to_vec());
        let source = source(preset, &[secret]);
        let Proof::Signature(scheme) = &source.proof else {
            panic!("{}: a preset without a signature", preset.name);
        };
        let mut headers = HeaderMap::new();
        for (name, value) in scheme.sign(&body, "msg_1", now) {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let judged = authenticate(&source, &request(headers, body.clone()), now);
        assert_eq!(judged.map(|event| event.body), Ok(body.clone()));
    }
}

#[test]
fn no_changed_byte_is_accepted() {
    for preset in providers::ALL {
        let folder = folder(preset);
        let fixture = Fixture::read(&folder.join("valid.http"));
        let source = source(preset, &fixture.secrets);
        let header: HeaderName = preset.signature.header.parse().unwrap();
        let signature = fixture.headers[&header].to_str().unwrap().to_owned();
        for at in 0..fixture.body.len() {
            let mut body = fixture.body.to_vec();
            body[at] ^= 1;
            let judged = authenticate(
                &source,
                &request(fixture.headers.clone(), body.into()),
                fixture.now,
            );
            assert_eq!(judged.unwrap_err(), Refusal::BadSignature, "byte {at}");
        }
        // Cut anywhere before the end of the one signature that counts, it is refused and no panic.
        let end = signature.find(",v0=").unwrap_or(signature.len());
        for at in 0..end {
            let mut headers = fixture.headers.clone();
            headers.insert(&header, signature.get(..at).unwrap().parse().unwrap());
            let judged = authenticate(
                &source,
                &request(headers, fixture.body.clone()),
                fixture.now,
            );
            assert_eq!(judged.unwrap_err().class(), Class::Unauthorized, "{at}");
        }
    }
}

/// One `.http` file.
struct Fixture {
    path: PathBuf,
    expect: String,
    now: Timestamp,
    secrets: Vec<Secret>,
    matched: Option<usize>,
    key: Option<String>,
    kind: Option<String>,
    headers: HeaderMap,
    body: Bytes,
}

impl Fixture {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let notes: Vec<(&str, &str)> = head
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
            .collect();
        let note = |name: &str| notes.iter().find(|note| note.0 == name).map(|note| note.1);
        let mut headers = HeaderMap::new();
        let request_line = |line: &&str| line.starts_with('#') || line.starts_with("POST ");
        for line in head.lines().skip_while(request_line) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        Self {
            path: path.to_owned(),
            expect: note("expect").unwrap().to_owned(),
            now: Timestamp::parse_rfc3339(note("now").unwrap()).unwrap(),
            secrets: notes
                .iter()
                .filter(|note| note.0 == "secret")
                .map(|note| secret(note.1))
                .collect(),
            matched: note("matched").map(|text| text.parse().unwrap()),
            key: note("key").map(str::to_owned),
            kind: note("kind").map(str::to_owned),
            headers,
            body: Bytes::copy_from_slice(&bytes[end + 2..]),
        }
    }

    fn judge(&self, source: &Source) -> Result<Event, Refusal> {
        let request = request(self.headers.clone(), self.body.clone());
        authenticate(source, &request, self.now)
    }
}

fn fixtures(preset: &Preset) -> Vec<Fixture> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(preset))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Fixture::read(path)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/providers")
}

fn folder(preset: &Preset) -> PathBuf {
    root().join(preset.name)
}

fn request(headers: HeaderMap, body: Bytes) -> WebhookRequest {
    WebhookRequest::new(headers, String::new(), "192.0.2.1".to_owned(), body)
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// A source of this preset that reads neither key nor type.
fn source(preset: &Preset, secrets: &[Secret]) -> Source {
    let scheme = Scheme::compile(&preset.signature, preset.timestamp.as_ref(), secrets).unwrap();
    Source {
        body: preset.body,
        dedup: preset.dedup.unwrap_or(WEEK),
        ..bare(preset.name, Proof::Signature(scheme))
    }
}

fn bare(name: &str, proof: Proof) -> Source {
    Source {
        name: Arc::from(name),
        proof,
        body: BodyRule::ByMediaType,
        key: None,
        kind: None,
        time: None,
        dedup: WEEK,
        refuse_unrouted: false,
        rate: None,
        allow_ips: None,
        max_body: None,
        silence: None,
    }
}

//! Every provider against requests kept as files (`fixture`), through the routing file's own loader.
//!
//! `tests/fixtures/providers/<name>/<case>.http`: one folder for each preset.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read fails its test"
)]

mod fixture;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};

use signalpost::clock::Timestamp;
use signalpost::event::Event;
use signalpost::verify::diagnosis::{Known, diagnose};
use signalpost::verify::providers::{self, Preset, SchemeSpec};
use signalpost::verify::verifier::Draft;
use signalpost::verify::{self, Arrived, Class, Proof, Refusal, Source, WebhookRequest};

use fixture::Fixture;

/// The cases that a preset must have.
fn required(preset: &Preset) -> Vec<&'static str> {
    let mut cases = vec!["valid", "wrong-secret", "rotated-secret", "missing-header"];
    if preset.binds_body {
        cases.push("tampered");
    }
    if preset.signs_time() {
        cases.extend(["stale", "future"]);
    }
    cases
}

#[test]
fn every_preset_has_its_fixtures() {
    let mut missing = Vec::new();
    for preset in providers::ALL {
        for case in required(preset) {
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
            let shown = fixture.path.display();
            let source = fixture.source(preset);
            if !fixture.items.is_empty() {
                assert_eq!(fixture.apart(&source), fixture.items, "{shown}");
                continue;
            }
            let judged = fixture.judge(&source);
            let verdict = match &judged {
                Ok(_) => "accepted",
                Err(refusal) => refusal.reason(),
            };
            assert_eq!(
                verdict,
                fixture.expect,
                "{shown}: {:?}",
                judged.as_ref().err()
            );
            let Ok(event) = judged else { continue };
            if let Some(matched) = fixture.matched {
                assert_eq!(event.secret, Some(matched), "{shown}");
            }
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

/// Whatever the scheme: which way it is out, and for an old one the time at which it is good.
#[test]
fn every_time_beyond_its_limit_is_named() {
    for preset in providers::ALL {
        let late = |it: &Fixture| matches!(it.expect.as_str(), "stale" | "future");
        for mut fixture in fixtures(preset).into_iter().filter(late) {
            let shown = fixture.path.display().to_string();
            let source = fixture.source(preset);
            let refusal = fixture.judge(&source).unwrap_err();
            let (headers, body) = (fixture.headers.clone(), fixture.body.clone());
            let request = request(&fixture.method, &fixture.target, headers, body);
            let known = Known {
                sources: &[],
                secrets: &[],
                called: "",
            };
            let advice = diagnose(&source, &request, &refusal, known, fixture.now);
            let advice = advice.first().unwrap_or_else(|| panic!("{shown}: silent"));
            match (fixture.expect.as_str(), advice.cause) {
                ("stale", "timestamp_old") => {
                    let (_, at) = advice.text.split_once("--at ").unwrap();
                    fixture.now = Timestamp::parse_rfc3339(at).unwrap();
                    let judged = fixture.judge(&source);
                    assert!(judged.is_ok(), "{shown}: {judged:?}: {}", advice.text);
                }
                ("future", "timestamp_future") | (_, "timestamp_unit") => {}
                other => panic!("{shown}: {other:?}"),
            }
        }
    }
}

#[test]
fn two_events_of_one_body_are_two_and_a_repeat_is_none() {
    let key = |name: &str, case: &str| {
        let preset = providers::find(name).unwrap();
        let fixture = Fixture::read(&folder(preset).join(case).with_extension("http"));
        let event = fixture.judge(&fixture.source(preset)).unwrap();
        (event.key.text, fixture.body)
    };
    for name in ["plaid", "shipengine"] {
        let (first, body) = key(name, "one-body-first");
        let (second, same_body) = key(name, "one-body-second");
        assert_eq!(body, same_body, "{name}");
        assert_ne!(first, second, "{name}");
    }
    // ECDSA: for each signature that holds there is another one.
    let (first, _) = key("plaid", "one-body-first");
    let (otherwise, _) = key("plaid", "one-body-first-signed-otherwise");
    assert_eq!(first, otherwise);
}

#[test]
fn every_format_of_an_auth0_stream_is_taken_apart() {
    let preset = providers::find("auth0").unwrap();
    let cases = [
        ("json-array", 2),
        ("json-lines", 2),
        ("json-lines-of-another-media-type", 2),
        ("json-lines-one-of-them", 1),
        ("json-object", 1),
    ];
    for (case, expected) in cases {
        let fixture = Fixture::read(&folder(preset).join(case).with_extension("http"));
        let (headers, body) = (fixture.headers.clone(), fixture.body.clone());
        let request = request(&fixture.method, &fixture.target, headers, body);
        let source = fixture.source_of_items(preset);
        let arrived = verify::receive(&source, &request, fixture.now);
        let Ok(Arrived::Several(events)) = arrived else {
            panic!("{case}: {arrived:?}");
        };
        let ids =
            [8, 9].map(|end| format!("9002026080111595900000000000000122337203685477580{end}"));
        let keys: Vec<&str> = events.iter().map(|event| &*event.key.text).collect();
        assert_eq!(keys, ids[..expected], "{case}");
        for event in &events {
            let again = source.reread(event).unwrap();
            assert_eq!(
                (&again.key.text, &again.kind),
                (&event.key.text, &event.kind)
            );
        }
    }
}

#[test]
fn what_is_signed_like_the_provider_is_accepted() {
    for preset in providers::ALL {
        let fixture = Fixture::read(&folder(preset).join("valid.http"));
        let source = fixture.source(preset);
        match signed_like_the_provider(&fixture, &source, &fixture.body, fixture.now) {
            Some(judged) => assert!(judged.is_ok(), "{}: {judged:?}", preset.name),
            None => assert!(
                !matches!(source.proof, Proof::Signature(_)),
                "{}",
                preset.name
            ),
        }
    }
}

/// A key with the signed time in it would make a second event of it.
#[test]
fn an_attempt_that_is_signed_anew_is_the_same_event() {
    let mut seen = 0;
    // Their signed time stands in the body.
    let timed = |it: &&Preset| it.signs_time() && !["linear", "mailgun"].contains(&it.name);
    for preset in providers::ALL.into_iter().filter(timed) {
        let fixture = Fixture::read(&folder(preset).join("valid.http"));
        let source = fixture.source(preset);
        let key = |seconds| {
            let now = fixture.now.plus(Duration::from_secs(seconds));
            let judged = signed_like_the_provider(&fixture, &source, &fixture.body, now)?;
            Some(judged.ok()?.key.text)
        };
        seen += usize::from(key(0).is_some());
        assert_eq!(key(0), key(1), "{}", preset.name);
    }
    assert!(seen >= 15, "{seen} could be signed");
}

/// None: the provider alone can sign.
fn signed_like_the_provider(
    fixture: &Fixture,
    source: &Source,
    body: &[u8],
    now: Timestamp,
) -> Option<Result<Event, Refusal>> {
    let signed = verify::sign(
        source,
        Draft {
            body,
            id: "msg_1",
            now,
        },
    )?;
    let mut headers = fixture.headers.clone();
    for (name, _) in &signed.headers {
        headers.remove(name);
    }
    for (name, value) in signed.headers {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let body = signed.body.unwrap_or_else(|| body.to_vec()).into();
    let target = match signed.query {
        Some(query) => format!("{}?{query}", fixture.target.path())
            .parse()
            .unwrap(),
        None => fixture.target.clone(),
    };
    let request = request(&fixture.method, &target, headers, body);
    Some(verify::authenticate(source, &request, now))
}

#[test]
fn no_changed_byte_is_accepted() {
    for preset in providers::ALL
        .into_iter()
        .filter(|preset| preset.binds_body)
    {
        let fixture = Fixture::read(&folder(preset).join("valid.http"));
        let source = fixture.source(preset);
        for at in 0..fixture.body.len() {
            let mut body = fixture.body.to_vec();
            body[at] ^= 1;
            let judged = fixture.judge_as(&source, fixture.headers.clone(), body.into());
            assert!(judged.is_err(), "{}: byte {at}", preset.name);
        }
    }
}

#[test]
fn no_shortened_signature_is_accepted() {
    for preset in providers::ALL {
        let SchemeSpec::Signature { signature, .. } = preset.scheme else {
            continue;
        };
        let fixture = Fixture::read(&folder(preset).join("valid.http"));
        let source = fixture.source(preset);
        let header: HeaderName = signature.header.parse().unwrap();
        let written = fixture.headers[&header].to_str().unwrap().to_owned();
        // Cut anywhere before the end of the one signature that counts, it is refused and no panic.
        let end = written.find(",v0=").unwrap_or(written.len());
        for at in 0..end {
            let mut headers = fixture.headers.clone();
            headers.insert(&header, written.get(..at).unwrap().parse().unwrap());
            let judged = fixture.judge_as(&source, headers, fixture.body.clone());
            assert_eq!(
                judged.unwrap_err().class(),
                Class::Unauthorized,
                "{}: {at}",
                preset.name
            );
        }
        let mut doubled = fixture.headers.clone();
        doubled.append(&header, written.parse().unwrap());
        let judged = fixture.judge_as(&source, doubled, fixture.body.clone());
        let several = signature.copies == verify::spec::Copies::Several;
        match judged {
            Ok(_) => assert!(several, "{}", preset.name),
            Err(Refusal::DuplicateHeader(_)) => assert!(!several, "{}", preset.name),
            Err(other) => panic!("{}: {other}", preset.name),
        }
    }
}

/// A captured request, sent again with something else in it that no signature covers: refused, or the very same event.
#[test]
fn what_is_not_signed_makes_no_second_event_of_a_captured_request() {
    const MEDIA: [&str; 5] = [
        "",
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "text/xml",
    ];
    let mut second = Vec::new();
    for preset in providers::ALL.into_iter().filter(|it| it.binds_body) {
        for fixture in fixtures(preset) {
            let source = fixture.source(preset);
            let Ok(event) = fixture.judge(&source) else {
                continue;
            };
            let sent = &fixture.headers;
            let typed = MEDIA.into_iter().map(|media| {
                let mut headers = sent.clone();
                headers.remove("content-type");
                if !media.is_empty() {
                    headers.insert("content-type", media.parse().unwrap());
                }
                (headers, format!("content-type: {media}"))
            });
            let changed = sent.keys().flat_map(|name| {
                let [mut without, mut other, mut twice] = [(); 3].map(|()| sent.clone());
                without.remove(name);
                other.insert(name, "0".parse().unwrap());
                twice.append(name, sent[name].clone());
                [without, other, twice].map(|headers| (headers, name.to_string()))
            });
            for (headers, how) in typed.chain(changed) {
                let again = fixture.judge_as(&source, headers, fixture.body.clone());
                if again.is_ok_and(|again| again.key.text != event.key.text) {
                    second.push(format!("{}: {how}", fixture.path.display()));
                }
            }
        }
    }
    assert!(second.is_empty(), "{}", second.join("\n"));
}

fn fixtures(preset: &Preset) -> Vec<Fixture> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(preset))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "http"))
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

fn request(method: &Method, target: &Uri, headers: HeaderMap, body: Bytes) -> WebhookRequest {
    WebhookRequest::new(
        method.clone(),
        target,
        headers,
        "192.0.2.1".to_owned(),
        body,
    )
}

//! Every scheme that is code and can be signed here: a secret in a wrong form and a time beyond the limit are named, and nothing
//! secret with them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, Method, Uri};
use proptest::prelude::*;

use super::plant::{self, NOW};
use super::*;
use crate::verify::given::{Build, Given, Recipe};
use crate::verify::providers::{ALL, Preset, SchemeSpec};
use crate::verify::verifier::{Draft, Signed};
use crate::verify::{Proof, Source, WebhookRequest, authenticate};

/// A secret of every scheme: as text, as hex and as base64.
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER_KEY: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const STAND_IN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn given(preset: &Preset, secret: &[u8]) -> Given {
    let secret = Secret::new(secret.to_vec());
    let mut given = Given {
        secrets: vec![secret.clone()],
        url: Some("https://h.example/hooks/shop".to_owned()),
        client_key: Some("client".to_owned()),
        public_key_id: Some("public".to_owned()),
        algorithm: Some("hmac-sha256".to_owned()),
        ..Given::default()
    };
    if preset.name == "http-signatures" {
        given.secrets.clear();
        given.keys = vec![("k1".to_owned(), secret)];
    }
    given
}

fn constructor(preset: &Preset) -> Option<Build> {
    match preset.scheme {
        SchemeSpec::Code { build, .. } => Some(build),
        SchemeSpec::Signature { .. } => None,
    }
}

/// Signs what the provider sends, where only a shared secret is needed for it.
fn sign(preset: &Preset, secret: &[u8], now: Timestamp) -> Option<Signed> {
    let body: &[u8] = match preset.name {
        "adyen" => br#"{"notificationItems":[{"NotificationRequestItem":{"pspReference":"1","success":"true"}}]}"#,
        name if name.starts_with("twilio") => b"id=1&b=x+y",
        _ => br#"{"id":"e/1"}"#,
    };
    let draft = Draft {
        body,
        id: "msg_1",
        now,
    };
    let scheme = constructor(preset)?(&given(preset, secret)).ok()?;
    let signed = scheme.sign(draft)?;
    Some(Signed {
        body: Some(signed.body.unwrap_or_else(|| body.to_vec())),
        ..signed
    })
}

/// The gateway's own, with a stand-in where its secret is none that the scheme takes.
fn gateway(preset: &Preset, secret: &[u8]) -> Source {
    let build = constructor(preset).unwrap();
    let scheme = [secret, STAND_IN.as_bytes()]
        .into_iter()
        .find_map(|secret| build(&given(preset, secret)).ok());
    Source {
        name: "shop".into(),
        proof: Proof::Scheme(scheme.unwrap()),
        recipe: Some(Recipe::new(&given(preset, secret), build)),
        ..plant::source_of_other()
    }
}

fn request(signed: &Signed) -> WebhookRequest {
    let mut headers = HeaderMap::new();
    for (name, value) in &signed.headers {
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let query = signed.query.as_deref().unwrap_or_default();
    let target: Uri = format!("/hooks/shop?{query}").parse().unwrap();
    let body = Bytes::from(signed.body.clone().unwrap_or_default());
    WebhookRequest::new(Method::POST, &target, headers, String::new(), body)
}

/// None where the request is good.
fn diagnosed(preset: &Preset, secret: &[u8], signed: &Signed) -> Option<(Refusal, Vec<Advice>)> {
    let source = gateway(preset, secret);
    let candidate = |name: &str, reference: &str, secret: &[u8]| Candidate {
        source: name.to_owned(),
        reference: reference.to_owned(),
        secret: Secret::new(secret.to_vec()),
    };
    let mut secrets = vec![candidate("other", "env:OTHER", OTHER_KEY.as_bytes())];
    if preset.name != "http-signatures" {
        secrets.push(candidate("shop", "env:SHOP", secret));
    }
    let known = Known {
        sources: &[&source],
        secrets: &secrets,
        called: "",
    };
    let request = request(signed);
    let refusal = authenticate(&source, &request, NOW).err()?;
    let advice = diagnose(&source, &request, &refusal, known, NOW);
    assert_eq!(
        authenticate(&source, &request, NOW).unwrap_err(),
        refusal,
        "looking for a reason changes no verdict"
    );
    // What would have been good is as secret as what it is made with.
    let good = sign(preset, secret, NOW).unwrap_or_default();
    let private = [KEY, OTHER_KEY, STAND_IN].into_iter();
    let private = private.chain(std::str::from_utf8(secret).ok());
    let values = signed.headers.iter().chain(&good.headers);
    let values = values.map(|(_, value)| value.as_str());
    for secret in private
        .chain(values)
        .map(str::trim)
        .filter(|it| it.len() > 16)
    {
        for advice in &advice {
            let shown = advice.text.contains(secret) && !secret.contains('/');
            assert!(!shown, "{}: {}", preset.name, advice.text);
        }
    }
    Some((refusal, advice))
}

/// Those that can be signed with a shared secret alone.
fn signers() -> impl Iterator<Item = &'static Preset> {
    ALL.iter().copied().filter(|preset| {
        let signed = sign(preset, KEY.as_bytes(), NOW);
        signed.is_some_and(|signed| diagnosed(preset, KEY.as_bytes(), &signed).is_none())
    })
}

fn expect(preset: &Preset, secret: &[u8], signed: &Signed, cause: &str) -> String {
    let (refusal, advice) = diagnosed(preset, secret, signed).unwrap();
    let first = advice.first();
    let first = first.unwrap_or_else(|| panic!("{}: {refusal:?}: no advice", preset.name));
    assert_eq!(first.cause, cause, "{}: {refusal:?} {first:?}", preset.name);
    first.text.clone()
}

#[test]
fn a_secret_in_a_wrong_form_is_named() {
    let mut names = Vec::new();
    for preset in signers() {
        names.push(preset.name);
        let signed = sign(preset, KEY.as_bytes(), NOW).unwrap();
        for (cause, mistaken) in [
            ("secret_newline", format!("{KEY}\n")),
            ("secret_spaces", format!("  {KEY}")),
            ("secret_quotes", format!("\"{KEY}\"")),
            ("secret_prefix", format!("whsec_{KEY}")),
        ] {
            // Where a scheme takes the prefix away itself, nothing is wrong.
            if diagnosed(preset, mistaken.as_bytes(), &signed).is_some() {
                let text = expect(preset, mistaken.as_bytes(), &signed, cause);
                let reference = if preset.name == "http-signatures" {
                    "the key `k1`"
                } else {
                    "env:SHOP"
                };
                assert!(text.contains(reference), "{}: {text}", preset.name);
            }
        }
        let lost = b"fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
        expect(preset, lost, &signed, "no_match");
        if preset.name != "http-signatures" {
            let other = sign(preset, OTHER_KEY.as_bytes(), NOW).unwrap();
            let cause = "secret_of_another_source";
            expect(preset, KEY.as_bytes(), &other, cause);
        }
    }
    for name in [
        "adyen",
        "atlassian-connect",
        "braintree",
        "contentful",
        "fusionauth",
        "gitlab",
        "http-signatures",
        "hubspot",
        "linear",
        "mailgun",
        "square",
        "standard-webhooks",
        "twilio",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
}

#[test]
fn a_key_that_is_decoded_on_one_side_alone_is_named() {
    let find = |name| ALL.iter().find(|preset| preset.name == name).unwrap();
    let (adyen, twilio) = (find("adyen"), find("twilio"));
    let bytes = hex::decode(KEY).unwrap();
    let base64 = STANDARD.encode(&bytes);
    for (preset, signer, secret, cause) in [
        (adyen, KEY, base64.as_bytes(), "secret_base64"),
        (adyen, &*hex::encode(KEY), KEY.as_bytes(), "secret_text"),
    ] {
        let signed = sign(preset, signer.as_bytes(), NOW).unwrap();
        expect(preset, secret, &signed, cause);
    }
    let signed = sign(twilio, &bytes, NOW).unwrap();
    expect(twilio, KEY.as_bytes(), &signed, "secret_hex");
    expect(twilio, base64.as_bytes(), &signed, "secret_base64");
}

#[test]
fn a_time_beyond_the_limit_is_named_with_both() {
    let mut names = Vec::new();
    for preset in signers().filter(|preset| preset.signs_time()) {
        names.push(preset.name);
        let limit = match preset.name {
            "linear" => "1m is allowed",
            // The vendor states none.
            "mailgun" => "7d is allowed",
            _ => "5m is allowed",
        };
        let old = sign(preset, KEY.as_bytes(), NOW.minus(Duration::from_hours(240))).unwrap();
        let text = expect(preset, KEY.as_bytes(), &old, "timestamp_old");
        assert!(text.contains("10d before"), "{}: {text}", preset.name);
        assert!(text.contains(limit), "{}: {text}", preset.name);
        let early = sign(preset, KEY.as_bytes(), NOW.plus(Duration::from_mins(11))).unwrap();
        let text = expect(preset, KEY.as_bytes(), &early, "timestamp_future");
        assert!(text.contains("11m ahead"), "{}: {text}", preset.name);
    }
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "contentful",
            "http-signatures",
            "hubspot",
            "linear",
            "mailgun",
            "standard-webhooks"
        ]
    );
}

proptest! {
    /// However far away: the time is found to the second, and the limit is always the same.
    #[test]
    fn a_signed_time_is_found_wherever_it_is(seconds in 301_u64..3_000_000_000, ahead in any::<bool>()) {
        let preset = ALL.iter().find(|preset| preset.name == "hubspot").unwrap();
        let by = Duration::from_secs(seconds);
        // Not before 2001: the scheme wants its thirteen digits.
        let at = if ahead { NOW.plus(by) } else { NOW.minus(by.min(Duration::from_secs(785_000_000))) };
        let signed = sign(preset, KEY.as_bytes(), at).unwrap();
        let (_, advice) = diagnosed(preset, KEY.as_bytes(), &signed).unwrap();
        let text = &advice[0].text;
        prop_assert!(text.contains("and 5m is allowed"), "{}", text);
        prop_assert!(ahead || text.contains(&format!("--at {}", at.to_rfc3339())), "{}", text);
    }

    /// Nothing that a stranger sends makes an advice say what is secret, or panics.
    #[test]
    fn what_a_stranger_sends_is_diagnosed_without_a_secret(
        which in any::<prop::sample::Index>(),
        values in prop::collection::vec("[ -~]{0,40}", 4),
        body in prop::collection::vec(any::<u8>(), 0..40),
        mistaken in "[ -~]{20,40}",
    ) {
        let presets: Vec<_> = ALL.iter().copied().filter(|it| sign(it, KEY.as_bytes(), NOW).is_some()).collect();
        let preset = presets[which.index(presets.len())];
        let mut signed = sign(preset, KEY.as_bytes(), NOW).unwrap();
        for ((_, header), value) in signed.headers.iter_mut().zip(values) {
            *header = value;
        }
        signed.body = Some(body);
        diagnosed(preset, mistaken.as_bytes(), &signed);
    }
}

//! Providers that sign the address, a gateway that thinks it has another one, and what stands between them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::plant::{self, NOW};
use super::*;
use crate::verify::given::Given;
use crate::verify::providers::{ALL, Preset, SchemeSpec};
use crate::verify::verifier::{Draft, Verifier};
use crate::verify::{Proof, Source, WebhookRequest};

const KEY: &str = "a-secret-of-enough-bytes-for-all";
const HERE: &str = "https://h.example/hooks/shop";

/// What signs the address.
const SIGNERS: [&str; 7] = [
    "atlassian-connect",
    "contentful",
    "http-signatures",
    "hubspot",
    "square",
    "twilio",
    "twilio-sharedkey",
];

fn scheme(name: &str, url: &str) -> Option<Box<dyn Verifier>> {
    let preset = ALL.iter().find(|preset| preset.name == name).unwrap();
    let SchemeSpec::Code { build, .. } = preset.scheme else {
        return None;
    };
    let mut given = Given {
        secrets: vec![Secret::new(KEY.into())],
        url: Some(url.to_owned()),
        client_key: Some("client".to_owned()),
        algorithm: Some("hmac-sha256".to_owned()),
        ..Given::default()
    };
    if name == "http-signatures" {
        given.secrets.clear();
        given.keys = vec![("k1".to_owned(), Secret::new(KEY.into()))];
    }
    build(&given).ok()
}

/// One request between a provider and a gateway.
struct Way {
    /// As it is registered, which the provider signs.
    registered: String,
    /// What the gateway thinks.
    own: &'static str,
    target: &'static str,
    called: &'static str,
    headers: Vec<(&'static str, String)>,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            registered: HERE.to_owned(),
            own: HERE,
            target: "/hooks/shop",
            called: "/hooks/shop",
            headers: Vec::new(),
        }
    }
}

impl Way {
    fn diagnose(&self, name: &str) -> (Option<Refusal>, Vec<Advice>) {
        // A form for Twilio, which signs JSON by its hash in the query.
        let body = b"id=1&b=x+y";
        let draft = Draft {
            body,
            id: "msg_1",
            now: NOW,
        };
        let signer = scheme(name, HERE).unwrap();
        let signer = signer.moved(&self.registered, "").unwrap();
        let made = signer.sign(draft).unwrap();
        let more = self.headers.iter().map(|(name, value)| (*name, value));
        let own = made.headers.iter().map(|(name, it)| (name.as_str(), it));
        let mut headers = HeaderMap::new();
        for (name, value) in own.chain(more) {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let target: Uri = self.target.parse().unwrap();
        let body = Bytes::from_static(body);
        let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), body);
        let source = Source {
            proof: Proof::Scheme(scheme(name, self.own).unwrap()),
            ..plant::source_of_other()
        };
        let source = Source {
            name: "shop".into(),
            ..source
        };
        let known = Known {
            sources: &[&source],
            secrets: &[],
            called: self.called,
        };
        match authenticate(&source, &request, NOW) {
            Ok(_) => (None, Vec::new()),
            Err(refusal) => {
                let advice = diagnose(&source, &request, &refusal, known, NOW);
                for advice in &advice {
                    assert!(!advice.text.contains(KEY), "{}", advice.text);
                    assert!(!advice.text.contains("pass-word"), "{}", advice.text);
                }
                (Some(refusal), advice)
            }
        }
    }

    fn expect(&self, name: &str, cause: &str, part: &str) {
        let (refusal, advice) = self.diagnose(name);
        let first = advice.first();
        let first = first.unwrap_or_else(|| panic!("{name}: {refusal:?} without advice"));
        assert_eq!(first.cause, cause, "{name}: {refusal:?} {advice:?}");
        assert!(first.text.contains(part), "{name}: {part}: {advice:?}");
    }
}

/// Whoever adds one has its address tried too. Google's audience is an address by default, and is no signature's.
#[test]
fn all_that_sign_the_address_say_so() {
    let signs = |name: &str| scheme(name, HERE).is_some_and(|it| it.address().is_some());
    let mut found: Vec<_> = ALL
        .iter()
        .map(|it| it.name)
        .filter(|it| signs(it))
        .collect();
    found.sort_unstable();
    assert_eq!(found, SIGNERS);
    let asks = |it: &&&Preset| it.settings.contains(&"public_url") && it.name != "google-pubsub";
    let mut asked: Vec<_> = ALL.iter().filter(asks).map(|it| it.name).collect();
    asked.sort_unstable();
    assert_eq!(asked, SIGNERS);
    for name in SIGNERS {
        let (refusal, advice) = Way::default().diagnose(name);
        // The one signs its own content as JSON, and this is a form.
        let proven = matches!(refusal, None | Some(Refusal::Unparsable));
        assert!(proven, "{name}: {refusal:?} {advice:?}");
    }
}

/// Contentful and Atlassian sign the path alone, the others all of it.
#[test]
fn the_address_that_was_signed_is_named() {
    for name in SIGNERS {
        let way = Way {
            registered: "https://h.example/in/hooks/shop".to_owned(),
            headers: vec![("x-forwarded-prefix", "/in/".to_owned())],
            ..Way::default()
        };
        way.expect(name, "url_differs", "set `public_url = \"https://h.example/in/hooks/shop\"` in `[sources.shop]`, or, where the source has none of its own, SIGNALPOST_PUBLIC_URL=https://h.example/in for the process");
        let way = Way {
            registered: "https://h.example/hooks/shop/".to_owned(),
            ..Way::default()
        };
        // Atlassian's own rule takes the slash away.
        if name != "atlassian-connect" {
            way.expect(name, "url_differs", "https://h.example/hooks/shop/");
        }
    }
    let whole = SIGNERS.iter().filter(|name| {
        !matches!(
            **name,
            "contentful" | "atlassian-connect" | "http-signatures"
        )
    });
    for name in whole {
        for (registered, headers, called) in [
            ("http://h.example/hooks/shop", None, ""),
            (
                "https://h.example:8443/hooks/shop",
                Some(("x-forwarded-port", "8443")),
                "",
            ),
            (
                "https://a.example/hooks/shop",
                Some(("host", "a.example")),
                "",
            ),
            (
                "http://a.example/hooks/shop",
                Some(("x-forwarded-host", "a.example")),
                "",
            ),
            (
                "https://a.example/hooks/shop",
                Some(("forwarded", "for=1.2.3.4;host=\"a.example\"")),
                "",
            ),
            (
                "https://a.example/b/hooks/shop",
                None,
                "https://a.example/b/hooks/shop",
            ),
            ("https://h.example/shop", None, ""),
        ] {
            let way = Way {
                registered: registered.to_owned(),
                headers: headers
                    .iter()
                    .map(|(name, it)| (*name, (*it).to_owned()))
                    .collect(),
                called,
                ..Way::default()
            };
            way.expect(name, "url_differs", &format!("matches for {registered}, "));
        }
    }
}

/// What Twilio does of itself is no fault.
#[test]
fn a_port_of_its_own_is_named_where_it_counts() {
    let way = Way {
        registered: "https://h.example:443/hooks/shop".to_owned(),
        ..Way::default()
    };
    assert_eq!(way.diagnose("twilio").0, None);
    for name in ["square", "hubspot"] {
        way.expect(name, "url_differs", "https://h.example:443/hooks/shop");
    }
}

#[test]
fn a_query_that_was_changed_on_its_way_is_named() {
    for (registered, target, part) in [
        ("?a=x%20y", "/hooks/shop?a=x+y", "`%20` for `+`"),
        ("?a=%c3%a9", "/hooks/shop?a=%C3%A9", "encoded otherwise"),
        ("", "/hooks/shop?utm=1", "no query"),
        ("?", "/hooks/shop", "a bare `?`"),
    ] {
        for name in ["twilio", "hubspot"] {
            let way = Way {
                registered: format!("{HERE}{registered}"),
                target,
                ..Way::default()
            };
            way.expect(name, "url_query", part);
        }
    }
}

/// Square signs the text that was registered, and nothing of the request.
#[test]
fn a_query_that_is_registered_with_square_belongs_into_the_setting() {
    let way = Way {
        registered: format!("{HERE}?shop=1"),
        target: "/hooks/shop?shop=1",
        ..Way::default()
    };
    way.expect(
        "square",
        "url_differs",
        "with the query that the request came with",
    );
}

#[test]
fn a_password_in_the_address_is_named_and_not_shown() {
    let way = Way {
        registered: "https://ann:pass-word@h.example/hooks/shop".to_owned(),
        headers: vec![(
            "authorization",
            format!("Basic {}", STANDARD.encode("ann:pass-word")),
        )],
        ..Way::default()
    };
    way.expect("twilio", "url_differs", "https://…@h.example/hooks/shop");
}

#[test]
fn what_fits_nowhere_is_said_with_the_address_that_counts() {
    for name in SIGNERS {
        let way = Way {
            registered: "https://elsewhere.example/a/b/c".to_owned(),
            ..Way::default()
        };
        way.expect(
            name,
            "no_match",
            "the provider must be given https://h.example/hooks/shop to the letter",
        );
    }
}

/// A scheme that is code has its body looked at as any other.
#[test]
fn a_body_that_was_changed_is_named_for_schemes_that_are_code() {
    for name in ["square", "hubspot", "contentful"] {
        let draft = Draft {
            body: b"{\"a\":1}",
            id: "",
            now: NOW,
        };
        let signed = scheme(name, HERE).unwrap().sign(draft).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in signed.headers {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let scheme = scheme(name, HERE).unwrap();
        let source = Source {
            proof: Proof::Scheme(scheme),
            ..plant::source_of_other()
        };
        for (body, cause) in [
            (b"{\"a\":1}\n".to_vec(), "body_newline_added"),
            (super::gzip(b"{\"a\":1}"), "body_gzip"),
        ] {
            let target = Uri::from_static("/hooks/other");
            let request = WebhookRequest::new(
                Method::POST,
                &target,
                headers.clone(),
                String::new(),
                body.into(),
            );
            let refusal = authenticate(&source, &request, NOW).unwrap_err();
            let known = Known {
                sources: &[&source],
                secrets: &[],
                called: "",
            };
            let advice = diagnose(&source, &request, &refusal, known, NOW);
            assert_eq!(advice[0].cause, cause, "{name}: {refusal:?} {advice:?}");
        }
    }
}

//! Each provider's handshake as it comes, and as a stranger may bend it; those with a proof are in `signed`.

mod signed;

use std::path::Path;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::verify::WebhookRequest;

const SECRET: &[u8] = b"a secret of the carrier";

fn responder(handshake: Handshake) -> Responder {
    Responder {
        handshake,
        secrets: vec![
            Secret::new(SECRET.to_vec()),
            Secret::new(b"the one before".to_vec()),
        ],
        verify_token: Some(Secret::new(b"chosen".to_vec())),
        public_key_id: Some("integration_public_key".to_owned()),
        topics: vec!["arn:aws:sns:us-west-2:123456789012:MyTopic".to_owned()],
        rate: None,
        vacant: Some("/run/secrets/asana".into()),
    }
}

fn request(method: Method, query: &str, headers: &[(&str, &str)], body: &str) -> WebhookRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    let target = format!("/hooks/x?{query}").parse().unwrap();
    WebhookRequest::new(method, &target, map, String::new(), body.to_owned().into())
}

fn get(handshake: Handshake, query: &str) -> Result<Reply, Unanswered> {
    let request = request(Method::GET, query, &[], "");
    responder(handshake).unproven(&request).unwrap()
}

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

#[test]
fn meta_is_answered_only_with_its_token() {
    let ask =
        |token| format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
    let meta = |query: &str| get(Handshake::Meta, query);
    assert_eq!(meta(&ask("chosen")), Ok(text("1158201444")));
    assert_eq!(meta(&ask("chosen2")), Err(Unanswered::WrongToken));
    assert_eq!(meta(&ask("")), Err(Unanswered::WrongToken));
    assert_eq!(
        meta("hub.mode=subscribe&hub.verify_token=chosen"),
        Err(Unanswered::Malformed)
    );
    let twice = format!("{}&hub.verify_token=chosen", ask("wrong"));
    assert_eq!(meta(&twice), Err(Unanswered::Malformed));
    let without = Responder {
        verify_token: None,
        ..responder(Handshake::Meta)
    };
    let asked = request(Method::GET, &ask(""), &[], "");
    assert_eq!(without.unproven(&asked), Some(Err(Unanswered::WrongToken)));
}

#[test]
fn x_signs_a_token_and_nothing_that_could_be_an_event() {
    let token = "sha256=yf2hbnk8gWF2S63kAE/Ubya8duS8tyFrtKvTVIBXyFA=";
    assert_eq!(
        get(Handshake::X, "crc_token=YzM5ZGQ5ZmYtY2Y5Mg"),
        Ok(Reply::Json(json!({ "response_token": token })))
    );
    for bad in [
        "%7B%22a%22%3A1%7D",
        "%5B%5D",
        "123",
        "1e3",
        "true",
        "null",
        "",
        "a%20b",
        "a%0Ab",
    ] {
        let query = format!("crc_token={bad}");
        assert_eq!(
            get(Handshake::X, &query),
            Err(Unanswered::Malformed),
            "{bad}"
        );
    }
}

#[test]
fn braintree_is_answered_as_its_own_library_does() {
    // The published library's own test case.
    let braintree = Responder {
        secrets: vec![Secret::new(b"integration_private_key".to_vec())],
        ..responder(Handshake::Braintree)
    };
    let query = "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53";
    let asked = request(Method::GET, query, &[], "");
    assert_eq!(
        braintree.unproven(&asked),
        Some(Ok(text(
            "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4"
        )))
    );
    for bad in [
        "20f9",
        "20F9F8ED05F77439FE955C977E4C8A53",
        "20f9f8ed05f77439fe955c977e4c8a5%3D",
        "",
    ] {
        let query = format!("bt_challenge={bad}");
        assert_eq!(
            get(Handshake::Braintree, &query),
            Err(Unanswered::Malformed),
            "{bad}"
        );
    }
}

#[test]
fn echoes_are_decoded_and_bounded() {
    assert_eq!(
        get(Handshake::Dropbox, "challenge=a%3Cb%3E+c"),
        Ok(text("a<b> c"))
    );
    let long = format!("challenge={}", "a".repeat(MAX_CHALLENGE + 1));
    for bad in [
        "",
        "challenge=",
        "challenge=a&challenge=b",
        "challenge=a%0D%0Ab",
        &long,
    ] {
        assert_eq!(
            get(Handshake::Dropbox, bad),
            Err(Unanswered::Malformed),
            "{bad}"
        );
    }
    let graph = responder(Handshake::MicrosoftGraph);
    let asked = request(
        Method::POST,
        "validationToken=Validation%3A%20Testing",
        &[],
        "",
    );
    assert_eq!(
        graph.unproven(&asked),
        Some(Ok(text("Validation: Testing")))
    );
    assert_eq!(graph.unproven(&request(Method::POST, "", &[], "{}")), None);
    let okta = responder(Handshake::Okta);
    let header = [("X-Okta-Verification-Challenge", "v1")];
    assert_eq!(
        okta.unproven(&request(Method::GET, "", &header, "")),
        Some(Ok(Reply::Json(json!({ "verification": "v1" }))))
    );
    assert_eq!(
        okta.unproven(&request(Method::GET, "", &[], "")),
        Some(Err(Unanswered::Malformed))
    );
    assert_eq!(
        okta.unproven(&request(Method::POST, "", &header, "{}")),
        None
    );
}

#[test]
fn an_origin_is_allowed_with_a_rate() {
    let headers = [
        ("WebHook-Request-Origin", "eventemitter.example.com"),
        ("WebHook-Request-Rate", "120"),
    ];
    let asked = request(Method::OPTIONS, "", &headers, "");
    for handshake in [Handshake::CloudEvents, Handshake::EventGrid] {
        let allowed = |rate: &str| {
            Some(Ok(Reply::with(vec![
                ("allow", "POST".to_owned()),
                (
                    "webhook-allowed-origin",
                    "eventemitter.example.com".to_owned(),
                ),
                ("webhook-allowed-rate", rate.to_owned()),
            ])))
        };
        assert_eq!(responder(handshake).unproven(&asked), allowed("*"));
        let limited = Responder {
            rate: Rate::parse("5/s"),
            ..responder(handshake)
        };
        assert_eq!(limited.unproven(&asked), allowed("300"));
    }
    let bad = request(
        Method::OPTIONS,
        "",
        &[("WebHook-Request-Origin", "a b")],
        "",
    );
    let answer = responder(Handshake::CloudEvents).unproven(&bad);
    assert_eq!(answer, Some(Err(Unanswered::Malformed)));
}

#[test]
fn asana_hands_a_secret_over_once() {
    let asked = request(
        Method::POST,
        "",
        &[("X-Hook-Secret", "b537207f20cbfa02357cf448134da559")],
        "",
    );
    let adopted = responder(Handshake::Asana).unproven(&asked);
    let Some(Ok(Reply::Adopt { secret, file })) = adopted else {
        panic!("{adopted:?}");
    };
    assert_eq!(secret.expose(), b"b537207f20cbfa02357cf448134da559");
    assert_eq!(file, Path::new("/run/secrets/asana"));
    let complete = Responder {
        vacant: None,
        ..responder(Handshake::Asana)
    };
    assert_eq!(complete.unproven(&asked), Some(Err(Unanswered::Complete)));
    for bad in ["", "short", "with a blank between the words"] {
        let asked = request(Method::POST, "", &[("X-Hook-Secret", bad)], "");
        let answer = responder(Handshake::Asana).unproven(&asked);
        assert_eq!(answer, Some(Err(Unanswered::Malformed)), "{bad}");
    }
    let event = request(Method::POST, "", &[], r#"{"events":[]}"#);
    assert_eq!(complete.unproven(&event), None);
}

#[test]
fn pings_without_a_proof_learn_nothing() {
    let head = request(Method::HEAD, "", &[], "");
    assert_eq!(
        responder(Handshake::Head).unproven(&head),
        Some(Ok(Reply::ok()))
    );
    let test = request(Method::POST, "", &[("X-Test-Notification", "true")], "{}");
    assert_eq!(
        responder(Handshake::Wise).unproven(&test),
        Some(Ok(Reply::ok()))
    );
    let event = request(Method::POST, "", &[("X-Test-Notification", "false")], "{}");
    assert_eq!(responder(Handshake::Wise).unproven(&event), None);
    let shop = responder(Handshake::WooCommerce);
    let ping = request(Method::POST, "", &[], "webhook_id=7");
    assert_eq!(shop.unproven(&ping), Some(Ok(Reply::ok())));
    let signed = [("X-WC-Webhook-Signature", "AAAA")];
    for event in [
        request(Method::POST, "", &signed, "webhook_id=7"),
        request(Method::POST, "", &[], "webhook_id=7&a=b"),
        request(Method::POST, "", &[], "webhook_id="),
        request(Method::POST, "", &[], r#"{"id":7}"#),
    ] {
        assert_eq!(shop.unproven(&event), None);
    }
    let empty = request(Method::POST, "", &[], "");
    assert_eq!(
        responder(Handshake::Fedex).unproven(&empty),
        Some(Ok(Reply::ok()))
    );
}

#[test]
fn names_are_in_order_and_each_stands_once() {
    assert!(ALL.is_sorted_by(|(one, _), (other, _)| one < other));
    assert_eq!(of("slack"), Some(Handshake::Slack));
    assert_eq!(of("stripe"), None);
}

/// What could not have come from `content`: an event's body is an object or a list.
fn could_be_an_event(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

proptest! {
    #[test]
    fn whatever_is_asked_is_answered_or_refused(
        at in 0..ALL.len(),
        method in prop::sample::select(vec![Method::GET, Method::POST, Method::OPTIONS, Method::HEAD]),
        query in "((hub\\.(mode|challenge|verify_token)|crc_token|bt_challenge|challenge|validationToken)=[!-~]{0,40}&?){0,4}",
        header in "[ -~]{0,40}",
        body in "[ -~]{0,60}",
    ) {
        let headers = [
            ("webhook-request-origin", header.as_str()),
            ("x-hook-secret", &header),
            ("x-okta-verification-challenge", &header),
        ];
        let (_, handshake) = ALL[at];
        let query = query.replace(['#', '"', '<', '>', '`', '\\', '^', '{', '|', '}'], "");
        let request = request(method, &query, &headers, &body);
        responder(handshake).unproven(&request);
    }

    #[test]
    fn nothing_that_could_be_an_event_is_signed_for_a_stranger(token in "[ -~]{0,24}") {
        let encoded: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
        if could_be_an_event(&token) {
            let answer = get(Handshake::X, &format!("crc_token={encoded}"));
            prop_assert_eq!(answer, Err(Unanswered::Malformed));
        }
    }
}

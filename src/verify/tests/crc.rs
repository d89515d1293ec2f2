//! What X's challenge has us sign for anybody proves no event, however the source puts its signed text together.

use proptest::prelude::*;

use super::super::handshake::Handshake;
use super::super::spec::Encoding;
use super::*;

/// A source of one's own with the handshake of X.
fn asked(signed: &'static str) -> Source {
    let spec = SignatureSpec {
        encoding: Encoding::Base64,
        signed,
        ..spec()
    };
    let time = time(None);
    let time = signed.contains("{timestamp}").then_some(&time);
    let scheme = Scheme::compile(&spec, time, &secrets()).unwrap();
    Source {
        body: BodyRule::Text,
        handshake: Some(Responder {
            handshake: Handshake::X,
            secrets: secrets(),
            verify_token: None,
            public_key_id: None,
            topics: Vec::new(),
            rate: None,
            vacant: None,
        }),
        ..source(Proof::Signature(scheme))
    }
}

/// The signature that the challenge gives to whoever asks for it.
fn given_away(source: &Source, token: &str) -> Option<String> {
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let target = format!("/hooks/carrier?crc_token={token}").parse().unwrap();
    let request = WebhookRequest::new(
        Method::GET,
        &target,
        HeaderMap::new(),
        String::new(),
        Bytes::new(),
    );
    match challenge(source, &request)? {
        Ok(Reply::Json(reply)) => Some(reply["response_token"].as_str()?.to_owned()),
        _ => None,
    }
}

fn post(source: &Source, signature: &str, time: &str, body: String) -> Result<Event, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("X-Carrier-Signature", signature.parse().unwrap());
    headers.insert("X-Carrier-Timestamp", time.parse().unwrap());
    let target = Uri::from_static("/hooks/carrier");
    let request = WebhookRequest::new(Method::POST, &target, headers, String::new(), body.into());
    authenticate(source, &request, NOW)
}

/// What the source would sign itself, so that only the challenge stands against it.
fn own(source: &Source, body: &str) -> Result<Event, Refusal> {
    let draft = Draft {
        body: body.as_bytes(),
        id: "",
        now: NOW,
    };
    let headers = sign(source, draft).unwrap().headers;
    let (_, signature) = headers.last().unwrap();
    let time = NOW.seconds().to_string();
    post(source, signature, &time, body.to_owned())
}

#[test]
fn a_time_and_a_body_that_together_are_a_crc_token_prove_nothing() {
    let source = asked("{timestamp}.{body}");
    let time = NOW.seconds().to_string();
    for body in ["true", "5", "123.4", "null", "YzM5", ""] {
        let token = format!("{time}.{body}");
        let signature = given_away(&source, &token);
        // A number is no token, and so no secret is told of it.
        let Some(signature) = signature else {
            assert!(own(&source, body).is_ok(), "{body}");
            continue;
        };
        let forged = post(&source, &signature, &time, body.to_owned());
        assert_eq!(forged.unwrap_err(), Refusal::BadSignature, "{body}");
    }
    assert!(given_away(&source, &format!("{time}.true")).is_some());
    assert!(own(&source, r#"{"for_user_id":"1"}"#).is_ok());
    assert!(own(&source, &"a".repeat(2000)).is_ok(), "too long to ask");
}

proptest! {
    #[test]
    fn what_is_signed_for_anybody_is_refused_and_all_else_is_taken(
        signed in prop::sample::select(vec!["{body}", "{timestamp}.{body}", "{body}{timestamp}", "v0={timestamp}/{body}"]),
        body in prop_oneof!["[A-Za-z0-9+/=_.-]{0,24}", "[ -~]{0,24}", "(true|null|[0-9]{1,9}|\\{\"a\":1\\})"],
    ) {
        let source = asked(signed);
        let time = NOW.seconds().to_string();
        let text = signed.replace("{timestamp}", &time).replace("{body}", &body);
        match given_away(&source, &text) {
            Some(signature) => {
                let forged = post(&source, &signature, &time, body);
                prop_assert_eq!(forged.unwrap_err(), Refusal::BadSignature);
            }
            None => prop_assert!(own(&source, &body).is_ok(), "{}", text),
        }
    }
}

//! Bodies of every kind, proven and then read: what is refused, and what a workflow gets by default.

use serde_json::json;

use crate::support::exchange::{Answer, mac, post, stripe};
use crate::support::gateway::{Gateway, Setup};
use crate::support::sender;
use crate::support::workflows::{Workflows, unique};
use crate::webhooks::wait_for_state;

const SECRET: &str = "a secret of a fair length";

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:STRIPE"]

[sources.any]
provider  = "hmac"
secrets   = ["env:SECRET"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }

[[routes]]
name     = "whole"
source   = ["stripe", "any"]
workflow = "WORKFLOW"
signal   = "body"
"#;

async fn gateway(temporal: &str, workflow: &str) -> Gateway {
    Setup::new(&ROUTES.replace("WORKFLOW", workflow), temporal)
        .env("STRIPE", sender::STRIPE_SECRET)
        .env("SECRET", SECRET)
        .start()
        .await
}

async fn any(gateway: &Gateway, media: &str, body: &[u8]) -> Answer {
    let signature = hex::encode(mac(SECRET.as_bytes(), body));
    let headers = [("X-Signature", signature.as_str()), ("Content-Type", media)];
    post(&format!("{}/hooks/any", gateway.public()), &headers, body).await
}

fn nested(levels: usize) -> Vec<u8> {
    let lists = levels - 1;
    format!(
        r#"{{"id":"n{levels}","a":{}{}}}"#,
        "[".repeat(lists),
        "]".repeat(lists)
    )
    .into_bytes()
}

#[tokio::test]
async fn what_is_proven_and_no_json_is_400_and_not_kept() {
    let gateway = gateway("127.0.0.1:1", "w").await;
    for body in [
        &b""[..],
        b"{",
        b"\xef\xbb\xbf{\"id\":\"bom\"}",
        b"{\"id\":\"\xff\"}",
        b"{\"id\":\"t\"} {}",
        b"{\"id\":\"t\"}\0",
        b"{\"id\":NaN}",
        b"{'id':'t'}",
        &nested(128),
        &nested(100_000),
    ] {
        let answer = stripe(&gateway, body).await;
        let shown = String::from_utf8_lossy(body.get(..20).unwrap_or(body)).into_owned();
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("SP-R201")),
            "{shown}"
        );
    }
    for body in [
        "[]",
        "7",
        "null",
        r#""text""#,
        "{}",
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":["a"]}"#,
    ] {
        let answer = stripe(&gateway, body).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("SP-R202")),
            "{body}"
        );
    }
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(1025));
    assert_eq!(stripe(&gateway, long).await.body["code"], "SP-R202");
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]));
}

#[tokio::test]
async fn odd_but_good_json_is_kept_under_its_exact_key() {
    let gateway = gateway("127.0.0.1:1", "w").await;
    for (body, key) in [
        (r#"{"id":"first","id":"last"}"#.to_owned(), "last"),
        (
            r#"{"id":123456789012345678901234567890}"#.to_owned(),
            "123456789012345678901234567890",
        ),
        (r#"{"id":1e2}"#.to_owned(), "1e2"),
        (r#"{"id":"a\u0000b"}"#.to_owned(), "a\0b"),
        // Half a surrogate pair is bad style, and no reason to lose an event; nor is a number beyond every float.
        (r#"{"id":"half","x":"\ud800"}"#.to_owned(), "half"),
        (r#"{"id":"far","x":1e309}"#.to_owned(), "far"),
        (r#"{"id":-1e309}"#.to_owned(), "-1e309"),
        (r#"{"id":"\"\n\u2028é"}"#.to_owned(), "\"\n\u{2028}é"),
        (String::from_utf8(nested(127)).expect("text"), "n127"),
    ] {
        let answer = stripe(&gateway, body.clone()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        let (_, event) = gateway
            .get(&format!("/v1/events/{}?body=true", answer.event()))
            .await;
        assert_eq!((&event["key"], &event["body"]), (&json!(key), &json!(body)));
    }
}

#[tokio::test]
async fn a_content_encoding_is_415_though_the_signature_holds() {
    let gateway = gateway("127.0.0.1:1", "w").await;
    let body = b"{\"id\":\"1\"}";
    let signature = hex::encode(mac(SECRET.as_bytes(), body));
    let url = format!("{}/hooks/any", gateway.public());
    for (encoding, status) in [
        ("gzip", 415),
        ("identity, br", 415),
        ("", 415),
        ("Identity", 200),
    ] {
        let headers = [("X-Signature", &*signature), ("Content-Encoding", encoding)];
        assert_eq!(
            post(&url, &headers, body).await.status,
            status,
            "{encoding}"
        );
    }
    let unsigned = [("Content-Encoding", "gzip")];
    assert_eq!(
        post(&url, &unsigned, body).await.status,
        401,
        "the proof comes first"
    );
}

#[tokio::test]
async fn by_default_the_body_is_the_argument_in_the_form_that_it_has() {
    let workflows = Workflows::connect().await;
    let workflow = unique("body");
    workflows.start(&workflow).await;
    let gateway = gateway(workflows.address(), &workflow).await;
    let cases: [(&str, &[u8], &str); 7] = [
        (
            "application/json",
            br#"{"half":"\ud83d","far":1e309}"#,
            r#"{"half":"\ud83d","far":1e309}"#,
        ),
        (
            "application/json",
            br#"{"b":0.10,"a":1e2,"a":3}"#,
            r#"{"b":0.10,"a":1e2,"a":3}"#,
        ),
        ("text/plain", b"say \"yes\"\n", r#""say \"yes\"\n""#),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=x+y&a=%32",
            r#"{"a":["1","2"],"b":"x y"}"#,
        ),
        ("text/plain", b"", r#""""#),
        ("text/json", b"{\"z\":1}", r#""{\"z\":1}""#),
        ("application/vnd.x+json; charset=utf-8", b"[1]", "[1]"),
    ];
    for (number, (media, body, argument)) in cases.into_iter().enumerate() {
        assert_eq!(any(&gateway, media, body).await.status, 200, "{media}");
        let signals = workflows.signals(&workflow, number + 1).await;
        assert_eq!(signals[number].args, [argument], "{media}");
    }
    let binary = any(&gateway, "application/octet-stream", b"\xff\x00").await;
    let event = wait_for_state(&gateway, binary.event(), "parked").await;
    assert_eq!(event["deliveries"][0]["reason"], "SP-D101");
    assert_eq!(event["deliveries"][0]["last_error"], "the body is not text");
    let (_, event) = gateway
        .get(&format!("/v1/events/{}?body=true", binary.event()))
        .await;
    assert_eq!(event["body_base64"], "/wA=", "the bytes are kept");
}

#[tokio::test]
async fn a_deliverys_rules_are_those_it_was_accepted_under() {
    let workflows = Workflows::connect().await;
    let (old, new) = (unique("old"), unique("new"));
    let by_id = ROUTES.replace("WORKFLOW", "${body.id}");
    let mut gateway = Setup::new(
        &format!("{by_id}missing = {{ wait = \"1h\", then = \"park\" }}\n"),
        workflows.address(),
    )
    .env("STRIPE", sender::STRIPE_SECRET)
    .env("SECRET", SECRET)
    .start()
    .await;
    let waiting = stripe(&gateway, format!(r#"{{"id":"{old}"}}"#))
        .await
        .event()
        .to_owned();

    gateway.replace("routes.toml", &format!("{by_id}missing = \"park\"\n"));
    crate::support::eventually("the new rule serves", async || {
        gateway.get("/v1/config").await.1["generation"] == 2
    })
    .await;
    let parked = stripe(&gateway, format!(r#"{{"id":"{new}"}}"#))
        .await
        .event()
        .to_owned();
    wait_for_state(&gateway, &parked, "parked").await;

    gateway.restart().await;
    crate::support::eventually("the old one is looked for again", async || {
        let (_, event) = gateway.get(&format!("/v1/events/{waiting}")).await;
        event["state"] == "pending" && event["deliveries"][0]["attempts"].as_u64() >= Some(2)
    })
    .await;
    workflows.start(&old).await;
    wait_for_state(&gateway, &waiting, "delivered").await;
}

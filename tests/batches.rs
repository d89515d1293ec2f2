//! Several events in one request (`each`), through the real binary: on a file, and on Redis.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::exchange::{Answer, mac, post};
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::{self, NO_TEMPORAL};
use crate::support::redis::Redis;
use crate::support::workflows::{Workflows, unique};

const SECRET: &str = "a secret of the bulk sender";

const ROUTES: &str = r#"
[sources.bulk]
provider  = "hmac"
secrets   = ["env:SECRET"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
each      = "body.events"
event     = { key = "body.id", type = "body.type" }

[sources.digests]
provider  = "hmac"
secrets   = ["env:SECRET"]
signature = { header = "X-Signature", algorithm = "sha256", encoding = "hex" }
each      = "body.filter(e, e.wanted)"

[[routes]]
name     = "paid"
source   = "bulk"
on       = "paid"
workflow = "order-${body.order}"
signal   = "paid"
args     = [{ amount = "${body.amount}", account = "${request.account}", of = "${event.key}" }]

[[routes]]
name     = "whole"
source   = "bulk"
on       = "whole"
workflow = "order-${body.order}"
signal   = "whole"
"#;

async fn gateway(temporal: &str, store: Option<&Redis>) -> Gateway {
    let mut setup = Setup::new(ROUTES, temporal).env("SECRET", SECRET);
    if let Some(redis) = store {
        setup = setup.store(PathBuf::from(redis.url()));
    }
    let gateway = setup.start().await;
    eventually("the store is ready", || async {
        gateway.get("/ready").await.0 == 200
    })
    .await;
    gateway
}

async fn send(gateway: &Gateway, source: &str, body: &str) -> Answer {
    let url = format!("{}/hooks/{source}", gateway.public());
    let signature = hex::encode(mac(SECRET.as_bytes(), body.as_bytes()));
    let headers = [
        ("X-Signature", signature.as_str()),
        ("Content-Type", "application/json"),
    ];
    post(&url, &headers, body).await
}

fn paid(key: &str, order: &str, amount: &str) -> String {
    format!(r#"{{"id":"{key}","type":"paid","order":"{order}","amount":{amount}}}"#)
}

fn of(items: &[String]) -> String {
    format!(
        r#"{{"account":"acct_1", "events":[{}]}}"#,
        items.join(" , ")
    )
}

fn id(answer: &Answer, at: usize) -> String {
    let id = answer.body["events"][at]["event"].as_str();
    id.unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

fn statuses(answer: &Answer) -> Vec<&str> {
    let events = answer.body["events"].as_array().expect("events");
    events
        .iter()
        .map(|event| event["status"].as_str().expect("a status"))
        .collect()
}

async fn kept(gateway: &Gateway) -> usize {
    let (_, page) = gateway.get("/v1/events").await;
    page["events"].as_array().map_or(0, Vec::len)
}

/// Each item arrives as it was sent, in order, and has a life of its own.
async fn items_live_on_their_own(redis: Option<&Redis>) {
    let workflows = Workflows::connect().await;
    let gateway = gateway(workflows.address(), redis).await;
    let (one, other) = (unique("one"), unique("other"));
    for order in [&one, &other] {
        workflows.start(&format!("order-{order}")).await;
    }
    let whole = format!(r#"{{ "type":"whole", "id":"w", "order":"{one}", "n":1.00 }}"#);
    let body = of(&[
        paid("a", &one, "12345678901234567890.10"),
        paid("b", &other, "1e2"),
        whole.clone(),
        r#"{"id":"c","type":"nobody wants it"}"#.to_owned(),
        paid("a", &one, "12345678901234567890.10"),
    ]);
    let answer = send(&gateway, "bulk", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["status"], "accepted");
    assert_eq!(
        statuses(&answer),
        ["accepted", "accepted", "accepted", "unrouted", "duplicate"]
    );
    assert_eq!(answer.body["events"][0]["deliveries"], 1);
    assert_eq!(id(&answer, 4), id(&answer, 0));

    let signals = workflows.signals(&format!("order-{one}"), 2).await;
    assert_eq!(signals.len(), 2);
    assert_eq!(
        signals[0].args,
        [r#"{"amount":12345678901234567890.10,"account":"acct_1","of":"a"}"#]
    );
    assert_eq!(signals[1].args, [whole.as_str()], "the item is the body");
    let signals = workflows.signals(&format!("order-{other}"), 1).await;
    assert!(
        signals[0].args[0].contains(r#""amount":1e2"#),
        "{:?}",
        signals[0].args
    );
    gateway.settled().await;

    let path = format!("/v1/events/{}?body=true", id(&answer, 2));
    let (_, shown) = gateway.get(&path).await;
    assert_eq!(
        (&shown["item"], &shown["state"]),
        (&json!(2), &json!("delivered"))
    );
    assert_eq!(shown["body"], whole.as_str());
    let (_, first) = gateway.get(&format!("/v1/events/{}", id(&answer, 0))).await;
    assert_eq!(
        (&first["item"], &first["duplicates"]),
        (&json!(0), &json!(1))
    );

    replays_alone(&gateway, &workflows, &id(&answer, 1), [&one, &other]).await;
    let repeat = send(&gateway, "bulk", &body).await;
    assert_eq!(repeat.body["status"], "duplicate", "{}", repeat.text);
    assert_eq!(statuses(&repeat), ["duplicate"; 5]);
    let lines = operator::audit(&gateway, "webhook", 2).await;
    let of_line = |line: &Value| (line["outcome"].clone(), line["events"].clone());
    assert_eq!(of_line(&lines[0]), (json!("accepted"), json!(5)));
    assert_eq!(of_line(&lines[1]), (json!("duplicate"), json!(5)));
    let metrics = gateway.metrics().await;
    for (outcome, count) in [("accepted", 3), ("unrouted", 1), ("duplicate", 6)] {
        let line =
            format!("signalpost_webhooks_total{{source=\"bulk\",outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

/// A replay sees the whole request too, and concerns its own item alone.
async fn replays_alone(
    gateway: &Gateway,
    workflows: &Workflows,
    event: &str,
    [one, other]: [&str; 2],
) {
    let again = json!({ "again": true });
    let path = format!("/v1/events/{event}/replay");
    let (status, replayed) = operator::post(gateway, &path, &again).await;
    assert_eq!(status, 200, "{replayed}");
    let signals = workflows.signals(&format!("order-{other}"), 2).await;
    assert_eq!(signals[0].args, signals[1].args);
    assert_eq!(workflows.signals(&format!("order-{one}"), 2).await.len(), 2);
}

/// Nothing of a request is kept that cannot be kept whole.
async fn all_or_nothing(redis: Option<&Redis>) {
    let gateway = gateway(NO_TEMPORAL, redis).await;
    let good = paid("a", "1", "1");
    let keyless = r#"{"type":"paid","order":"1"}"#.to_owned();
    let refused = send(&gateway, "bulk", &of(&[good.clone(), keyless])).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("SP-R202"))
    );
    for body in [r#"{"account":"a"}"#, r#"{"events":{}}"#] {
        let refused = send(&gateway, "bulk", body).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert_eq!(refused.body["code"], "SP-R208");
    }
    let many: Vec<_> = (0..1001)
        .map(|n| paid(&format!("n{n}"), "1", "1"))
        .collect();
    let refused = send(&gateway, "bulk", &of(&many)).await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("SP-R208"))
    );
    assert_eq!(kept(&gateway).await, 0);

    let none = send(&gateway, "bulk", &of(&[])).await;
    assert_eq!(none.status, 200);
    assert_eq!(none.body, json!({ "status": "accepted", "events": [] }));
    assert_eq!(kept(&gateway).await, 0);
    let all = send(&gateway, "bulk", &of(&many[..1000])).await;
    assert_eq!(all.status, 200, "{}", all.text);
    assert_eq!(all.body["events"].as_array().map(Vec::len), Some(1000));

    // No workflow to be had of one item: parked like always, and the others go on.
    let nowhere = r#"{"id":"x","type":"paid","amount":1}"#.to_owned();
    let answer = send(&gateway, "bulk", &of(&[nowhere, good])).await;
    assert_eq!(statuses(&answer), ["accepted", "accepted"]);
    let (_, parked) = gateway.get(&format!("/v1/events/{}", id(&answer, 0))).await;
    assert_eq!(parked["state"], "parked");
    assert_eq!(parked["deliveries"][0]["reason"], "SP-D101");
    let (_, pending) = gateway.get(&format!("/v1/events/{}", id(&answer, 1))).await;
    assert_eq!(pending["state"], "pending");
}

#[tokio::test]
async fn items_live_on_their_own_in_a_file() {
    items_live_on_their_own(None).await;
}

#[tokio::test]
async fn items_live_on_their_own_on_redis() {
    items_live_on_their_own(Some(&Redis::start().await)).await;
}

#[tokio::test]
async fn all_or_nothing_in_a_file() {
    all_or_nothing(None).await;
}

#[tokio::test]
async fn all_or_nothing_on_redis() {
    all_or_nothing(Some(&Redis::start().await)).await;
}

#[tokio::test]
async fn computed_items_without_an_id_are_known_by_their_text() {
    let gateway = gateway(NO_TEMPORAL, None).await;
    let body =
        r#"[{"wanted":true,"n":1},{"wanted":false},{"wanted":true,"n":2},{"n":1, "wanted":true}]"#;
    let answer = send(&gateway, "digests", body).await;
    assert_eq!(statuses(&answer), ["unrouted", "unrouted", "duplicate"]);
    let (_, second) = gateway
        .get(&format!("/v1/events/{}?body=true", id(&answer, 1)))
        .await;
    assert_eq!(
        (&second["item"], &second["body"]),
        (&json!(1), &json!(r#"{"n":2,"wanted":true}"#))
    );
}

#[tokio::test]
async fn a_crash_between_write_and_commit_keeps_none_of_a_batch_and_after_it_all() {
    for (point, survives) in [("store.written", false), ("store.committed", true)] {
        let mut gateway = Setup::new(ROUTES, NO_TEMPORAL)
            .env("SECRET", SECRET)
            .env("CRASH_AT", &format!("{point}:1"))
            .start()
            .await;
        let body = of(&[
            paid("a", "1", "1"),
            paid("b", "2", "1"),
            paid("c", "3", "1"),
        ]);
        let url = format!("{}/hooks/bulk", gateway.public());
        let signature = hex::encode(mac(SECRET.as_bytes(), body.as_bytes()));
        let sent = reqwest::Client::new()
            .post(url)
            .header("X-Signature", signature)
            .header("Content-Type", "application/json")
            .body(body.clone())
            .send()
            .await;
        assert!(sent.is_err(), "no yes before the end at {point}");
        eventually("the gateway is gone", || {
            std::future::ready(gateway.is_gone())
        })
        .await;
        gateway.restart_without("CRASH_AT").await;
        assert_eq!(
            kept(&gateway).await,
            if survives { 3 } else { 0 },
            "{point}"
        );
        let again = send(&gateway, "bulk", &body).await;
        let expected = if survives { "duplicate" } else { "accepted" };
        assert_eq!(statuses(&again), [expected; 3]);
    }
}

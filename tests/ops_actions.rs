//! What operators do through the API: retry, drop, replay, erase, reload; who may, and what is on record.

use std::fs;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::gateway::{Gateway, Setup};
use crate::support::workflows::{Workflows, unique};
use crate::support::{eventually, ledger, sender};
use crate::webhooks::pay;

const SECRET: &str = sender::STRIPE_SECRET;
/// Nothing listens there.
const NO_TEMPORAL: &str = "127.0.0.1:1";

const SOURCE: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]
"#;

/// A payment's route with its name and the workflow that it names.
pub(crate) fn route(name: &str, workflow: &str) -> String {
    format!(
        r#"
[[routes]]
name     = "{name}"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "{workflow}"
signal   = "payment_received"
args     = [{{ payment = "${{body.data.object.id}}" }}]
missing  = "park"
"#
    )
}

pub(crate) const BY_ORDER: &str = "order-${body.data.object.metadata.order_id}";

pub(crate) fn setup(routes: &str, temporal: &str) -> Setup {
    Setup::new(&format!("{SOURCE}{routes}"), temporal).env("SECRET", SECRET)
}

/// An answer to a POST: status and body.
async fn post(gateway: &Gateway, path: &str, body: &Value) -> (u16, Value) {
    send(gateway, path, body.to_string(), None).await
}

async fn send(gateway: &Gateway, path: &str, body: String, token: Option<&str>) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(format!("{}{path}", gateway.ops()))
        .header("content-type", "application/json")
        .body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

async fn get_as(gateway: &Gateway, path: &str, token: &str) -> (u16, Value) {
    let url = format!("{}{path}", gateway.ops());
    let request = reqwest::Client::new().get(url).bearer_auth(token);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// Sends one payment; the event's id.
pub(crate) async fn paid(gateway: &Gateway, order: &str, event: &str) -> String {
    let answer = pay(gateway, order, event).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["event"].as_str().expect("an id").to_owned()
}

pub(crate) async fn event(gateway: &Gateway, id: &str) -> Value {
    let (status, event) = gateway.get(&format!("/v1/events/{id}")).await;
    assert_eq!(status, 200, "{event}");
    event
}

pub(crate) async fn until_state(gateway: &Gateway, id: &str, state: &str) {
    eventually(&format!("{id} is {state}"), || async {
        event(gateway, id).await["state"] == state
    })
    .await;
}

/// Writes other routes and has them read.
pub(crate) async fn reroute(gateway: &Gateway, routes: &str) -> (u16, Value) {
    let file = gateway.folder().join("routes.toml");
    fs::write(file, format!("{SOURCE}{routes}")).expect("routes.toml");
    post(gateway, "/v1/config/reload", &json!({})).await
}

pub(crate) fn audit(gateway: &Gateway, action: &str) -> Vec<Value> {
    let log = gateway.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["target"] == "audit" && line["action"] == action)
        .collect()
}

async fn payments(workflows: &Workflows, workflow: &str, count: usize) -> Vec<String> {
    let signals = workflows.signals(workflow, count).await;
    let payment = |signal: &crate::support::workflows::Signaled| ledger::payment(&signal.args[0]);
    signals.iter().map(payment).collect()
}

#[tokio::test]
async fn ten_parked_are_retried_in_bulk_and_arrive_in_order() {
    let workflows = Workflows::connect().await;
    let gateway = setup(&route("pay", BY_ORDER), workflows.address())
        .start()
        .await;
    let order = unique("b");
    let mut events = Vec::new();
    for number in 0..10 {
        events.push(paid(&gateway, &order, &format!("evt_{number}")).await);
    }
    for event in &events {
        until_state(&gateway, event, "parked").await;
    }
    let workflow = format!("order-{order}");
    workflows.start(&workflow).await;

    let filter = json!({ "state": "parked", "route": "pay", "workflow": workflow });
    let ask = |more: Value| {
        let mut body = json!({ "filter": filter, "note": "it runs now" });
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        body
    };
    let path = "/v1/deliveries/retry";
    let counted = post(&gateway, path, &ask(json!({ "dry_run": true }))).await;
    assert_eq!(counted, (200, json!({ "count": 10 })));
    let (status, refused) = post(&gateway, path, &ask(json!({ "expect_count": 9 }))).await;
    assert_eq!((status, &refused["count"]), (409, &json!(10)), "{refused}");
    let (status, done) = post(&gateway, path, &ask(json!({ "expect_count": 10 }))).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done, json!({ "done": 10, "skipped": 0, "next": null }));

    let expected: Vec<_> = (0..10).map(|number| format!("pi_evt_{number}")).collect();
    assert_eq!(payments(&workflows, &workflow, 10).await, expected);
    let lines = audit(&gateway, "retry");
    let done: Vec<_> = lines
        .iter()
        .filter(|line| line["outcome"] == "done")
        .collect();
    assert_eq!(done.len(), 10);
    for line in done {
        assert_eq!(line["who"], "local");
        assert_eq!(line["reason"], "it runs now");
        assert_eq!(line["workflow"], json!(workflow));
        assert!(line["delivery"].is_string(), "{line}");
    }
    let refused = lines.iter().filter(|line| line["outcome"] == "refused");
    assert_eq!(refused.count(), 1, "the count that did not fit");
}

#[tokio::test]
async fn what_has_settled_is_not_retried_and_an_unknown_id_is_404() {
    let workflows = Workflows::connect().await;
    let gateway = setup(&route("pay", BY_ORDER), workflows.address())
        .start()
        .await;
    let order = unique("s");
    workflows.start(&format!("order-{order}")).await;
    let id = paid(&gateway, &order, "evt_1").await;
    until_state(&gateway, &id, "delivered").await;
    let delivery = event(&gateway, &id).await["deliveries"][0]["id"].clone();
    let delivery = delivery.as_str().expect("an id");
    for action in ["retry", "drop"] {
        let path = format!("/v1/deliveries/{delivery}/{action}");
        let (status, refused) = post(&gateway, &path, &json!({})).await;
        assert_eq!(status, 409, "{refused}");
        assert_eq!(refused["code"], "SP-S201");
        assert!(
            refused["detail"]
                .as_str()
                .is_some_and(|d| d.contains("delivered"))
        );
    }
    let nobody = uuid::Uuid::now_v7();
    for path in [
        format!("/v1/deliveries/{nobody}/retry"),
        format!("/v1/events/{nobody}/replay"),
        format!("/v1/events/{nobody}/erase"),
        "/v1/deliveries/nonsense/drop".to_owned(),
    ] {
        assert_eq!(post(&gateway, &path, &json!({})).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn an_unrouted_event_is_replayed_once_its_route_is_there_and_never_twice_unless_asked() {
    let workflows = Workflows::connect().await;
    let gateway = setup("", workflows.address()).start().await;
    let order = unique("r");
    let workflow = format!("order-{order}");
    workflows.start(&workflow).await;
    let id = paid(&gateway, &order, "evt_1").await;
    assert_eq!(event(&gateway, &id).await["state"], "unrouted");
    let path = format!("/v1/events/{id}/replay");
    let (status, nowhere) = post(&gateway, &path, &json!({})).await;
    assert_eq!((status, &nowhere["deliveries"]), (200, &json!([])));

    assert_eq!(reroute(&gateway, &route("pay", BY_ORDER)).await.0, 200);
    let (status, replayed) = post(&gateway, &path, &json!({ "note": "a route now" })).await;
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["deliveries"][0]["workflow"], json!(workflow));
    until_state(&gateway, &id, "delivered").await;

    // Under another name the route still says the same signal to the same workflow.
    assert_eq!(reroute(&gateway, &route("renamed", BY_ORDER)).await.0, 200);
    let (status, again) = post(&gateway, &path, &json!({})).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(event(&gateway, &id).await["state"], "delivered");
    let (status, again) = post(&gateway, &path, &json!({ "again": true })).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(
        payments(&workflows, &workflow, 2).await,
        ["pi_evt_1", "pi_evt_1"]
    );
    until_state(&gateway, &id, "delivered").await;
    let shown = event(&gateway, &id).await;
    assert!(shown["notes"].as_array().is_some_and(|notes| {
        notes.iter().any(|note| {
            note["action"] == "replay" && note["text"] == "a route now" && note["who"] == "local"
        })
    }));
    assert_eq!(audit(&gateway, "replay").len(), 4);
    assert!(
        audit(&gateway, "replay")
            .iter()
            .all(|line| line["event"] == json!(id))
    );
}

#[tokio::test]
async fn events_are_replayed_in_bulk_oldest_first() {
    let workflows = Workflows::connect().await;
    let wrong = route("pay", "order-${body.data.object.metadata.ordr}");
    let gateway = setup(&wrong, workflows.address()).start().await;
    let order = unique("t");
    let workflow = format!("order-{order}");
    workflows.start(&workflow).await;
    for number in 0..5 {
        let id = paid(&gateway, &order, &format!("evt_{number}")).await;
        assert_eq!(event(&gateway, &id).await["state"], "parked");
    }
    assert_eq!(reroute(&gateway, &route("pay", BY_ORDER)).await.0, 200);
    let body = json!({ "filter": { "state": "parked", "source": "stripe" }, "expect_count": 5 });
    let (status, done) = post(&gateway, "/v1/events/replay", &body).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["done"], 5);
    let expected: Vec<_> = (0..5).map(|number| format!("pi_evt_{number}")).collect();
    assert_eq!(payments(&workflows, &workflow, 5).await, expected);
    gateway.settled().await;
    let (_, list) = gateway.get("/v1/deliveries?reason=SP-D305&order=asc").await;
    let superseded = list["deliveries"].as_array().expect("deliveries");
    assert_eq!(superseded.len(), 5, "{list:#}");
    assert!(
        superseded
            .iter()
            .all(|delivery| delivery["state"] == "dropped")
    );
}

#[tokio::test]
async fn a_waiting_delivery_is_dropped_with_its_note() {
    let gateway = setup(&route("pay", BY_ORDER), NO_TEMPORAL).start().await;
    let id = paid(&gateway, "1", "evt_1").await;
    let delivery = event(&gateway, &id).await["deliveries"][0]["id"].clone();
    let path = format!("/v1/deliveries/{}/drop", delivery.as_str().expect("an id"));
    eventually("no attempt is in flight", || async {
        let (status, answer) = post(&gateway, &path, &json!({ "note": "a test order" })).await;
        assert!(matches!(status, 200 | 409), "{answer}");
        status == 200
    })
    .await;
    let shown = event(&gateway, &id).await;
    assert_eq!(shown["state"], "dropped");
    assert_eq!(shown["deliveries"][0]["reason"], "SP-D304");
    assert_eq!(shown["notes"][0]["text"], "a test order");
    assert_eq!(shown["notes"][0]["delivery"], delivery);
}

#[tokio::test]
async fn an_erased_event_has_no_body_and_cannot_be_replayed() {
    let gateway = setup("", NO_TEMPORAL).start().await;
    let id = paid(&gateway, "1", "evt_1").await;
    let (_, before) = gateway.get(&format!("/v1/events/{id}?body=true")).await;
    assert!(
        before["body"]
            .as_str()
            .is_some_and(|body| body.contains("pi_evt_1"))
    );
    let (status, erased) = post(&gateway, &format!("/v1/events/{id}/erase"), &json!({})).await;
    assert_eq!(status, 200, "{erased}");
    assert!(erased["erased_at"].is_string(), "{erased}");
    let (_, after) = gateway.get(&format!("/v1/events/{id}?body=true")).await;
    assert_eq!(after["body"], "");
    assert_eq!(after["headers"], json!([]));
    assert_eq!(after["key"], before["key"]);
    let (status, refused) = post(&gateway, &format!("/v1/events/{id}/replay"), &json!({})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("SP-S205")));
    // The same event again is still a repeat.
    let repeat = pay(&gateway, "1", "evt_1").await;
    assert_eq!(repeat.body["status"], "duplicate");
    let who_saw = audit(&gateway, "body");
    assert_eq!(who_saw.len(), 2);
    assert_eq!(who_saw[0]["event"], json!(id));
}

#[tokio::test]
async fn a_refused_reload_says_all_problems_and_changes_nothing() {
    let gateway = setup(&route("pay", BY_ORDER), NO_TEMPORAL).start().await;
    let (_, before) = gateway.get("/v1/config").await;
    let (status, refused) = reroute(&gateway, "[[routes]]\nnme = \"x\"\n").await;
    assert_eq!((status, &refused["code"]), (409, &json!("SP-S207")));
    let problems = refused["problems"].as_array().expect("problems");
    assert!(
        problems
            .iter()
            .any(|p| p["message"].as_str().is_some_and(|m| m.contains("nme")))
    );
    let (_, after) = gateway.get("/v1/config").await;
    assert_eq!(after["digest"], before["digest"]);
    assert!(after["last_problem"].is_string());
    let (status, good) = reroute(&gateway, &route("pay", BY_ORDER)).await;
    assert_eq!(status, 200);
    assert!(
        good["last_problem"].is_null() && good["warnings"].is_array(),
        "{good}"
    );
    let outcomes: Vec<_> = audit(&gateway, "reload")
        .iter()
        .map(|l| l["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["refused", "done"]);
}

#[tokio::test]
async fn what_is_wrong_with_an_action_is_named_and_nothing_sent_is_repeated() {
    let gateway = setup("", NO_TEMPORAL).start().await;
    let bulk = "/v1/deliveries/retry";
    let one = format!("/v1/events/{}/replay", uuid::Uuid::now_v7());
    let cases = [
        (one.as_str(), json!({ "note": "n".repeat(1001) }), "`note`"),
        (&one, json!({ "agian": true }), "again"),
        (&one, json!([]), "JSON object"),
        (bulk, json!({}), "filter"),
        (
            bulk,
            json!({ "filter": {}, "expect_count": 0 }),
            "at least one",
        ),
        (
            bulk,
            json!({ "filter": { "stat": "parked" }, "expect_count": 0 }),
            "state, reason",
        ),
        (
            bulk,
            json!({ "filter": { "state": "delivered" }, "expect_count": 0 }),
            "`state`",
        ),
        (
            bulk,
            json!({ "filter": { "since": "monday" }, "expect_count": 0 }),
            "`since`",
        ),
        (
            bulk,
            json!({ "filter": { "route": "x" }, "expect_count": 0, "cursor": "x" }),
            "`cursor`",
        ),
    ];
    for (path, body, says) in cases {
        let (status, refused) = post(&gateway, path, &body).await;
        assert_eq!(
            (status, &refused["code"]),
            (400, &json!("SP-S103")),
            "{body}"
        );
        let detail = refused["detail"].as_str().expect("a detail");
        assert!(detail.contains(says), "{detail}");
        for sent in ["agian", "\"stat\"", "monday", "nnn"] {
            assert!(!detail.contains(sent), "{detail}");
        }
    }
    let large = format!("{{\"note\":\"{}\"}}", "n".repeat(70_000));
    let (status, refused) = send(&gateway, &one, large, None).await;
    assert_eq!((status, &refused["code"]), (413, &json!("SP-S109")));
}

/// A line of the tokens' file.
pub(crate) fn token_line(name: &str, role: &str, token: &str) -> String {
    let digest = hex::encode(Sha256::digest(token.as_bytes()));
    format!("{name} {role} sha256:{digest}\n")
}

#[tokio::test]
async fn a_reader_reads_an_actor_acts_and_each_has_a_name_on_record() {
    let tokens = token_line("ann", "read", "ann's") + &token_line("bob", "act", "bob's");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens");
    fs::write(&file, tokens).expect("tokens");
    let gateway = setup("", NO_TEMPORAL)
        .flag("--ops-tokens-file", file.to_str().expect("a path"))
        .env("SIGNALPOST_OPS_TOKEN", "defaults-own")
        .start()
        .await;
    let id = paid(&gateway, "1", "evt_1").await;
    let (plain, body) = (
        format!("/v1/events/{id}"),
        format!("/v1/events/{id}?body=true"),
    );
    assert_eq!(gateway.get("/v1/events").await.0, 401);
    assert_eq!(gateway.get("/ready").await.0, 200, "probes need no token");
    assert_eq!(get_as(&gateway, &plain, "ann's").await.0, 200);
    assert_eq!(get_as(&gateway, &body, "ann's").await.0, 403);
    assert_eq!(get_as(&gateway, &body, "bob's").await.0, 200);
    let reload = "/v1/config/reload";
    let as_ann = send(&gateway, reload, "{}".to_owned(), Some("ann's")).await;
    assert_eq!((as_ann.0, &as_ann.1["code"]), (403, &json!("SP-S107")));
    for token in ["bob's", "defaults-own"] {
        assert_eq!(
            send(&gateway, reload, "{}".to_owned(), Some(token)).await.0,
            200
        );
    }
    let record: Vec<_> = audit(&gateway, "reload")
        .iter()
        .map(|line| (line["who"].clone(), line["outcome"].clone()))
        .collect();
    let expected = [("ann", "refused"), ("bob", "done"), ("default", "done")];
    assert_eq!(
        record,
        expected.map(|(who, outcome)| (json!(who), json!(outcome)))
    );

    // Bob's token is taken away, Eve gets one.
    fs::write(&file, token_line("eve", "act", "eve's")).expect("tokens");
    eventually("the file is read again", || async {
        get_as(&gateway, &plain, "eve's").await.0 == 200
    })
    .await;
    assert_eq!(get_as(&gateway, &plain, "bob's").await.0, 401);
    assert!(!gateway.log().contains("bob's"), "no token in the log");
}

#[tokio::test]
async fn whoever_guesses_tokens_is_locked_out_and_on_record() {
    let gateway = setup("", NO_TEMPORAL)
        .env("SIGNALPOST_OPS_TOKEN", "right")
        .start()
        .await;
    for _ in 0..10 {
        assert_eq!(get_as(&gateway, "/v1/events", "guess").await.0, 401);
    }
    let (status, refused) = get_as(&gateway, "/v1/events", "right").await;
    assert_eq!((status, &refused["code"]), (429, &json!("SP-S108")));
    let lines = audit(&gateway, "ops");
    assert_eq!(lines.len(), 11);
    assert!(
        lines
            .iter()
            .all(|line| line["who"] == "127.0.0.1" && line["outcome"] == "refused")
    );
}

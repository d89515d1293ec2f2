//! What operators do through the API: retry, drop, replay, erase, reload, and what is on record of it.

use serde_json::{Value, json};
use signalpost::clock;
use signalpost::event::EventId;

use crate::support::operator::{
    BY_ORDER, NO_TEMPORAL, audit, event, paid, post, reroute, route, send, setup, until_state,
};
use crate::support::workflows::{Signaled, Workflows, unique};
use crate::support::{eventually, ledger};
use crate::webhooks::pay;

async fn payments(workflows: &Workflows, workflow: &str, count: usize) -> Vec<String> {
    let signals = workflows.signals(workflow, count).await;
    let payment = |signal: &Signaled| ledger::payment(&signal.args[0]);
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
    let lines = audit(&gateway, "retry", 11).await;
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
    let nobody = EventId::at(clock::now());
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
async fn a_proof_is_where_the_signal_stands_in_history() {
    let workflows = Workflows::connect().await;
    let gateway = setup(&route("pay", BY_ORDER), workflows.address())
        .env("TEMPORAL_UI_URL", "https://temporal.example/")
        .start()
        .await;
    let order = unique("p");
    let workflow = format!("order-{order}");
    workflows.start(&workflow).await;
    let arrived = paid(&gateway, &order, "evt_1").await;
    until_state(&gateway, &arrived, "delivered").await;
    let parked = paid(&gateway, &unique("nobody"), "evt_2").await;
    until_state(&gateway, &parked, "parked").await;

    let (_, shown) = gateway
        .get(&format!("/v1/events/{arrived}?proof=true"))
        .await;
    let proof = &shown["deliveries"][0]["proof"];
    assert!(
        proof["event_id"].as_i64().is_some_and(|id| id > 1),
        "{shown:#}"
    );
    let run = proof["run_id"].as_str().expect("a run");
    let url =
        format!("https://temporal.example/namespaces/default/workflows/{workflow}/{run}/history");
    assert_eq!(proof["url"], json!(url));
    let (_, shown) = gateway
        .get(&format!("/v1/events/{parked}?proof=true"))
        .await;
    let delivery = &shown["deliveries"][0];
    assert_eq!(delivery.get("proof"), Some(&Value::Null));
    // A workflow that Temporal does not know may have been forgotten.
    assert!(delivery["proof_unknown"].is_string(), "{shown:#}");
    let plain = event(&gateway, &arrived).await;
    assert!(
        plain["deliveries"][0].get("proof").is_none(),
        "only where it was asked for"
    );
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
    let lines = audit(&gateway, "replay", 4).await;
    assert!(lines.iter().all(|line| line["event"] == json!(id)));
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
    let who_saw = audit(&gateway, "body", 2).await;
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
    let outcomes: Vec<_> = audit(&gateway, "reload", 2)
        .await
        .iter()
        .map(|l| l["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["refused", "done"]);
}

#[tokio::test]
async fn what_is_wrong_with_an_action_is_named_and_nothing_sent_is_repeated() {
    let gateway = setup("", NO_TEMPORAL).start().await;
    let bulk = "/v1/deliveries/retry";
    let one = format!("/v1/events/{}/replay", EventId::at(clock::now()));
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

//! Callers who ask the same, before a Temporal that answers when the test says so.

use prost::Message as _;
use temporalio_common::protos::temporal::api::workflowservice::v1::QueryWorkflowResponse;

use super::*;
use crate::support::temporal::{FakeTemporal, Reply};
use crate::support::{until, worker};

/// The answer of a query, as text.
fn says(text: &str) -> Reply {
    let answer = QueryWorkflowResponse {
        query_result: Some(
            temporalio_common::protos::temporal::api::common::v1::Payloads {
                payloads: worker::text(text).payloads,
            },
        ),
        ..Default::default()
    };
    Reply::Message(answer.encode_to_vec())
}

struct Stage {
    fake: FakeTemporal,
    gateway: Gateway,
    alice: Alice,
}

impl Stage {
    async fn start() -> Self {
        let fake = FakeTemporal::start().await;
        let idp = IdentityProvider::new().expect("keys");
        let gateway = gateway(&idp, &fake.address.to_string()).await;
        gateway.connected().await;
        let alice = Alice::at(&gateway, &idp);
        Self {
            fake,
            gateway,
            alice,
        }
    }

    fn caller(&self, path: &str) -> tokio::task::JoinHandle<Answer> {
        tokio::spawn(self.alice.ask(path))
    }

    /// Waits until so many wait for an answer.
    async fn callers(&self, count: usize) {
        crate::support::eventually(&format!("{count} callers wait"), || async {
            has_callers(&self.gateway, count).await
        })
        .await;
    }
}

async fn has_callers(gateway: &Gateway, count: usize) -> bool {
    let line = format!("\nsignalpost_query_callers {count}\n");
    gateway.metrics().await.contains(&line)
}

#[tokio::test]
async fn two_hundred_callers_are_two_questions() {
    let stage = Stage::start().await;
    stage.fake.otherwise(|_| says("paid"));
    stage.fake.hold("order-1");
    let mut callers = vec![stage.caller("/orders/1/patient")];
    stage.fake.until_received("order-1", 1).await;
    callers.extend((1..200).map(|_| stage.caller("/orders/1/patient")));
    stage.callers(200).await;
    assert_eq!(stage.fake.methods("order-1"), ["QueryWorkflow"]);
    stage.fake.release();
    for caller in callers {
        let answered = caller.await.expect("no panic");
        assert_eq!((answered.status, &*answered.text), (200, "\"paid\""));
        assert_eq!(answered.headers["cache-control"], "no-store");
    }
    assert_eq!(stage.fake.received("order-1").len(), 2);
    assert_eq!(stage.fake.most_in_flight("order-1"), 1);
    stage.callers(0).await;
}

#[tokio::test]
async fn nobody_is_told_what_was_so_before_it_came() {
    let stage = Stage::start().await;
    stage
        .fake
        .script("order-1", [says("before"), says("after")]);
    stage.fake.hold("order-1");
    let early = stage.caller("/orders/1/patient");
    // Its answer is made up already; from here on something else is so.
    stage.fake.until_received("order-1", 1).await;
    let late = stage.caller("/orders/1/patient");
    stage.callers(2).await;
    stage.fake.release();
    assert_eq!(early.await.expect("no panic").text, "\"before\"");
    assert_eq!(late.await.expect("no panic").text, "\"after\"");
}

#[tokio::test]
async fn other_orders_and_other_rules_are_other_questions() {
    let stage = Stage::start().await;
    stage.fake.otherwise(|request| says(&request.workflow));
    let one = stage.caller("/orders/1/patient").await.expect("no panic");
    let other = stage.caller("/orders/2/patient").await.expect("no panic");
    assert_eq!((&*one.text, &*other.text), ("\"order-1\"", "\"order-2\""));

    stage.fake.hold("order-3");
    let held = stage.caller("/orders/3/patient");
    stage.fake.until_received("order-3", 1).await;
    let beside = stage.caller("/orders/3/pinned");
    stage.fake.until_received("order-3", 2).await;
    stage.fake.release();
    assert_eq!(held.await.expect("no panic").status, 200);
    assert_eq!(beside.await.expect("no panic").status, 200);
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_its_question_at_temporal() {
    let stage = Stage::start().await;
    stage.fake.script("order-1", [Reply::Hang]);
    let caller = stage.caller("/orders/1/patient");
    stage.fake.until_received("order-1", 1).await;
    stage.callers(1).await;
    caller.abort();
    stage.callers(0).await;
    until("the question is given up", || {
        stage.fake.in_flight("order-1") == 0
    })
    .await;
    // A question whose time had run out would count.
    let metrics = stage.gateway.metrics().await;
    assert!(!metrics.contains("method=\"QueryWorkflow\""), "{metrics}");
}

#[tokio::test]
async fn an_answer_is_kept_where_the_rule_says_so_until_a_reload() {
    let stage = Stage::start().await;
    stage.fake.otherwise(|_| says("paid"));
    for _ in 0..3 {
        let answered = stage.caller("/orders/1/cached").await.expect("no panic");
        assert_eq!((answered.status, &*answered.text), (200, "\"paid\""));
        assert_eq!(answered.headers["cache-control"], "no-store");
        let age: u64 = answered.headers["age"].to_str().unwrap().parse().unwrap();
        assert!(age <= 60, "{age}");
    }
    assert_eq!(stage.fake.received("order-1").len(), 1);
    let fresh = stage.caller("/orders/1/patient").await.expect("no panic");
    assert!(!fresh.headers.contains_key("age"));
    assert_eq!(stage.fake.received("order-1").len(), 2);

    let other = format!("{ROUTES}\n# another file\n");
    stage.gateway.replace("routes.toml", &other);
    stage.gateway.hang_up();
    crate::support::eventually("the file is taken", async || {
        stage.gateway.get("/v1/config").await.1["generation"] == 2
    })
    .await;
    stage.caller("/orders/1/cached").await.expect("no panic");
    assert_eq!(stage.fake.received("order-1").len(), 3);
}

#[tokio::test]
async fn head_is_asked_like_get_and_answered_without_a_body() {
    let stage = Stage::start().await;
    stage.fake.otherwise(|_| says("paid"));
    let token = &stage.alice.token;
    let request = format!(
        "HEAD /orders/1/patient HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let stream = exchange::connect(&stage.gateway, request.as_bytes()).await;
    let said = exchange::rest(stream).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(said.ends_with("\r\n\r\n"), "{said}");
    assert_eq!(stage.fake.methods("order-1"), ["QueryWorkflow"]);
}

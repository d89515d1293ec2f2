//! Where did this webhook go? From the event to its trace, also after somebody had it sent again.

use reqwest::header::CONTENT_TYPE;

use super::{Collector, FakeTemporal, Span, pay, server_span, setup};
use crate::cli::signalpost;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_names_its_trace_and_a_replay_goes_on_with_it() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let gateway = setup(collector.address(), &fake.address.to_string())
        .start()
        .await;
    let answer = pay(&gateway, "found", "").await;
    let event = answer.body["event"].as_str().expect("an id");
    let request = server_span(&collector).await;
    fake.until_received("order-found", 1).await;
    gateway.settled().await;

    let (ops, id) = (gateway.ops().to_owned(), event.to_owned());
    let shown = tokio::task::spawn_blocking(move || {
        let mut command = signalpost(&["events", "show", &id, "--ops-url", &ops]);
        command.output().expect("the binary runs")
    });
    let shown = shown.await.expect("it ends");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let named = |line: &str| line.trim() == format!("trace     {}", request.trace);
    assert!(shown.lines().any(named), "{shown}");

    let url = format!("{}/v1/events/{event}/replay", gateway.ops());
    let replayed = reqwest::Client::new()
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .body(r#"{"again":true}"#)
        .send();
    assert_eq!(replayed.await.expect("an answer").status(), 200);
    let first = fake.until_received("order-found", 2).await;
    assert_ne!(first[0].request_id, first[1].request_id);
    let attempts = || {
        let of_trace = |span: &Span| span.is_client() && span.parent == request.id;
        collector.spans().into_iter().filter(of_trace).count()
    };
    super::until("both attempts are of the trace", || attempts() == 2).await;
}

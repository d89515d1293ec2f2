//! No receiver, a slow one, none wanted: webhooks and deliveries go on as if nothing were.

use super::{Collector, FakeTemporal, Gateway, pay, sender, setup, traceparent, until};

/// How many spans were lost, by cause.
async fn lost(gateway: &Gateway, reason: &str) -> u64 {
    let name = format!("signalpost_spans_dropped_total{{reason=\"{reason}\"}} ");
    let metrics = gateway.metrics().await;
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.map_or(0, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_nobody_takes_are_counted_and_said_once() {
    let fake = FakeTemporal::start().await;
    let gateway = setup("http://127.0.0.1:1", &fake.address.to_string())
        .start()
        .await;
    for number in 0..30 {
        let answer = pay(&gateway, &format!("n{number}"), "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    gateway.settled().await;
    for number in 0..30 {
        assert_eq!(fake.received(&format!("order-n{number}")).len(), 1);
    }
    // A request and its four stages, an attempt each.
    crate::support::eventually("all are counted", || async {
        lost(&gateway, "export_failed").await == 30 * 6
    })
    .await;
    let log = gateway.log();
    let lines = log.lines().filter(|line| line.contains("spans are lost"));
    assert_eq!(lines.count(), 1, "{log}");
    assert!(
        !log.contains("127.0.0.1:1/"),
        "the address is not said: {log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_delays_neither_webhooks_nor_the_end() {
    let collector = Collector::hanging().await;
    let fake = FakeTemporal::start().await;
    let mut gateway = setup(collector.address(), &fake.address.to_string())
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")
        .env("OTEL_BSP_MAX_QUEUE_SIZE", "20")
        .flag("--drain-delay", "0s")
        .flag("--drain", "2s")
        .start()
        .await;
    for number in 0..30 {
        assert_eq!(pay(&gateway, &format!("n{number}"), "").await.status, 200);
    }
    gateway.settled().await;
    let lost = lost(&gateway, "queue_full").await;
    assert!((100..=180).contains(&lost), "all but about twenty: {lost}");
    let asked = std::time::Instant::now();
    gateway.terminate();
    assert!(gateway.exited().await.success());
    let took = asked.elapsed();
    assert!(took.as_secs() < 20, "the end took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switched_off_it_leaves_no_trace_of_itself() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let mut gateway = setup(collector.address(), &fake.address.to_string())
        .env("OTEL_SDK_DISABLED", "true")
        .start()
        .await;
    let answer = pay(&gateway, "off", &traceparent("01")).await;
    assert_eq!(answer.status, 200);
    let received = fake.until_received("order-off", 1).await;
    assert!(!received[0].header.contains_key("_tracer-data"));
    let event = answer.body["event"].as_str().expect("an id");
    let (_, shown) = gateway.get(&format!("/v1/events/{event}")).await;
    assert!(shown["deliveries"][0].get("trace_id").is_none(), "{shown}");
    let threads = std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).expect("threads");
    for thread in threads {
        let name = thread.expect("a thread").path().join("comm");
        let name = std::fs::read_to_string(name).unwrap_or_default();
        assert!(!name.starts_with("OpenTelemetry"), "{name}");
    }
    assert!(!gateway.log().contains("trace_id"));
    gateway.terminate();
    gateway.exited().await;
    assert!(collector.spans().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_that_cannot_be_obeyed_costs_the_traces_and_not_the_start() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "t0p-s3cret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ssl/collector.pem"),
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_TRACES_EXPORTER", "otlp,console"),
    ] {
        let gateway = setup(collector.address(), &fake.address.to_string())
            .env(name, value)
            .start()
            .await;
        assert_eq!(pay(&gateway, name, "").await.status, 200);
        let received = fake.until_received(&format!("order-{name}"), 1).await;
        assert!(!received[0].header.contains_key("_tracer-data"), "{name}");
        let log = gateway.log();
        let said = log.lines().filter(|line| line.contains("cannot be obeyed"));
        let said: Vec<_> = said.collect();
        assert_eq!(said.len(), 1, "{log}");
        assert!(said[0].contains(name) && said[0].contains("there are no traces"));
        assert!(!log.contains("t0p-s3cret"), "{log}");
    }
    assert!(collector.spans().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_spans_leave_before_the_end() {
    let collector = Collector::start().await;
    let fake = FakeTemporal::start().await;
    let mut gateway = setup(collector.address(), &fake.address.to_string())
        .env("OTEL_BSP_SCHEDULE_DELAY", "600000")
        .flag("--drain-delay", "0s")
        .start()
        .await;
    assert_eq!(pay(&gateway, "last", "").await.status, 200);
    gateway.settled().await;
    assert!(collector.spans().is_empty(), "they wait");
    gateway.terminate();
    gateway.exited().await;
    until("they have come", || collector.spans().len() == 6).await;
    let secret = sender::STRIPE_SECRET.as_bytes();
    let raw = collector.raw();
    assert!(!raw.windows(secret.len()).any(|part| part == secret));
}

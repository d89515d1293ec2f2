//! A worker of Temporal's Python SDK, with the SDK's own OpenTelemetry interceptor, goes on with our trace.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Collector, Setup, Span, Workflows, attempt_span, pay, sender, server_span, unique};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "payment"
source   = "stripe"
workflow = "traced-QUEUE"
signal   = "payment_received"
args     = ["${body.data.object.id}"]
missing  = { start = { type = "Traced", task_queue = "QUEUE", args = [] } }
"#;

struct Worker(Child);

impl Worker {
    /// None: there is no Python with what it needs.
    fn start(address: &str, queue: &str, collector: &str) -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = here.join("target/tracing-worker/bin/python");
        if !python.exists() {
            eprintln!("skipped: no target/tracing-worker; tests/run installs one");
            return None;
        }
        let child = Command::new(python)
            .arg(here.join("tests/tracing/worker.py"))
            .args([address, queue])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            .env("OTEL_SERVICE_NAME", "orders")
            .stdin(Stdio::piped())
            .spawn();
        Some(Self(child.expect("the worker starts")))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.0.kill();
        let _ended: Result<_, _> = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spans_of_a_python_worker_join_the_trace_of_the_webhook() {
    let collector = Collector::start().await;
    let workflows = Workflows::connect().await;
    let queue = unique("traced");
    let Some(_worker) = Worker::start(workflows.address(), &queue, collector.address()) else {
        return;
    };
    let gateway = Setup::new(&ROUTES.replace("QUEUE", &queue), workflows.address())
        .env("SECRET", sender::STRIPE_SECRET)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address())
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .start()
        .await;
    assert_eq!(pay(&gateway, "first", "").await.status, 200);
    let request = server_span(&collector).await;
    let started = attempt_span(&collector).await;
    let of_worker = async |name: &'static str| {
        let fits = move |span: &Span| span.service == "orders" && span.name == name;
        collector.span(name, fits).await
    };
    let run = of_worker("RunWorkflow:Traced").await;
    assert_eq!((&run.trace, &run.parent), (&request.trace, &started.id));
    let handled = of_worker("HandleSignal:payment_received").await;
    assert_eq!(
        (&handled.trace, &handled.parent),
        (&request.trace, &started.id)
    );

    // A signal to a workflow that runs already: this SDK keeps the workflow's trace and links the signal's.
    assert_eq!(pay(&gateway, "second", "").await.status, 200);
    let other = |span: &Span| span.is_client() && span.trace != request.trace;
    let second = collector.span("the second attempt", other).await;
    let linked = vec![(second.trace, second.id)];
    collector
        .span("a handler with a link", |span| {
            span.name == "HandleSignal:payment_received" && span.links == linked
        })
        .await;
    of_worker("CompleteWorkflow:Traced").await;
}

//! What deploy/ says about metrics, against a real Prometheus that scrapes a real gateway: rules, their tests, the dashboard.
//!
//! `promtool` and `prometheus` are Debian's package; tests/run installs it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::deploy::page;
use crate::support::eventually;
use crate::support::gateway::{Gateway, Setup};
use crate::support::sender;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "payment"
source   = "stripe"
on       = "payment_intent.succeeded"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "payment_received"

[[queries]]
name     = "status"
path     = "/orders/{id}/status"
workflow = "order-${path.id}"
query    = "get_status"
issuer   = "corp"
allow    = ["*"]

[issuers.corp]
issuer   = "https://idp.example.com/"
audience = "signalpost"
secrets  = ["env:SHARED"]
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(folder())
        .output()
        .expect("promtool: tests/run installs Debian's prometheus");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn rules() -> Vec<Value> {
    let yaml: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&page("deploy/alerts.yaml")).expect("YAML");
    let json = serde_json::to_value(yaml).expect("JSON");
    json["groups"][0]["rules"]
        .as_array()
        .expect("rules")
        .clone()
}

#[test]
fn the_alerts_are_good_rules_and_their_tests_hold() {
    promtool(&["check", "rules", "alerts.yaml"]);
    promtool(&["test", "rules", "alerts.test.yaml"]);
}

#[test]
fn every_alert_has_a_test_for_yes_and_no_and_a_heading_in_the_runbook() {
    let runbook = page("deploy/runbook.md");
    let tests = page("deploy/alerts.test.yaml");
    let rules = rules();
    assert!(!rules.is_empty());
    for rule in rules {
        let name = rule["alert"].as_str().expect("a name");
        assert!(runbook.contains(&format!("\n### {name}\n")), "{name}");
        let link = format!("deploy/runbook.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], link.as_str());
        let asked = format!("alertname: {name}\n");
        let of_it: Vec<&str> = tests.split(&asked).skip(1).collect();
        let quiet = |text: &&str| text.trim_start().starts_with("exp_alerts: []");
        assert!(of_it.iter().any(quiet), "{name} is never quiet");
        assert!(!of_it.iter().all(quiet), "{name} never fires");
    }
}

/// Names of ours in a PromQL expression, without what histograms append.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    expression
        .split(|c| !word(c))
        .filter(|name| name.starts_with("signalpost_"))
        .map(|name| name.trim_end_matches("_bucket").to_owned())
        .collect()
}

fn panels() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&page("deploy/dashboard.json")).expect("JSON");
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            let title = panel["title"].as_str().expect("a title");
            queries.push((title.to_owned(), expression.to_owned()));
        }
    }
    queries
}

/// Metrics that only appear with TLS, with `silence`, once Temporal has refused us, or once something was delivered or asked.
const ELSEWHERE: [&str; 7] = [
    "signalpost_tls_certificate_expiry_timestamp_seconds",
    "signalpost_tls_last_reload_successful",
    "signalpost_source_silent",
    "signalpost_temporal_refusals_total",
    "signalpost_temporal_requests_total",
    "signalpost_delivery_lag_seconds",
    "signalpost_query_duration_seconds",
];

async fn busy_gateway() -> Gateway {
    let gateway = Setup::new(ROUTES, "127.0.0.1:1")
        .env("SECRET", sender::STRIPE_SECRET)
        .env("SHARED", "a secret of thirty-two bytes, no less")
        .start()
        .await;
    let body = sender::payment("1", "evt_1", 4999);
    let url = gateway.public();
    let answer = sender::stripe(url, sender::STRIPE_SECRET, &body).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let forged = sender::stripe(url, "whsec_another", &body).await;
    assert_eq!(forged.expect("an answer").status, 401);
    gateway
}

#[tokio::test]
async fn every_metric_that_alerts_and_dashboard_name_is_exported() {
    let gateway = busy_gateway().await;
    let text = gateway.metrics().await;
    let declared: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let expressions = rules()
        .into_iter()
        .map(|rule| rule["expr"].as_str().expect("an expression").to_owned())
        .chain(panels().into_iter().map(|(_, expression)| expression));
    for expression in expressions {
        for name in metrics_in(&expression) {
            let bare = name.trim_end_matches("_total").trim_end_matches("_info");
            let known = declared.contains(&*name) || declared.contains(bare);
            assert!(
                known || ELSEWHERE.contains(&&*name),
                "{name} in {expression}"
            );
        }
    }
}

struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Prometheus {
    fn scraping(target: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n  - job_name: signalpost\n    static_configs: [{{ targets: [{target:?}] }}]\n",
            self::folder().join("alerts.yaml").display()
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).expect("its config");
        // The system picks a port; what takes it meanwhile makes Prometheus end, and the test fail with its log.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                folder.path().join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus: tests/run installs Debian's package");
        Self {
            child,
            url: format!("http://{address}"),
            _folder: folder,
        }
    }

    /// The result of an expression now; none while it does not answer.
    async fn ask(&self, expression: &str) -> Option<Value> {
        let response = reqwest::Client::new()
            .post(format!("{}/api/v1/query", self.url))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("query={}", urlencode(expression)))
            .send()
            .await
            .ok()?;
        let text = response.text().await.ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        assert_eq!(answer["status"], "success", "{expression}: {text}");
        Some(answer["data"]["result"].clone())
    }

    /// Whether the expression has any series now.
    async fn has(&self, expression: &str) -> bool {
        let result = self.ask(expression).await;
        result.is_some_and(|result| result.as_array().is_some_and(|series| !series.is_empty()))
    }
}

fn urlencode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn every_panel_asks_a_real_prometheus_what_it_can_answer() {
    let gateway = busy_gateway().await;
    let target = gateway.ops().trim_start_matches("http://").to_owned();
    let prometheus = Prometheus::scraping(&target);
    eventually("two scrapes", async || {
        prometheus
            .has("count_over_time(signalpost_build_info[1m]) >= 2")
            .await
    })
    .await;
    let queries = panels();
    assert!(queries.len() > 20);
    let mut empty = Vec::new();
    for (title, expression) in queries {
        let expression = expression
            .replace("$job", "signalpost")
            .replace("$__rate_interval", "1m");
        if !prometheus.has(&expression).await {
            empty.push(title);
        }
    }
    // Nothing is delivered here: Temporal is away.
    let known = [
        "From acceptance to signal, 99 of 100",
        "Calls to Temporal, by code",
        "Answered within, 99 of 100",
    ];
    empty.retain(|title| !known.contains(&title.as_str()));
    assert!(empty.is_empty(), "panels without data: {empty:?}");
    // The rules are loaded and evaluated, and the one on Temporal is on its way.
    eventually("the alert on Temporal", async || {
        prometheus
            .has("ALERTS{alertname=\"SignalpostTemporalUnreachable\"}")
            .await
    })
    .await;
}

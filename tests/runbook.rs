//! The runbook's form, and its commands: run as they stand there against a gateway that has something of everything.
//!
//! Other pages of deploy/ too. What cannot run here (clusters, containers, service managers) is known by its first word, and is
//! only read by the shell.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::deploy::page;
use crate::support::gateway::{Gateway, Setup};
use crate::support::redis::Redis;
use crate::support::workflows::{Workflows, unique};
use crate::support::{eventually, sender};

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
missing  = "park"

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

const SHARED: &str = "a secret of thirty-two bytes, no less";
const TOKEN: &str = "the-token-of-an-operator";

/// Lines that begin so need what is not here, change this machine, or do not end.
const ELSEWHERE: [&str; 10] = [
    "kubectl",
    "docker",
    "helm",
    "systemctl",
    "sudo",
    "cargo",
    "just",
    "signalpost serve",
    "deploy/rolling-restart.sh",
    "install",
];

/// A fenced block: what stands behind its fence, and its text.
struct Block {
    info: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                let info = info.trim().to_owned();
                open = Some(Block {
                    info,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

#[test]
fn every_heading_says_what_it_means_what_to_look_at_and_what_to_do() {
    let runbook = page("deploy/runbook.md");
    let mut wrong = Vec::new();
    for chapter in runbook.split("\n## ").skip(1) {
        let mut sections = chapter.split("\n### ");
        let intro = sections.next().unwrap_or_default();
        for section in sections {
            let (title, body) = section.split_once('\n').unwrap_or((section, ""));
            let means = body.split("**").next().unwrap_or_default();
            let looks = intro.contains("\n**Look:** ") || body.contains("\n**Look:** ");
            if means.trim().is_empty() || !looks || body.matches("\n**Do:** ").count() != 1 {
                wrong.push(title);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "a meaning, **Look:** (or its chapter's) and one **Do:** are wanted of: {wrong:#?}"
    );
}

/// A gateway with something of everything in it.
struct Scene {
    gateway: Gateway,
    workflows: Workflows,
    redis: Redis,
}

impl Scene {
    async fn set() -> Self {
        let workflows = Workflows::connect().await;
        let redis = Redis::start().await;
        let gateway = Setup::new(ROUTES, workflows.address())
            .env("SECRET", sender::STRIPE_SECRET)
            .env("SHARED", SHARED)
            .file("ops-token", TOKEN)
            .flag("--ops-token-file", "FOLDER/ops-token")
            .start()
            .await;
        gateway.connected().await;
        let scene = Self {
            gateway,
            workflows,
            redis,
        };
        scene.deliver_and_refuse().await;
        scene
    }

    async fn deliver_and_refuse(&self) {
        let order = unique("run");
        self.workflows.start(&format!("order-{order}")).await;
        let body = sender::payment(&order, &unique("evt"), 4999);
        self.post(sender::STRIPE_SECRET, &body, 200).await;
        self.workflows.signals(&format!("order-{order}"), 1).await;
        self.post("another secret of the same length", &body, 401)
            .await;
        let now = signalpost::clock::now().seconds();
        let signature = sender::stripe_signature(sender::STRIPE_SECRET, now, &body);
        let captured = format!(
            "POST /hooks/stripe HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nStripe-Signature: {signature}\r\n\r\n{body}"
        );
        std::fs::write(self.gateway.folder().join("captured.http"), captured).expect("a capture");
    }

    async fn post(&self, secret: &str, body: &str, status: u16) {
        let answer = sender::stripe(self.gateway.public(), secret, body).await;
        assert_eq!(answer.expect("an answer").status, status);
    }

    /// One event more that is parked, and one unrouted: what a command did away with is there for the next one.
    async fn prepare(&self) -> (String, String) {
        let key = unique("evt");
        self.post(
            sender::STRIPE_SECRET,
            &sender::payment(&unique("none"), &key, 1),
            200,
        )
        .await;
        let other = format!(r#"{{"id":"{}","type":"charge.refunded"}}"#, unique("evt"));
        self.post(sender::STRIPE_SECRET, &other, 200).await;
        let found = std::sync::Mutex::new((String::new(), String::new()));
        eventually("it is parked", || async {
            let url = format!("{}/v1/events?state=parked&key={key}", self.gateway.ops());
            let answer = reqwest::Client::new()
                .get(url)
                .bearer_auth(TOKEN)
                .send()
                .await;
            let text = answer.expect("an answer").text().await.expect("a body");
            let page: Value = serde_json::from_str(&text).expect("JSON");
            let event = &page["events"][0];
            let id = |value: &Value| value.as_str().map(str::to_owned);
            let ids = id(&event["id"]).zip(id(&event["deliveries"][0]["id"]));
            ids.inspect(|ids| ids.clone_into(&mut found.lock().expect("ids")))
                .is_some()
        })
        .await;
        found.into_inner().expect("ids")
    }

    /// As a person would, in the folder of the routing file.
    async fn run(&self, text: &str) -> Output {
        let (event, delivery) = self.prepare().await;
        let binary = Path::new(env!("CARGO_BIN_EXE_signalpost"));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", binary.parent().expect("a folder").display());
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", text])
            .current_dir(self.gateway.folder())
            .env("PATH", path)
            .env("SIGNALPOST_OPS_URL", self.gateway.ops())
            .env("SIGNALPOST_OPS_TOKEN", TOKEN)
            .env("SIGNALPOST_STORE", self.gateway.store())
            .env("REDIS_URL", self.redis.url())
            .env("SECRET", sender::STRIPE_SECRET)
            .env("SHARED", SHARED)
            .env("SOURCE", "stripe")
            .env("ROUTE", "payment")
            .env("EVENT", event)
            .env("DELIVERY", delivery);
        tokio::task::spawn_blocking(move || command.output().expect("bash"))
            .await
            .expect("a thread")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_runbook_run_as_they_stand_there() {
    let scene = Scene::set().await;
    let mut done: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for block in blocks(&page("deploy/runbook.md")) {
        if !block.info.starts_with("sh") || done.contains(&block.text) {
            continue;
        }
        let output = scene.run(&block.text).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        // `curl` calls a refusal a success.
        let refused = said.contains("urn:signalpost:");
        if !output.status.success() || refused || said.is_empty() {
            wrong.push(format!("{}{}\n{said}", block.text, output.status));
        }
        done.push(block.text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
    assert!(done.len() > 30, "only {} blocks were found", done.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_other_pages_run_or_are_at_least_commands() {
    let scene = Scene::set().await;
    let mut ran = 0;
    for name in [
        "deploy/README.md",
        "deploy/upgrade.md",
        "deploy/kubernetes/README.md",
    ] {
        for block in blocks(&page(name)) {
            if !block.info.starts_with("sh") {
                continue;
            }
            let here = |line: &str| {
                !ELSEWHERE
                    .iter()
                    .any(|word| line.trim_start().starts_with(word))
            };
            if block.info == "sh" && block.text.lines().all(here) && !name.contains("kubernetes") {
                let output = scene.run(&block.text).await;
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name}: {}{said}", block.text);
                ran += 1;
            } else {
                let output = Command::new("sh").args(["-n", "-c", &block.text]).output();
                let output = output.expect("sh");
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name}: {}{said}", block.text);
            }
        }
    }
    assert!(ran > 2, "only {ran} blocks ran");
}

//! `signalpost dev` as a person uses it: a Temporal, a gateway, events as they move, reload on save.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::cli::signalpost;
use crate::support::sender;

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[[routes]]
name     = "every"
source   = "stripe"
workflow = "order-${body.data.object.metadata.order_id}"
signal   = "paid"
missing  = "park"
"#;

/// A running `dev`, and what it says line by line.
struct Dev {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Dev {
    /// Reads on until a line contains `what`; that line.
    fn until(&mut self, what: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_mins(1));
            let Ok(line) = line else {
                panic!(
                    "`{what}` is not said within a minute:\n{}",
                    self.said.join("\n")
                );
            };
            self.said.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.child.kill();
        let _ended: Result<_, _> = self.child.wait();
    }
}

fn start(folder: &std::path::Path) -> Dev {
    let mut child = signalpost(&[
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
    ])
    .args(["--server-dir", "target", "--routes"])
    .arg(folder.join("routes.toml"))
    .env("SECRET", sender::STRIPE_SECRET)
    .stderr(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()
    .expect("dev starts");
    let (said, lines) = channel();
    let stderr = child.stderr.take().expect("stderr is piped");
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    Dev {
        child,
        lines,
        said: Vec::new(),
    }
}

#[tokio::test]
async fn dev_brings_up_everything_and_reads_the_routes_again_on_save() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("routes.toml"), ROUTES).expect("routes.toml");
    let mut dev = start(folder.path());
    dev.until("Temporal:");
    let line = dev.until("webhooks ");
    let base = line
        .split_whitespace()
        .find_map(|word| word.strip_suffix("/hooks/SOURCE"))
        .expect("the address of webhooks")
        .to_owned();

    let body = sender::payment("nobody", "evt_1", 1);
    let answer = sender::stripe(&base, sender::STRIPE_SECRET, &body)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    dev.until("parked");

    let other = ROUTES.replace("name     = \"every\"", "name     = \"renamed\"");
    std::fs::write(folder.path().join("routes.toml"), other).expect("saved");
    dev.until("configuration loaded");
    let body = sender::payment("nobody", "evt_2", 1);
    sender::stripe(&base, sender::STRIPE_SECRET, &body)
        .await
        .expect("an answer");
    assert!(dev.until("parked").contains("renamed"));
}

//! `deploy/rolling-restart.sh` with processes in place of pods: two replicas behind a balancer, under load, and nobody is refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::support::redis::{Redis, free_port};
use crate::support::workflows::{PrivateServer, unique};
use crate::support::{eventually, ledger, provider, sender};

const NAMES: [&str; 2] = ["a", "b"];

/// What a service manager does: begins a process and forgets it.
const START: &str = r#"
case $REPLICA in a) listen=$LISTEN_A ops=$OPS_A ;; b) listen=$LISTEN_B ops=$OPS_B ;; esac
"$PROGRAM" serve --listen "$listen" --ops-listen "$ops" --routes routes.toml --store "$STORE" \
    --drain-delay 2s --drain 20s --log-format json >>"$REPLICA.log" 2>&1 </dev/null &
echo $! >"$REPLICA.pid"
"#;

const STOP: &str = r#"kill -TERM "$(cat "$REPLICA.pid")""#;

/// Replicas as processes of their own; killed when dropped.
struct Site {
    folder: TempDir,
    publics: [SocketAddr; 2],
    ops: [SocketAddr; 2],
    store: String,
    temporal: String,
}

impl Site {
    fn on(redis: &Redis, temporal: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("routes.toml"), ledger::ROUTES).expect("routes.toml");
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self {
            folder,
            publics: [address(), address()],
            ops: [address(), address()],
            store: redis.url(),
            temporal: temporal.to_owned(),
        }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("PROGRAM", env!("CARGO_BIN_EXE_signalpost"))
            .env("STORE", &self.store)
            .env("SECRET", sender::STRIPE_SECRET)
            .env("TEMPORAL_ADDRESS", &self.temporal);
        for (place, name) in ["A", "B"].iter().enumerate() {
            command.env(format!("LISTEN_{name}"), self.publics[place].to_string());
            command.env(format!("OPS_{name}"), self.ops[place].to_string());
        }
        command
    }

    async fn start(&self, name: &str) {
        let mut command = self.command("sh");
        let status = command.args(["-c", START]).env("REPLICA", name).status();
        assert!(status.await.expect("sh").success());
    }

    async fn both_ready(&self) {
        for ops in self.ops {
            eventually(
                "the replica is ready",
                || async move { is_ready(ops).await },
            )
            .await;
        }
    }

    async fn restart(&self, options: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rolling-restart.sh");
        let mut command = self.command(script);
        command.args(["--stop", STOP, "--within", "60", "--rest", "1"]);
        command.args(options);
        for (name, ops) in NAMES.iter().zip(self.ops) {
            command.arg(format!("{name}=http://{ops}"));
        }
        command.output().await.expect("the script runs")
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pid"))
    }

    fn pid(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.pid_file(name)).ok()?;
        Some(text.trim().to_owned())
    }

    fn kill(&self, name: &str) {
        if let Some(pid) = self.pid(name) {
            let killed = std::process::Command::new("kill")
                .args(["-KILL", &pid])
                .output();
            assert!(killed.is_ok());
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for name in NAMES {
            self.kill(name);
            if std::thread::panicking() {
                let log = std::fs::read_to_string(self.folder.path().join(format!("{name}.log")));
                eprintln!("log of {name}:\n{}", log.unwrap_or_default());
            }
        }
    }
}

async fn is_ready(ops: SocketAddr) -> bool {
    let answer = reqwest::get(format!("http://{ops}/ready")).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// As a real one: asks /ready ten times a second, sends to those that are ready in turn, and tries another one where a connection
/// is refused. What happens on a connection that stands it does not repair.
async fn balance(listener: TcpListener, publics: [SocketAddr; 2], ops: [SocketAddr; 2]) {
    let ready = Arc::new([AtomicBool::new(true), AtomicBool::new(true)]);
    let mut tasks = JoinSet::new();
    for (place, ops) in ops.into_iter().enumerate() {
        let ready = Arc::clone(&ready);
        tasks.spawn(async move {
            loop {
                ready[place].store(is_ready(ops).await, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }
    let mut turn = 0;
    while let Ok((mut near, _)) = listener.accept().await {
        turn += 1;
        let first = if ready[turn % 2].load(Ordering::Relaxed) {
            turn % 2
        } else {
            (turn + 1) % 2
        };
        tasks.spawn(async move {
            for place in [first, 1 - first] {
                if let Ok(mut far) = TcpStream::connect(publics[place]).await {
                    tokio::io::copy_bidirectional(&mut near, &mut far)
                        .await
                        .ok();
                    return;
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_restarts_replicas_under_load_and_refuses_nobody() {
    let server = PrivateServer::quick().await;
    let redis = Redis::start().await;
    let site = Site::on(&redis, server.address());
    for name in NAMES {
        site.start(name).await;
    }
    site.both_ready().await;
    let before: Vec<_> = NAMES.iter().map(|name| site.pid(name)).collect();
    let workflows = server.workflows().await;
    let orders: Vec<String> = (0..8).map(|_| unique("s")).collect();
    for order in &orders {
        workflows.start(&format!("order-{order}")).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let balancer = tokio::spawn(balance(listener, site.publics, site.ops));
    let stop = Arc::new(AtomicBool::new(false));
    let total = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = orders
        .iter()
        .map(|order| {
            tokio::spawn(send(
                order.clone(),
                base.clone(),
                Arc::clone(&stop),
                Arc::clone(&total),
            ))
        })
        .collect();
    let output = site.restart(&["--start", START]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let during = total.load(Ordering::Relaxed);
    assert!(output.status.success(), "{said}");
    for (name, before) in NAMES.iter().zip(before) {
        assert_ne!(site.pid(name), before, "{name} is another process now");
    }
    assert!(during > 100, "{during} events are no load");
    stop.store(true, Ordering::Relaxed);
    for (order, sender) in orders.iter().zip(senders) {
        let count = sender.await.expect("no answer but 200");
        let signals = workflows.signals(&format!("order-{order}"), count).await;
        let expected: Vec<_> = (0..count)
            .map(|number| format!("pi_{}", provider::event(order, number)))
            .collect();
        ledger::nothing_lost_twice_or_out_of_order(&expected, &signals);
    }
    balancer.abort();
    eprintln!("rolling-restart.sh: {during} events answered 200 meanwhile, none refused\n{said}");
}

/// One event after the other, each on a connection of its own; how many were answered 200.
async fn send(
    order: String,
    base: String,
    stop: Arc<AtomicBool>,
    total: Arc<AtomicUsize>,
) -> usize {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build();
    let client = client.expect("a client");
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let body = sender::payment(&order, &provider::event(&order, number), 1);
        let now = signalpost::clock::now().seconds();
        let signature = sender::stripe_signature(sender::STRIPE_SECRET, now, &body);
        let request = client.post(format!("{base}/hooks/stripe"));
        let answer = request
            .header("Content-Type", "application/json")
            .header("Stripe-Signature", signature)
            .body(body)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{order} {number}: {error:?}"));
        assert_eq!(answer.status(), 200, "{order} {number}");
        number += 1;
        total.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_script_touches_nothing_more_once_a_replica_is_not_ready() {
    let redis = Redis::start().await;
    let site = Site::on(&redis, "127.0.0.1:1");
    for name in NAMES {
        site.start(name).await;
    }
    site.both_ready().await;
    // The first one does not come back: the second is left as it is.
    let b = site.pid("b");
    let output = site.restart(&["--start", "true", "--within", "5"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a is not ready within 5s"), "{said}");
    assert!(is_ready(site.ops[1]).await && site.pid("b") == b);
    // And while it is away nothing is stopped.
    let output =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rolling-restart.sh"))
            .args([
                format!("b=http://{}", site.ops[1]),
                format!("a=http://{}", site.ops[0]),
            ])
            .args(["--stop", "false"])
            .output()
            .await
            .expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not ready: b is not touched"), "{said}");
    assert!(is_ready(site.ops[1]).await && site.pid("b") == b);
}

#[tokio::test]
async fn the_script_says_how_it_is_used() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rolling-restart.sh");
    let help = Command::new(&script)
        .arg("--help")
        .output()
        .await
        .expect("it runs");
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Usage: rolling-restart.sh"));
    for wrong in [
        &[][..],
        &["a"],
        &["a=http://127.0.0.1:1"],
        &["--within", "soon"],
        &["--nonsense"],
    ] {
        let output = Command::new(&script)
            .args(wrong)
            .output()
            .await
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

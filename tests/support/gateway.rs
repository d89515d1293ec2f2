//! The real binary, started for one test: own folder, ports picked by the system, its log read as it is written.
//!
//! The harness notices what a test forgets: a gateway that panicked fails the test that used it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{eventually, until};

/// What a gateway is started with.
pub(crate) struct Setup {
    /// `FOLDER` stands for the folder that it is written to; in flags too.
    pub(crate) routes: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) flags: Vec<String>,
    /// Address of a Temporal server, or of nothing at all.
    pub(crate) temporal: String,
    /// Files beside routes.toml: name and content.
    pub(crate) files: Vec<(String, String)>,
    /// None: beside routes.toml.
    pub(crate) store: Option<PathBuf>,
}

impl Setup {
    pub(crate) fn new(routes: &str, temporal: &str) -> Self {
        Self {
            routes: routes.to_owned(),
            env: Vec::new(),
            flags: Vec::new(),
            temporal: temporal.to_owned(),
            files: Vec::new(),
            store: None,
        }
    }

    pub(crate) fn store(mut self, path: PathBuf) -> Self {
        self.store = Some(path);
        self
    }

    fn store_in(&self, folder: &Path) -> PathBuf {
        self.store
            .clone()
            .unwrap_or_else(|| folder.join("store.db"))
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }

    pub(crate) fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    pub(crate) async fn start(self) -> Gateway {
        let folder = tempfile::tempdir().expect("a folder for the gateway");
        let routes = in_folder(&self.routes, folder.path());
        std::fs::write(folder.path().join("routes.toml"), routes).expect("routes.toml");
        for (name, content) in &self.files {
            std::fs::write(folder.path().join(name), content).expect("a file beside routes.toml");
        }
        let running = Running::start(&self, folder.path()).await;
        Gateway {
            setup: self,
            folder,
            running,
        }
    }
}

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    setup: Setup,
    folder: TempDir,
    running: Running,
}

impl Gateway {
    /// Base of the public listener: `http://127.0.0.1:PORT`.
    pub(crate) fn public(&self) -> &str {
        &self.running.public
    }

    pub(crate) fn ops(&self) -> &str {
        &self.running.ops
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.setup.store_in(self.folder.path())
    }

    /// SIGKILL: no goodbye of any kind.
    pub(crate) fn kill(&mut self) {
        self.running.child.kill().expect("kill");
        self.running.child.wait().expect("wait");
    }

    /// Starts again on the same store and routes, at new ports.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.running = Running::start(&self.setup, self.folder.path()).await;
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.running.child.try_wait().expect("try_wait").is_some()
    }

    /// As [`Self::restart`], without this variable.
    pub(crate) async fn restart_without(&mut self, name: &str) {
        self.setup.env.retain(|(known, _)| known != name);
        self.restart().await;
    }

    /// SIGTERM, without waiting for the end.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGHUP: read the routing file anew.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// SIGSTOP: it does nothing more, and its connections stay open.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on, and does not know that it was away.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.running.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Puts a file beside routes.toml, or routes.toml itself, in one step.
    pub(crate) fn replace(&self, name: &str, content: &str) {
        let content = content.replace("FOLDER", &self.folder().display().to_string());
        let new = self.folder().join(format!("{name}.new"));
        std::fs::write(&new, content).expect("a file");
        std::fs::rename(new, self.folder().join(name)).expect("a rename");
    }

    /// The text of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        let (_, text) = self.get("/metrics").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn exited(&mut self) -> ExitStatus {
        let child = &mut self.running.child;
        let mut status = None;
        eventually("the gateway ends", || {
            status = child.try_wait().expect("try_wait");
            std::future::ready(status.is_some())
        })
        .await;
        status.expect("ended")
    }

    /// Everything it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.running.log.lock().expect("log").join("\n")
    }

    /// The first line of the log with all of these in it; waits for it, as the log is read while it is written.
    pub(crate) async fn says(&self, parts: &[&str]) -> String {
        let found = || {
            let log = self.log();
            let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
            log.lines().find(has_all).map(str::to_owned)
        };
        until(&format!("a log line with {parts:?}"), || found().is_some()).await;
        found().expect("it was there")
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = reqwest::get(format!("{}{path}", self.ops()))
            .await
            .expect("the ops listener answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Waits until it has found Temporal: before that, queries are answered 503.
    pub(crate) async fn connected(&self) {
        eventually("Temporal is found", || async {
            self.get("/ready").await.1["checks"]["temporal"]["ok"] == true
        })
        .await;
    }

    /// Waits until no delivery is pending.
    pub(crate) async fn settled(&self) {
        eventually("every delivery is settled", || async {
            let (_, page) = self.get("/v1/events?state=pending&limit=1").await;
            page["events"].as_array().is_some_and(Vec::is_empty)
        })
        .await;
    }
}

struct Running {
    child: Child,
    public: String,
    ops: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    async fn start(setup: &Setup, folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_signalpost"))
            .arg("serve")
            .args([
                "--listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
            ])
            .arg("--routes")
            .arg(folder.join("routes.toml"))
            .arg("--store")
            .arg(setup.store_in(folder))
            .args(setup.flags.iter().map(|flag| in_folder(flag, folder)))
            .envs(setup.env.iter().map(|(name, value)| (name, value)))
            .env("TEMPORAL_ADDRESS", &setup.temporal)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the gateway starts");
        let (log, addresses) = read_log(&mut child);
        let (public, ops) =
            tokio::task::spawn_blocking(move || addresses.recv_timeout(Duration::from_mins(1)))
                .await
                .expect("the log reader")
                .unwrap_or_else(|_| {
                    panic!(
                        "the gateway says where it listens; it said:\n{}",
                        log.lock().expect("log").join("\n")
                    )
                });
        Self {
            child,
            public,
            ops,
            log,
        }
    }
}

/// With the folder in the place of its name.
fn in_folder(text: &str, folder: &Path) -> String {
    text.replace("FOLDER", &folder.display().to_string())
}

type Log = Arc<Mutex<Vec<String>>>;

/// Collects stderr in a thread; sends the addresses once the gateway has said them.
fn read_log(child: &mut Child) -> (Log, Receiver<(String, String)>) {
    let log = Log::default();
    let lines = Arc::clone(&log);
    let (found, addresses) = channel();
    let stderr = child.stderr.take().expect("stderr is piped");
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if let (Some(public), Some(ops)) = (entry["public"].as_str(), entry["ops"].as_str()) {
                let _sent: Result<_, _> =
                    found.send((format!("http://{public}"), format!("http://{ops}")));
            }
            lines.lock().expect("log").push(line);
        }
    });
    (log, addresses)
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.running.child.kill();
        let _ended: Result<_, _> = self.running.child.wait();
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("log of the gateway:\n{log}");
        } else {
            assert!(!log.contains("panicked at"), "the gateway panicked:\n{log}");
        }
    }
}

//! The real gateway, as released: a process of its own with a store of its own, and what it says of itself.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::{Failure, process, stripe};

const POLL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(2);

/// Killed when dropped.
pub(crate) struct Gateway {
    /// `host:port` of the public listener.
    pub(crate) public: String,
    ops: String,
    pub(crate) pid: u32,
    http: reqwest::Client,
    child: Child,
    folder: TempDir,
}

/// What had been delivered, and how long that had taken, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) count: f64,
    pub(crate) pending: f64,
    lag_seconds: f64,
    lags: f64,
}

impl Delivered {
    /// Mean lag since `before`, in milliseconds.
    pub(crate) fn mean_lag_ms(self, before: Self) -> f64 {
        (self.lag_seconds - before.lag_seconds) / (self.lags - before.lags) * 1_000.0
    }
}

impl Gateway {
    /// Returns once it is connected to the Temporal at `temporal`.
    pub(crate) async fn start(temporal: &str) -> Result<Self, Failure> {
        Self::start_with(temporal, stripe::ROUTES).await
    }

    pub(crate) async fn start_with(temporal: &str, routes: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("routes.toml"), routes)?;
        let gateway = Self::launch_in(folder, temporal, &[]).await?;
        gateway.until_connected().await?;
        Ok(gateway)
    }

    /// The same on a store that other gateways may share.
    pub(crate) async fn start_on(store: &str, temporal: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("routes.toml"), stripe::ROUTES)?;
        let gateway = Self::launch_on(OsStr::new(store), folder, temporal, &[]).await?;
        gateway.until_connected().await?;
        Ok(gateway)
    }

    /// Returns once it listens: Temporal may come later.
    pub(crate) async fn launch(temporal: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("routes.toml"), stripe::ROUTES)?;
        Self::launch_in(folder, temporal, &[]).await
    }

    /// Ends it without warning and begins anew on the same store, with these flags.
    pub(crate) async fn restart(mut self, temporal: &str, flags: &[&str]) -> Result<Self, Failure> {
        self.child.kill().await?;
        let gateway = Self::launch_in(self.folder, temporal, flags).await?;
        gateway.until_connected().await?;
        Ok(gateway)
    }

    async fn launch_in(folder: TempDir, temporal: &str, flags: &[&str]) -> Result<Self, Failure> {
        let store = folder.path().join("store.db");
        Self::launch_on(store.as_os_str(), folder, temporal, flags).await
    }

    async fn launch_on(
        store: &OsStr,
        folder: TempDir,
        temporal: &str,
        flags: &[&str],
    ) -> Result<Self, Failure> {
        let mut command = command(folder.path(), temporal);
        let mut child = command.arg("--store").arg(store).args(flags).spawn()?;
        let pid = child.id().ok_or("the gateway ended at once")?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let (public, ops) = tokio::time::timeout(PATIENCE, addresses(stderr)).await??;
        Ok(Self {
            public,
            ops,
            pid,
            http: reqwest::Client::new(),
            child,
            folder,
        })
    }

    pub(crate) async fn until_connected(&self) -> Result<(), Failure> {
        let connected = async {
            loop {
                let ready: Value = serde_json::from_str(&self.get("/ready").await?)?;
                if ready.pointer("/checks/temporal/ok") == Some(&Value::Bool(true)) {
                    return Ok(());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await?
    }

    /// Waits until so many have been delivered.
    pub(crate) async fn until_delivered(&self, count: f64) -> Result<Delivered, Failure> {
        self.until(|now| now.count >= count).await
    }

    /// Waits until it has delivered so many itself, since it started.
    pub(crate) async fn until_signalled(&self, count: f64) -> Result<Delivered, Failure> {
        self.until(|now| now.lags >= count).await
    }

    async fn until(&self, reached: impl Fn(&Delivered) -> bool) -> Result<Delivered, Failure> {
        let delivered = async {
            loop {
                let now = self.delivered().await?;
                if reached(&now) {
                    return Ok(now);
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, delivered).await?
    }

    pub(crate) async fn delivered(&self) -> Result<Delivered, Failure> {
        let text = self.get("/metrics").await?;
        let value = |series: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(series));
            let value = line.and_then(|line| line.rsplit(' ').next());
            value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        Ok(Delivered {
            count: value("signalpost_inbox_deliveries{state=\"delivered\"}"),
            pending: value("signalpost_inbox_deliveries{state=\"pending\"}"),
            lag_seconds: value("signalpost_delivery_lag_seconds_sum"),
            lags: value("signalpost_delivery_lag_seconds_count"),
        })
    }

    pub(crate) fn cpu_seconds(&self) -> Result<f64, Failure> {
        process::cpu_seconds(self.pid)
    }

    async fn get(&self, path: &str) -> Result<String, Failure> {
        let url = format!("http://{}{path}", self.ops);
        Ok(self.http.get(url).send().await?.text().await?)
    }
}

fn command(folder: &Path, temporal: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalpost"));
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
        ])
        .args(["--log-format", "json"])
        .arg("--routes")
        .arg(folder.join("routes.toml"))
        .env("TEMPORAL_ADDRESS", temporal)
        .env(stripe::SECRET_VARIABLE, stripe::SECRET)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Reads the log until it says where the gateway listens; what follows is read and thrown away, so that no line waits.
async fn addresses(stderr: ChildStderr) -> Result<(String, String), Failure> {
    let mut lines = BufReader::new(stderr).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        let field = |name: &str| entry.get(name)?.as_str().map(str::to_owned);
        if let (Some(public), Some(ops)) = (field("public"), field("ops")) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((public, ops));
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(format!("the gateway does not start:\n{said}").into())
}

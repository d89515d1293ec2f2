//! A Temporal dev server of one's own: found or built, started, stopped.
//!
//! For `signalpost dev`, the demo and the tests; never for `serve`. [`binary`] says where the
//! program comes from; this file runs it on free ports of the loopback address. Imports nothing of
//! this crate.

pub mod binary;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStderr, Command};

/// A free port may be taken by somebody else before the server binds it.
const START_ATTEMPTS: usize = 5;
const START_DEADLINE: Duration = Duration::from_mins(1);
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// What is kept of the server's last words.
const TAIL_LINES: usize = 20;

/// How to run it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The `temporal` program, see [`binary::find`].
    pub binary: PathBuf,
    /// With the web interface.
    pub ui: bool,
    /// None: in memory, all is lost at the end.
    pub db_file: Option<PathBuf>,
    /// Made at the start, beside `default`.
    pub namespaces: Vec<String>,
    /// Keys and JSON values.
    pub dynamic_config: Vec<(String, String)>,
    /// None: any free one. A fixed one lets a server come back where it was.
    pub port: Option<u16>,
    /// Further arguments of `temporal server start-dev`.
    pub extra: Vec<String>,
}

/// A running server. Ends with [`DevServer::stop`], when dropped, and when this process dies.
#[derive(Debug)]
pub struct DevServer {
    // Before `child`: the watchdog must be gone before the id that it would kill can be another's.
    watchdog: Child,
    child: Child,
    ports: Ports,
    ui: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the Temporal dev server cannot be run: {0}")]
    Io(#[from] std::io::Error),
    #[error("the Temporal dev server ended at once ({status}): {tail}")]
    Ended { status: ExitStatus, tail: String },
    #[error("the Temporal dev server did not get ready within {} s: {tail}", START_DEADLINE.as_secs())]
    NotReady { tail: String },
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    grpc: u16,
    http: u16,
    metrics: u16,
    ui: u16,
}

type Tail = Arc<Mutex<Vec<String>>>;

impl DevServer {
    /// Returns once `default` and all of the given namespaces answer.
    pub async fn start(options: &Options) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            match Self::start_once(options).await {
                Err(Error::Ended { tail, .. })
                    if tail.contains("in use") && attempt < START_ATTEMPTS =>
                {
                    attempt += 1;
                }
                end => return end,
            }
        }
    }

    async fn start_once(options: &Options) -> Result<Self, Error> {
        let mut ports = free_ports().await?;
        ports.grpc = options.port.unwrap_or(ports.grpc);
        let mut child = command(options, ports).spawn()?;
        let tail = match child.stderr.take() {
            Some(stderr) => follow(stderr)?,
            None => Tail::default(),
        };
        let watchdog = watchdog(&child)?;
        let mut server = Self {
            watchdog,
            child,
            ports,
            ui: options.ui,
        };
        server.ready(&options.namespaces, &tail).await?;
        Ok(server)
    }

    /// `127.0.0.1:port` of the gRPC front end.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.grpc)
    }

    /// Where a browser finds it, if the web interface is on.
    #[must_use]
    pub fn ui_url(&self) -> Option<String> {
        self.ui
            .then(|| format!("http://127.0.0.1:{}", self.ports.ui))
    }

    /// Asks it to end, and insists after a while.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.watchdog.kill().await?;
        if let Some(id) = self.child.id() {
            Command::new("kill")
                .args(["-TERM", &id.to_string()])
                .status()
                .await?;
        }
        match tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await {
            Ok(end) => end.map(drop)?,
            Err(_) => self.child.kill().await?,
        }
        Ok(())
    }

    /// Ends it without warning, as a crash would.
    pub async fn kill(mut self) -> Result<(), Error> {
        self.watchdog.kill().await?;
        self.child.kill().await?;
        Ok(())
    }

    async fn ready(&mut self, namespaces: &[String], tail: &Tail) -> Result<(), Error> {
        let deadline = Instant::now() + START_DEADLINE;
        let mut waiting: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        waiting.push("default");
        while let Some(&namespace) = waiting.last() {
            let answers = knows(self.ports.http, namespace).await.unwrap_or(false);
            // Asked after the answer: it may have come from another process on that port.
            if let Some(status) = self.child.try_wait()? {
                let tail = last_words(tail).await;
                return Err(Error::Ended { status, tail });
            }
            if answers {
                waiting.pop();
            } else if Instant::now() >= deadline {
                let tail = last_words(tail).await;
                return Err(Error::NotReady { tail });
            } else {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}

fn command(options: &Options, ports: Ports) -> Command {
    let mut command = Command::new(&options.binary);
    command
        .args(["server", "start-dev", "--ip", "127.0.0.1"])
        .args(["--port", &ports.grpc.to_string()])
        .args(["--http-port", &ports.http.to_string()])
        .args(["--metrics-port", &ports.metrics.to_string()])
        .args(["--log-level", "error"]);
    if options.ui {
        command.args(["--ui-port", &ports.ui.to_string()]);
    } else {
        command.arg("--headless");
    }
    if let Some(file) = &options.db_file {
        command.arg("--db-filename").arg(file);
    }
    for namespace in &options.namespaces {
        command.args(["--namespace", namespace]);
    }
    for (key, value) in &options.dynamic_config {
        command.args(["--dynamic-config-value", &format!("{key}={value}")]);
    }
    command
        .args(&options.extra)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C at the terminal is for the gateway, which stops the server last.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Ends the server when this process dies, however it dies: its standard input then closes.
fn watchdog(server: &Child) -> std::io::Result<Child> {
    let id = server.id().map(|id| id.to_string()).unwrap_or_default();
    Command::new("sh")
        .args(["-c", r#"cat >/dev/null; kill -TERM "$1""#, "watchdog", &id])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Ports that are free now, all different.
async fn free_ports() -> std::io::Result<Ports> {
    let mut listeners = Vec::new();
    let mut ports = [0; 4];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    let [grpc, http, metrics, ui] = ports;
    Ok(Ports {
        grpc,
        http,
        metrics,
        ui,
    })
}

/// Whether the server's HTTP interface, and with it the front end behind, knows the namespace.
async fn knows(port: u16, namespace: &str) -> std::io::Result<bool> {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!(
            "GET /api/v1/namespaces/{namespace} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line).await?;
        Ok(status_line.ends_with(b" 200"))
    };
    tokio::time::timeout(Duration::from_secs(2), ask)
        .await
        .unwrap_or(Ok(false))
}

/// Reads what the server complains about: its pipe must never fill up, nor break. A thread, because
/// the server may outlive the runtime that started it.
fn follow(stderr: ChildStderr) -> std::io::Result<Tail> {
    let lines = BufReader::new(File::from(stderr.into_owned_fd()?)).lines();
    let tail = Tail::default();
    let kept = Arc::clone(&tail);
    let read = move || {
        for line in lines.map_while(Result::ok) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == TAIL_LINES {
                kept.remove(0);
            }
            kept.push(line);
        }
    };
    thread::Builder::new()
        .name("temporal-stderr".to_owned())
        .spawn(read)?;
    Ok(tail)
}

/// A process that has just ended may still have words in its pipe.
async fn last_words(tail: &Tail) -> String {
    tokio::time::sleep(POLL).await;
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    tail.join("\n")
}

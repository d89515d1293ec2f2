//! A real Redis for one test: own port, own folder, killed when dropped.
//!
//! `Redis::start().await` is one that keeps its promises (append-only file, synced before it answers); `Redis::with(&[…])` takes
//! further flags, of which later ones win. It can be killed, started again on the same port and folder, frozen and thawed.
//! `sentinel` beside this file puts replicas and Sentinels around it, `certificates` gives it TLS,
//! `stand_in` answers some commands in its stead.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue};
use tempfile::TempDir;

use super::within;

pub(crate) mod certificates;
pub(crate) mod sentinel;
pub(crate) mod stand_in;

/// The line of its log after which it answers; what is on disk is loaded by then.
const READY: &str = "Ready to accept connections";

/// How long a server may take to start: long, for a machine that runs everything at once.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; killed when dropped.
pub(crate) struct Redis {
    program: PathBuf,
    args: Vec<String>,
    folder: TempDir,
    port: u16,
    child: Child,
    /// How often it was started: each time has a log of its own.
    starts: u32,
}

impl Redis {
    /// Debian's, with `appendonly yes` and `appendfsync always`.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with further flags: `&["--appendfsync", "everysec"]`. `FOLDER` stands for its folder.
    pub(crate) async fn with(args: &[&str]) -> Self {
        Self::in_folder(
            program("redis-server"),
            tempfile::tempdir().expect("a folder"),
            args,
        )
        .await
    }

    /// A Valkey, which has WAITAOF; None, and a printed line, where none is installed.
    pub(crate) async fn valkey(args: &[&str]) -> Option<Self> {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/valkey/valkey-server");
        let program = if built.is_file() {
            built
        } else if let Some(found) = on_path("valkey-server") {
            found
        } else {
            eprintln!(
                "skipped: no valkey-server in target/valkey or on the PATH; tests/run installs one"
            );
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self::in_folder(program, folder, args).await)
    }

    /// In a folder that was prepared: certificates, a list of users.
    pub(crate) async fn in_folder(program: PathBuf, folder: TempDir, args: &[&str]) -> Self {
        let path = folder.path().display().to_string();
        let args: Vec<_> = args
            .iter()
            .map(|arg| arg.replace("FOLDER", &path))
            .collect();
        let (port, child) = loop {
            let port = free_port();
            let mut child = spawn(&program, folder.path(), port, 1, &args);
            // Where it did not, somebody was quicker to take the port.
            if came_up(&mut child, &log_of(folder.path(), 1)).await {
                break (port, child);
            }
        };
        Self {
            program,
            args,
            folder,
            port,
            child,
            starts: 1,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What STORE is given.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// SIGKILL: what is not in the page cache is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Kills it unless it is dead, and starts it on the same port and folder.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(&[]).await;
    }

    /// The same with further flags from now on.
    pub(crate) async fn restart_with(&mut self, args: &[&str]) {
        let path = self.folder().display().to_string();
        let more = args.iter().map(|arg| arg.replace("FOLDER", &path));
        self.args.extend(more);
        loop {
            self.kill();
            self.starts += 1;
            self.child = spawn(
                &self.program,
                self.folder.path(),
                self.port,
                self.starts,
                &self.args,
            );
            let log = log_of(self.folder.path(), self.starts);
            if came_up(&mut self.child, &log).await {
                return;
            }
        }
    }

    /// SIGSTOP: its connections stay open and nothing answers.
    pub(crate) fn pause(&self) {
        signal(&self.child, "-STOP");
    }

    pub(crate) fn resume(&self) {
        signal(&self.child, "-CONT");
    }

    /// A connection for raw commands. Fails where the server wants TLS or a password.
    pub(crate) async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url()).await
    }

    /// One raw command on a connection of its own: `redis.ask(&["CONFIG", "GET", "appendonly"])`.
    pub(crate) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        ask(&mut self.connect().await, words).await
    }

    /// All keys, sorted.
    pub(crate) async fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.ask(&["KEYS", "*"]).await;
        names.sort();
        names
    }

    /// What it has logged since its last start.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_of(self.folder.path(), self.starts)).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.child.kill();
        let _ended: Result<_, _> = self.child.wait();
        if std::thread::panicking() {
            eprintln!("log of Redis:\n{}", self.log());
        }
    }
}

/// Whether it came up; false where its port is taken. Anything else ends the test with what it said.
async fn came_up(child: &mut Child, log: &Path) -> bool {
    let mut ended = false;
    let read = || std::fs::read_to_string(log).unwrap_or_default();
    within(PATIENCE, "Redis starts", || {
        ended = child.try_wait().expect("try_wait").is_some();
        std::future::ready(ended || read().contains(READY))
    })
    .await;
    let said = read();
    assert!(
        !ended || said.contains("Address already in use"),
        "Redis does not start; it said:\n{said}"
    );
    !ended
}

/// A connection that waits long for its answers: for raw commands of a test.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Client::open(url)
        .expect("an address")
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .expect("Redis is there")
}

pub(crate) async fn ask<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    words: &[&str],
) -> T {
    let (name, args) = words.split_first().expect("a command");
    redis::cmd(name)
        .arg(args)
        .query_async(connection)
        .await
        .unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// Where a program is; ends the test with what to do where it is missing.
pub(crate) fn program(name: &str) -> PathBuf {
    on_path(name).unwrap_or_else(|| {
        panic!("{name} is missing: tests/run installs it (Debian's redis-server, redis-sentinel)")
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A port that nobody listens on at present.
///
/// From below the range of which the system gives out ports by itself: there none is taken by a connection while a server of
/// ours is down. Each process of tests begins at a place of its own.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 16_000;
    const COUNT: u16 = 16_000;
    let start = u16::try_from(std::process::id() % u32::from(COUNT / 100)).unwrap_or(0) * 100;
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

fn spawn(program: &Path, folder: &Path, port: u16, start: u32, args: &[String]) -> Child {
    let log = std::fs::File::create(log_of(folder, start)).expect("a log");
    let mut command = Command::new(program);
    // Later flags win, and a server that is to have TLS gets its port by `--tls-port PORT`.
    let tls = args.iter().any(|arg| arg == "--tls-cert-file");
    let (plain, encrypted) = if tls { (0, port) } else { (port, 0) };
    command
        .args(["--bind", "127.0.0.1", "--daemonize", "no", "--save", ""])
        .args(["--port", &plain.to_string()])
        .args(["--dir", &folder.display().to_string()])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .args(["--repl-diskless-sync-delay", "0"])
        .args(args);
    if tls {
        command.args(["--tls-port", &encrypted.to_string()]);
    }
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("its log"))
        .stdout(log)
        .spawn()
        .expect("a server")
}

fn log_of(folder: &Path, start: u32) -> PathBuf {
    folder.join(format!("log-{start}"))
}

pub(crate) fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.expect("kill").success());
}

/// Waits until a server at this address says that it is a primary (or `slave`) whose link stands.
pub(crate) async fn until_role(redis: &Redis, role: &str) {
    within(PATIENCE, &format!("a {role}"), || async {
        let info: String = redis.ask(&["INFO", "replication"]).await;
        info.contains(&format!("role:{role}"))
            && (role == "master" || info.contains("master_link_status:up"))
    })
    .await;
}

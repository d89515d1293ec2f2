//! A Redis of one round: own port, own folder, killed when dropped.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::Failure;

const POLL: Duration = Duration::from_millis(5);
const TRIES: u32 = 2_000;

pub(crate) struct RedisServer {
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl RedisServer {
    /// With an append-only file that is synced `always` or `everysec`.
    pub(crate) async fn start(sync: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--port", &port.to_string(), "--appendfsync", sync])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("redis-server cannot be started: {error}"))?;
        let server = Self {
            port,
            child,
            _folder: folder,
        };
        let client = redis::Client::open(server.url())?;
        for _ in 0..TRIES {
            if client.get_multiplexed_async_connection().await.is_ok() {
                return Ok(server);
            }
            tokio::time::sleep(POLL).await;
        }
        Err("redis-server does not answer".into())
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! A primary, a replica and a Sentinel that makes the replica the primary when the primary is gone.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{PATIENCE, Redis, ask, connect, free_port, program, until_role, within};

/// What the Sentinel calls the primary.
pub(crate) const MASTER: &str = "orders";

/// The three of them; killed when dropped.
pub(crate) struct Group {
    pub(crate) primary: Redis,
    pub(crate) replica: Redis,
    pub(crate) sentinel: Sentinel,
}

impl Group {
    /// All up, the replica in step, the Sentinel aware of both. `args` go to primary and replica.
    pub(crate) async fn start(args: &[&str]) -> Self {
        let primary = Redis::with(args).await;
        let replica = replica_of(&primary, args).await;
        let sentinel = Sentinel::start(&primary).await;
        sentinel.knows_a_replica().await;
        Self {
            primary,
            replica,
            sentinel,
        }
    }

    /// What STORE is given.
    pub(crate) fn url(&self) -> String {
        format!("redis+sentinel://{}/{MASTER}", self.sentinel.address())
    }

    /// Kills the primary and waits until the replica has taken its place.
    pub(crate) async fn fail_over(&mut self) {
        self.primary.kill();
        until_role(&self.replica, "master").await;
    }
}

/// A replica in step with `primary`.
pub(crate) async fn replica_of(primary: &Redis, args: &[&str]) -> Redis {
    let port = primary.port().to_string();
    let mut all = vec!["--replicaof", "127.0.0.1", &port];
    all.extend(args);
    let replica = Redis::with(&all).await;
    until_role(&replica, "slave").await;
    replica
}

/// One Sentinel whose own word is enough: it finds a primary dead after half a second.
pub(crate) struct Sentinel {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Sentinel {
    pub(crate) async fn start(primary: &Redis) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let config = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor {MASTER} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {MASTER} 500\n\
             sentinel failover-timeout {MASTER} 3000\n",
            folder.path().display(),
            primary.port(),
        );
        let path = folder.path().join("sentinel.conf");
        std::fs::write(&path, config).expect("a file");
        let child = Command::new(program("redis-sentinel"))
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a Sentinel");
        let sentinel = Self {
            child,
            port,
            _folder: folder,
        };
        within(PATIENCE, "the Sentinel starts", || async {
            tokio::net::TcpStream::connect(sentinel.address())
                .await
                .is_ok()
        })
        .await;
        sentinel
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Without one that it knows there is nothing to fail over to.
    async fn knows_a_replica(&self) {
        let mut connection = connect(&format!("redis://{}", self.address())).await;
        let mut known = false;
        for _ in 0..1200 {
            let replicas: Vec<redis::Value> =
                ask(&mut connection, &["SENTINEL", "REPLICAS", MASTER]).await;
            known = !replicas.is_empty();
            if known {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(known, "the Sentinel knows no replica");
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.child.kill();
        let _ended: Result<_, _> = self.child.wait();
    }
}

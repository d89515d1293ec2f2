//! What the service manager is told, and when: a socket of the test's own stands in for systemd's.

use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpStream, UnixDatagram};

use crate::drain::{ROUTES, setup};
use crate::support::gateway::{Gateway, Setup};

const PATIENCE: Duration = Duration::from_mins(1);

struct Manager {
    socket: UnixDatagram,
    _folder: TempDir,
}

impl Manager {
    fn new() -> (Self, Setup) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let setup = setup().env("NOTIFY_SOCKET", &path.display().to_string());
        let manager = Self {
            socket,
            _folder: folder,
        };
        (manager, setup)
    }

    /// The next message, whatever it is.
    async fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = tokio::time::timeout(PATIENCE, self.socket.recv(&mut message)).await;
        let length = length.expect("a message").expect("received");
        String::from_utf8(message[..length].to_vec()).expect("text")
    }

    /// The next one that feeds no watchdog.
    async fn told(&self) -> String {
        loop {
            let message = self.next().await;
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }
}

async fn answers(gateway: &Gateway, message: &str) {
    let public = gateway.public().trim_start_matches("http://");
    assert!(
        message.starts_with("READY=1\nSTATUS=serving on "),
        "{message}"
    );
    assert!(message.contains(public), "{message}");
    TcpStream::connect(public).await.expect("it listens");
}

#[tokio::test]
async fn systemd_is_told_of_the_start_of_reloads_and_of_the_end() {
    let (manager, setup) = Manager::new();
    let mut gateway = setup
        .flag("--drain-delay", "0s")
        .env("WATCHDOG_USEC", "100000")
        .start()
        .await;
    answers(&gateway, &manager.told().await).await;

    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec;
    gateway.replace("routes.toml", &ROUTES.replace("w-${", "x-${"));
    gateway.hang_up();
    let reloading = manager.told().await;
    let micros = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap_or_else(|| panic!("{reloading}"));
    let seconds = micros.parse::<i64>().expect("a number") / 1_000_000;
    assert!((now..now + 60).contains(&seconds), "{reloading}");
    answers(&gateway, &manager.told().await).await;

    gateway.replace("routes.toml", "[sources.stripe]\nprovider = \"stripee\"\n");
    gateway.hang_up();
    assert!(manager.told().await.starts_with("RELOADING=1\n"));
    let refused = manager.told().await;
    assert!(refused.starts_with("READY=1\n"), "it goes on: {refused}");
    assert!(refused.contains("refused"), "{refused}");

    // Fed all the while.
    while manager.next().await != "WATCHDOG=1" {}
    gateway.terminate();
    assert_eq!(manager.told().await, "STOPPING=1\nSTATUS=draining");
    assert!(gateway.exited().await.success());
}

#[tokio::test]
async fn a_runtime_that_stands_still_feeds_no_watchdog() {
    let (manager, setup) = Manager::new();
    let gateway = setup.env("WATCHDOG_USEC", "100000").start().await;
    while manager.next().await != "WATCHDOG=1" {}
    gateway.freeze();
    // What was under way still comes; then there is silence for as long as twenty meals would take.
    let mut message = [0; 4096];
    let silence = Duration::from_secs(1);
    let received =
        async |within| tokio::time::timeout(within, manager.socket.recv(&mut message)).await;
    let mut received = received;
    while received(silence).await.is_ok() {}
    gateway.thaw();
    assert!(received(PATIENCE).await.is_ok(), "it goes on");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_without_a_file_will_do() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let name = format!("signalpost-{}", uuid::Uuid::new_v4());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let setup = setup().env("NOTIFY_SOCKET", &format!("@{name}"));
    let gateway = setup.start().await;
    let told = tokio::task::spawn_blocking(move || {
        let mut message = [0; 4096];
        let length = socket.recv(&mut message).expect("a message");
        String::from_utf8(message[..length].to_vec()).expect("text")
    });
    answers(&gateway, &told.await.expect("read")).await;
}

#[tokio::test]
async fn a_manager_that_cannot_be_told_is_no_reason_not_to_serve() {
    for socket in ["/nonexistent/notify", "vsock:2:1"] {
        let gateway = setup().env("NOTIFY_SOCKET", socket).start().await;
        let (status, _) = gateway.get("/live").await;
        assert_eq!(status, 200, "{socket}");
    }
}

//! Tells systemd how the process is (`sd_notify`), where systemd has asked to be told.
//!
//! A datagram for each fact to the socket of `NOTIFY_SOCKET`; without that variable nothing is ever sent. The watchdog is
//! fed by a task of the runtime: when no task gets its turn any more, systemd misses it and restarts the process. A store
//! or a Temporal that is away is no reason to: `/ready` tells of those.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A service manager that does not read is not waited for.
const SEND_WITHIN: Duration = Duration::from_secs(1);

/// Cheap to clone; clones share the socket.
#[derive(Clone, Debug)]
pub(super) struct Notifier(Option<Arc<Manager>>);

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// As the environment says; feeds the watchdog from now on, if there is one.
    pub(super) fn open() -> Self {
        let variable = std::env::var_os("NOTIFY_SOCKET");
        let manager = variable.and_then(|name| match Manager::at(&name) {
            Ok(manager) => Some(Arc::new(manager)),
            Err(error) => {
                tracing::warn!(%error, "NOTIFY_SOCKET cannot be used: the service manager learns nothing");
                None
            }
        });
        let notifier = Self(manager);
        if let Some(interval) = watchdog(|name| std::env::var(name).ok(), std::process::id()) {
            let fed = notifier.clone();
            tokio::spawn(async move {
                let mut ticks = tokio::time::interval(interval / 2);
                loop {
                    ticks.tick().await;
                    fed.tell("WATCHDOG=1");
                }
            });
        }
        notifier
    }

    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Followed by [`Self::ready`], whatever came of it.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    pub(super) fn stopping(&self, status: &str) {
        self.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    fn tell(&self, message: &str) {
        let Some(manager) = &self.0 else { return };
        let sent = manager
            .socket
            .send_to_addr(message.as_bytes(), &manager.address);
        if let Err(error) = sent {
            tracing::debug!(%error, "the service manager cannot be told");
        }
    }
}

impl Manager {
    fn at(name: &OsStr) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_WITHIN))?;
        let address = address(name)?;
        Ok(Self { socket, address })
    }
}

/// A path, or with `@` before it a name that Linux keeps without a file.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().split_first() {
        #[cfg(target_os = "linux")]
        Some((b'@', rest)) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(rest)
        }
        Some((b'/', _)) => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "neither a path nor an abstract name",
        )),
    }
}

/// How often at least the manager wants to hear of this very process.
fn watchdog(variable: impl Fn(&str) -> Option<String>, own: u32) -> Option<Duration> {
    let micros: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    let pid = variable("WATCHDOG_PID");
    if micros == 0 || pid.is_some_and(|pid| pid != own.to_string()) {
        return None;
    }
    Some(Duration::from_micros(micros.max(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_of_another_process_is_not_fed() {
        let asked = |usec: &'static str, pid: Option<&'static str>| {
            watchdog(
                |name| match name {
                    "WATCHDOG_USEC" => Some(usec.to_owned()),
                    _ => pid.map(str::to_owned),
                },
                7,
            )
        };
        assert_eq!(asked("30000000", Some("7")), Some(Duration::from_secs(30)));
        assert_eq!(asked("30000000", None), Some(Duration::from_secs(30)));
        assert_eq!(asked("30000000", Some("8")), None);
        assert_eq!(asked("0", None), None);
        assert_eq!(asked("soon", None), None);
        assert_eq!(watchdog(|_| None, 7), None);
    }

    #[test]
    fn a_name_is_a_path_or_abstract() {
        assert!(address(OsStr::new("/run/systemd/notify")).is_ok());
        assert_eq!(address(OsStr::new("@a")).is_ok(), cfg!(target_os = "linux"));
        assert!(address(OsStr::new("")).is_err());
        assert!(address(OsStr::new("vsock:2:1")).is_err());
    }
}

//! What a handshake needs of the world: an operator's word that a secret may come, a file for it, a call to SNS.
//!
//! A window is open for one source, for minutes, and in this process alone; a secret is taken once, into a file that is not
//! there yet. Which address may be called was decided in `verify`.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::refused::Refused;
use crate::config::PlanHandle;
use crate::secret::Secret;
use crate::telemetry::log;
use crate::verify::handshake::Unanswered;

/// The sender gives up after 15 s.
const CALL_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Handshakes {
    http: reqwest::Client,
    /// Until when a secret may come. Bounded by the sources of routing files.
    windows: Mutex<HashMap<Arc<str>, Instant>>,
}

impl Handshakes {
    /// Fails where no HTTP client can be built.
    pub fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("signalpost/", env!("CARGO_PKG_VERSION")))
            .timeout(CALL_WITHIN)
            .build()?;
        Ok(Self {
            http,
            windows: Mutex::default(),
        })
    }

    pub(super) fn open(&self, source: &Arc<str>, until: Instant) {
        self.windows().insert(Arc::clone(source), until);
    }

    fn is_open(&self, source: &str, now: Instant) -> bool {
        let until = self.windows().get(source).copied();
        until.is_some_and(|until| now < until)
    }

    /// Keeps a secret that a provider hands over, and has the routing file read anew, so that what follows is proven with it.
    pub(super) async fn adopt(
        &self,
        plan: &Arc<PlanHandle>,
        source: &str,
        secret: Secret,
        file: PathBuf,
    ) -> Result<(), Refused> {
        if !self.is_open(source, Instant::now()) {
            return Err(Unanswered::Closed.into());
        }
        let plan = Arc::clone(plan);
        let kept = tokio::task::spawn_blocking(move || {
            keep(&file, &secret)?;
            // What is wrong elsewhere in the file is told where reloads are.
            plan.reload().ok();
            Ok::<_, io::Error>(())
        });
        match kept.await {
            Ok(Ok(())) => {
                self.windows().remove(source);
                Ok(())
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Unanswered::Complete.into())
            }
            Ok(Err(error)) => Err(Refused::handshake(&format!(
                "the secret's file cannot be written: {error}"
            ))),
            Err(error) => Err(Refused::handshake(&error)),
        }
    }

    /// Calls the address by which a subscription is confirmed; what it answers is of no interest beyond its status.
    pub(super) async fn confirm(&self, url: &str) -> Result<(), Refused> {
        let answer = self.http.get(url).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(Refused::handshake(&format!(
                "the subscription was not confirmed: {}",
                answer.status()
            ))),
            // The address holds a token.
            Err(error) => Err(Refused::handshake(&log::causes(&error.without_url()))),
        }
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Instant>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole or not at all: a file that could not be finished is taken away again.
fn keep(file: &Path, secret: &Secret) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    let written = opened
        .write_all(secret.expose())
        .and_then(|()| opened.sync_all());
    if written.is_err() {
        std::fs::remove_file(file).ok();
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_secret_is_kept_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        keep(&file, &Secret::new(b"first".to_vec())).unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = keep(&file, &Secret::new(b"second".to_vec())).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"first");
    }

    #[test]
    fn a_window_closes_by_itself() {
        let handshakes = Handshakes::new().unwrap();
        let now = Instant::now();
        handshakes.open(&"asana".into(), now + Duration::from_secs(1));
        assert!(handshakes.is_open("asana", now));
        assert!(!handshakes.is_open("asana", now + Duration::from_secs(1)));
        assert!(!handshakes.is_open("other", now));
    }

    /// What a call comes to that is answered so, and what was asked.
    async fn called(answer: &'static str) -> (bool, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let handshakes = Handshakes::new().unwrap();
        let url = format!("http://{address}/?Action=ConfirmSubscription&Token=t");
        let confirmed = handshakes.confirm(&url).await.is_ok();
        (confirmed, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_subscription_is_confirmed_by_a_yes_and_by_no_redirect() {
        let (confirmed, asked) = called("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert!(confirmed);
        assert!(
            asked.starts_with("GET /?Action=ConfirmSubscription&Token=t "),
            "{asked}"
        );
        let elsewhere =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert!(!called(elsewhere).await.0);
        assert!(
            !called("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                .await
                .0
        );
    }
}

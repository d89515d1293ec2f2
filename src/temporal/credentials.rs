//! What we show to Temporal, read again while the gateway runs: an API key, certificates, the profile file that names them.
//!
//! Only who we are changes: another address or namespace is another Temporal, and wants a restart. What cannot be read is
//! said once and changes nothing, and what Temporal has not taken never displaces what it took. Nothing of a key is in any
//! message. Imports `options`.

use std::time::{Duration, Instant};

use temporalio_client::{ConnectionOptions, TlsOptions};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::options::{Error, Options, Settings};

/// New ones that Temporal does not take are tried again this often, if nothing else is found.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a look at the files may keep the connection from being looked after: a disk of the network may be gone.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);

type Reading = oneshot::Receiver<Result<Settings, String>>;

pub(super) struct Credentials {
    options: Options,
    namespace: String,
    /// Those to connect with.
    newest: ConnectionOptions,
    /// The last that Temporal has taken.
    taken: Option<ConnectionOptions>,
    /// Others that the last look found: perhaps still being written.
    seen: Option<ConnectionOptions>,
    /// Those that were not taken, and until when they are not tried again.
    refused: Option<(ConnectionOptions, Instant)>,
    /// A look that has not ended in its time. There is never another beside it.
    reading: Option<Reading>,
    said: Option<String>,
}

impl Credentials {
    pub(super) fn new(options: Options, namespace: String, newest: ConnectionOptions) -> Self {
        Self {
            options,
            namespace,
            newest,
            taken: None,
            seen: None,
            refused: None,
            reading: None,
            said: None,
        }
    }

    pub(super) fn newest(&self) -> &ConnectionOptions {
        &self.newest
    }

    /// What to try next without a connection: what is there now, good or not, and in turn with it the last taken ones.
    pub(super) async fn turn(&mut self) {
        if let Some(taken) = self.others_taken() {
            self.newest = taken.clone();
        } else if let Some(found) = self.look().await {
            self.newest = found;
        }
    }

    /// The last taken ones, if they are not those to connect with.
    pub(super) fn others_taken(&self) -> Option<&ConnectionOptions> {
        let taken = self.taken.as_ref();
        taken.filter(|taken| !same(taken, &self.newest))
    }

    /// Temporal has taken the newest.
    pub(super) fn take(&mut self) {
        self.taken = Some(self.newest.clone());
        self.seen = None;
    }

    /// Others than those in use, once two looks have found the same: a certificate whose key is still being written is
    /// no fault yet.
    pub(super) async fn changed(&mut self) -> Option<ConnectionOptions> {
        let found = self.look().await;
        let before = std::mem::replace(&mut self.seen, found);
        let found = self.seen.as_ref()?;
        if !before.is_some_and(|before| same(&before, found)) {
            return None;
        }
        match &self.refused {
            Some((refused, until)) if same(refused, found) && Instant::now() < *until => None,
            _ => Some(found.clone()),
        }
    }

    pub(super) fn adopt(&mut self, found: ConnectionOptions) {
        self.newest = found;
        self.refused = None;
        self.take();
    }

    /// True if that has not been said of these yet.
    pub(super) fn refuse(&mut self, found: ConnectionOptions) -> bool {
        let known = |(refused, _): &(ConnectionOptions, Instant)| same(refused, &found);
        let first = !self.refused.as_ref().is_some_and(known);
        self.refused = Some((found, Instant::now() + PATIENCE));
        first
    }

    /// None: they are those in use, or cannot be read.
    async fn look(&mut self) -> Option<ConnectionOptions> {
        let found = match self.read().await? {
            Ok(found) => found,
            Err(trouble) => {
                self.say(trouble);
                return None;
            }
        };
        if found.connection.target != self.newest.target {
            self.say(Error::Moved.to_string());
            return None;
        }
        if found.namespace != self.namespace {
            self.say(Error::OtherNamespace.to_string());
            return None;
        }
        let found = found.connection;
        self.said = None;
        (!same(&found, &self.newest)).then_some(found)
    }

    /// None: the read before has not ended yet.
    async fn read(&mut self) -> Option<Result<Settings, String>> {
        let mut reading = match self.reading.take() {
            None => match read(self.options.clone()) {
                Ok(reading) => reading,
                Err(error) => return Some(Err(format!("the system gives no thread: {error}"))),
            },
            Some(mut reading) => match reading.try_recv() {
                Ok(read) => return Some(read),
                Err(oneshot::error::TryRecvError::Empty) => {
                    self.reading = Some(reading);
                    return None;
                }
                Err(closed) => return Some(Err(closed.to_string())),
            },
        };
        if let Ok(read) = timeout(LOOK_DEADLINE, &mut reading).await {
            return Some(read.unwrap_or_else(|error| Err(error.to_string())));
        }
        self.reading = Some(reading);
        Some(Err("their files cannot be read in time".to_owned()))
    }

    fn say(&mut self, trouble: String) {
        if self.said.as_ref() != Some(&trouble) {
            tracing::error!(
                trouble,
                "Temporal's settings have changed and cannot be used; those before stay"
            );
            self.said = Some(trouble);
        }
    }
}

/// On a thread of its own and not one of the runtime's, whose end would wait for it.
fn read(options: Options) -> std::io::Result<Reading> {
    let (read, reading) = oneshot::channel();
    std::thread::Builder::new()
        .name("credentials".to_owned())
        .spawn(move || {
            let settings = options.resolve().map_err(|error| error.to_string());
            // Nobody waits at the end of the process.
            read.send(settings).ok();
        })?;
    Ok(reading)
}

/// Whether a server would see the same in both.
fn same(one: &ConnectionOptions, other: &ConnectionOptions) -> bool {
    one.api_key == other.api_key
        && one.headers == other.headers
        && match (&one.tls_options, &other.tls_options) {
            (None, None) => true,
            (Some(one), Some(other)) => same_tls(one, other),
            _ => false,
        }
}

fn same_tls(one: &TlsOptions, other: &TlsOptions) -> bool {
    let pair = |tls: &TlsOptions| {
        let client = tls.client_tls_options.as_ref();
        client.map(|it| (it.client_cert.clone(), it.client_private_key.clone()))
    };
    one.server_root_ca_cert == other.server_root_ca_cert
        && one.domain == other.domain
        && pair(one) == pair(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(key: &str) -> ConnectionOptions {
        let target: temporalio_client::Url = "https://t.example:7233".parse().unwrap();
        ConnectionOptions::new(target).api_key(key).build()
    }

    fn credentials(file: &std::path::Path) -> Credentials {
        let options = Options {
            address: Some("https://t.example:7233".to_owned()),
            api_key_file: Some(file.to_owned()),
            ..Options::default()
        };
        let found = options.resolve().unwrap();
        Credentials::new(options, found.namespace, found.connection)
    }

    #[tokio::test]
    async fn what_was_not_taken_never_displaces_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "one").unwrap();
        let mut credentials = credentials(&file);
        let key = |credentials: &Credentials| credentials.newest().api_key.clone().unwrap();
        credentials.take();
        std::fs::write(&file, "two").unwrap();
        let mut tried = Vec::new();
        for _ in 0..4 {
            credentials.turn().await;
            tried.push(key(&credentials));
        }
        assert_eq!(tried, ["two", "one", "two", "one"]);
        credentials.turn().await;
        credentials.take();
        credentials.turn().await;
        assert_eq!(key(&credentials), "two");
    }

    #[tokio::test]
    async fn another_namespace_is_said_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "one").unwrap();
        let mut credentials = credentials(&file);
        credentials.options.namespace = Some("other".to_owned());
        std::fs::write(&file, "two").unwrap();
        credentials.turn().await;
        assert_eq!(credentials.newest().api_key.as_deref(), Some("one"));
        let said = credentials.said.as_ref().unwrap();
        assert!(said.contains("namespace") && said.contains("restart"));
    }

    #[tokio::test]
    async fn a_file_that_hangs_is_left_alone_until_it_answers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "one").unwrap();
        let mut credentials = credentials(&file);
        std::fs::remove_file(&file).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(made.unwrap().success());
        assert!(credentials.changed().await.is_none());
        assert!(credentials.said.as_ref().unwrap().contains("in time"));
        let at_once = timeout(Duration::ZERO, credentials.changed()).await;
        assert!(at_once.expect("no second look beside it").is_none());
        // It reads to its end now, and what is there since then counts.
        let hanging = folder.path().join("hanging");
        std::fs::rename(&file, &hanging).unwrap();
        std::fs::write(&file, "two").unwrap();
        std::fs::write(&hanging, "").unwrap();
        let found = loop {
            if let Some(found) = credentials.changed().await {
                break found;
            }
        };
        assert_eq!(found.api_key.as_deref(), Some("two"));
    }

    #[tokio::test]
    async fn a_new_key_counts_at_the_second_look_and_a_refused_one_waits() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "one\n").unwrap();
        let mut credentials = credentials(&file);
        assert!(credentials.changed().await.is_none());
        std::fs::write(&file, "two\n").unwrap();
        assert!(credentials.changed().await.is_none());
        let found = credentials.changed().await.unwrap();
        assert_eq!(found.api_key.as_deref(), Some("two"));
        assert!(credentials.refuse(found.clone()));
        assert!(credentials.changed().await.is_none());
        assert!(!credentials.refuse(found));
        // Another is tried at once.
        std::fs::write(&file, "three").unwrap();
        assert!(credentials.changed().await.is_none());
        let found = credentials.changed().await.unwrap();
        credentials.adopt(found);
        assert!(credentials.changed().await.is_none());
        assert!(same(credentials.newest(), &credentials.newest().clone()));
    }

    #[tokio::test]
    async fn a_file_that_is_gone_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "one").unwrap();
        let mut credentials = credentials(&file);
        std::fs::remove_file(&file).unwrap();
        credentials.turn().await;
        assert_eq!(credentials.newest().api_key.as_deref(), Some("one"));
        assert!(
            credentials
                .said
                .as_ref()
                .unwrap()
                .contains("cannot be read")
        );
    }

    #[test]
    fn what_a_server_does_not_see_makes_no_difference() {
        assert!(same(&keyed("k"), &keyed("k")));
        assert!(!same(&keyed("k"), &keyed("l")));
        let mut other = keyed("k");
        other.tls_options = Some(TlsOptions::default());
        assert!(!same(&keyed("k"), &other));
    }
}

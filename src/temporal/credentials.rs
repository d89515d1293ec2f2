//! What we show to Temporal, read again while the gateway runs: an API key, certificates, the profile file that names them.
//!
//! Only who we are changes: another address or namespace is another Temporal, and wants a restart. What cannot be read is
//! said once and changes nothing. Nothing of a key is in any message. Imports `options`.

use std::time::{Duration, Instant};

use temporalio_client::{ConnectionOptions, TlsOptions};

use super::options::{Error, Options};

/// New ones that Temporal does not take are tried again this often, if nothing else is found.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Credentials {
    options: Options,
    /// Those to connect with.
    newest: ConnectionOptions,
    /// Others that the last look found: perhaps still being written.
    seen: Option<ConnectionOptions>,
    /// Those that were not taken, and until when they are not tried again.
    refused: Option<(ConnectionOptions, Instant)>,
    said: Option<String>,
}

impl Credentials {
    pub(super) fn new(options: Options, newest: ConnectionOptions) -> Self {
        Self {
            options,
            newest,
            seen: None,
            refused: None,
            said: None,
        }
    }

    pub(super) fn newest(&self) -> &ConnectionOptions {
        &self.newest
    }

    /// Takes what is there now, good or not: without a connection nothing is lost by it.
    pub(super) async fn refresh(&mut self) {
        if let Some(found) = self.look().await {
            self.adopt(found);
        }
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
        (self.seen, self.refused) = (None, None);
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
        let options = self.options.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let settings = options.resolve().map_err(|error| error.to_string())?;
            Ok::<_, String>(settings.connection)
        });
        let found = match reading.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(found) => found,
            Err(trouble) => {
                self.say(trouble);
                return None;
            }
        };
        if found.target != self.newest.target {
            self.say(Error::Moved.to_string());
            return None;
        }
        self.said = None;
        (!same(&found, &self.newest)).then_some(found)
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
        let newest = options.resolve().unwrap().connection;
        Credentials::new(options, newest)
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
        credentials.refresh().await;
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

//! Where Temporal is and who we are to it: from Temporal's own environment variables and profile
//! file, or said outright.
//!
//! Refuses what the client library takes in silence: credentials over plain HTTP, a TLS check
//! switched off, a payload codec that would not be applied. Imports nothing of this crate.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use temporalio_client::envconfig::{
    ClientConfigProfile, ConfigError, LoadClientConfigProfileOptions,
};
use temporalio_client::{ConnectionOptions, GrpcCompression, TlsOptions};
use temporalio_common::envconfig::load_client_config_profile;

/// How long a TCP and TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const DEFAULT_NAMESPACE: &str = "default";

/// Where to find Temporal.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `host:port` or a URL. It stands alone: nothing of the environment or a profile is mixed in,
    /// so that a server on this machine never sees another one's key. None: Temporal's own settings.
    pub address: Option<String>,
    /// Instead of the namespace of Temporal's own settings.
    pub namespace: Option<String>,
    /// File with the API key, read again when it changes.
    pub api_key_file: Option<PathBuf>,
}

/// What is wrong with Temporal's settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("Temporal's settings cannot be read: {}", first_line(.0))]
    Settings(#[from] ConfigError),
    #[error("--temporal-api-key-file {path} cannot be read: {source}")]
    ApiKeyFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("--temporal-api-key-file {0} holds no key: one line of printable ASCII without spaces")]
    NoApiKey(PathBuf),
    #[error(
        "--temporal-api-key-file is given, and Temporal's own settings have an API key too \
         (TEMPORAL_API_KEY, or the profile); keep one of them"
    )]
    TwoApiKeys,
    #[error("Temporal's address is another now; that wants a restart")]
    Moved,
    #[error("Temporal's namespace is another now; that wants a restart")]
    OtherNamespace,
    #[error(
        "TEMPORAL_ADDRESS is host:port, or an address that begins with http:// or https://; {0}:// is \
         nothing that Temporal speaks"
    )]
    Scheme(String),
    #[error(
        "an API key or TLS settings need an https:// address, but TEMPORAL_ADDRESS says http://: \
         they would be ignored or sent in clear"
    )]
    CredentialsInClear,
    #[error(
        "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is not supported: give the server's CA with \
         TEMPORAL_TLS_SERVER_CA_CERT_PATH instead"
    )]
    HostVerification,
    #[error("TEMPORAL_CODEC_ENDPOINT is not supported: payloads would leave without that codec")]
    Codec,
}

/// Without the lines of a file that a parser shows beneath: they may hold a key.
fn first_line(error: &ConfigError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// What [`Options`] come to.
pub(super) struct Settings {
    pub(super) connection: ConnectionOptions,
    pub(super) namespace: String,
    pub(super) identity: String,
}

impl Options {
    pub(super) fn resolve(&self) -> Result<Settings, Error> {
        self.resolve_with(None)
    }

    /// `environment`: instead of the process's own.
    fn resolve_with(
        &self,
        environment: Option<&HashMap<String, String>>,
    ) -> Result<Settings, Error> {
        let mut profile = match &self.address {
            Some(address) => ClientConfigProfile::builder()
                .address(address.clone())
                .build(),
            None => {
                load_client_config_profile(LoadClientConfigProfileOptions::default(), environment)?
            }
        };
        let namespace = self
            .namespace
            .clone()
            .or_else(|| profile.namespace.clone())
            .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        if let Some(path) = &self.api_key_file {
            if profile.api_key.is_some() {
                return Err(Error::TwoApiKeys);
            }
            profile.api_key = Some(api_key(path)?);
        }
        let identity = identity();
        let mut connection = checked(profile)?;
        connection.identity.clone_from(&identity);
        connection.grpc_compression = GrpcCompression::None;
        connection.connect_timeout = Some(CONNECT_TIMEOUT);
        Ok(Settings {
            connection,
            namespace,
            identity,
        })
    }
}

fn checked(profile: ClientConfigProfile) -> Result<ConnectionOptions, Error> {
    if profile
        .tls
        .as_ref()
        .is_some_and(|tls| tls.disable_host_verification)
    {
        return Err(Error::HostVerification);
    }
    if profile.codec.as_ref().is_some_and(|c| c.endpoint.is_some()) {
        return Err(Error::Codec);
    }
    // Before the client reads it, which takes what names no host for a host's name.
    if let Some((scheme, _)) = profile
        .address
        .as_deref()
        .and_then(|it| it.split_once("://"))
        && !scheme.eq_ignore_ascii_case("http")
        && !scheme.eq_ignore_ascii_case("https")
    {
        return Err(Error::Scheme(scheme.to_owned()));
    }
    let secret_header = profile.grpc_meta.contains_key("authorization");
    let mut connection = ConnectionOptions::try_from(profile)?;
    let secure = connection.target.scheme() == "https";
    let credentials =
        connection.api_key.is_some() || connection.tls_options.is_some() || secret_header;
    if !secure && credentials {
        return Err(Error::CredentialsInClear);
    }
    // The client does not take TLS from the address alone.
    if secure && connection.tls_options.is_none() {
        connection.tls_options = Some(TlsOptions::default());
    }
    Ok(connection)
}

fn api_key(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::ApiKeyFile {
        path: path.to_owned(),
        source,
    })?;
    let key = text.trim_end_matches(['\r', '\n']);
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::NoApiKey(path.to_owned()));
    }
    Ok(key.to_owned())
}

/// Shown in history as the sender of every signal.
fn identity() -> String {
    format!(
        "signalpost@{}",
        gethostname::gethostname().to_string_lossy()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        let mut environment: HashMap<String, String> = pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        // No file of the machine that runs the tests has a say.
        environment.insert("TEMPORAL_CONFIG_FILE".to_owned(), "/dev/null".to_owned());
        Options::default().resolve_with(Some(&environment))
    }

    #[test]
    fn temporals_own_settings_are_read() {
        let settings = resolve(&[
            ("TEMPORAL_ADDRESS", "temporal.example:7233"),
            ("TEMPORAL_NAMESPACE", "orders"),
        ])
        .unwrap();
        let target = settings.connection.target.as_str();
        assert_eq!(target, "http://temporal.example:7233/");
        assert_eq!(settings.namespace, "orders");
        assert!(settings.identity.starts_with("signalpost@"));
        assert_eq!(settings.connection.identity, settings.identity);
    }

    #[test]
    fn without_settings_it_is_the_local_default() {
        let settings = resolve(&[]).unwrap();
        let target = settings.connection.target.as_str();
        assert_eq!(target, "http://localhost:7233/");
        assert_eq!(settings.namespace, "default");
    }

    #[test]
    fn an_api_key_makes_it_https_and_never_goes_over_http() {
        let key = ("TEMPORAL_API_KEY", "k");
        let secure = resolve(&[key, ("TEMPORAL_ADDRESS", "t.example:7233")]).unwrap();
        assert_eq!(secure.connection.target.scheme(), "https");
        assert!(secure.connection.tls_options.is_some());
        for clear in [
            [key, ("TEMPORAL_ADDRESS", "http://t.example:7233")],
            [key, ("TEMPORAL_TLS", "false")],
            [
                ("TEMPORAL_TLS_SERVER_NAME", "t"),
                ("TEMPORAL_ADDRESS", "http://t.example:7233"),
            ],
            [
                ("TEMPORAL_GRPC_META_AUTHORIZATION", "Bearer k"),
                ("TEMPORAL_ADDRESS", "http://t.example:7233"),
            ],
        ] {
            assert!(matches!(resolve(&clear), Err(Error::CredentialsInClear)));
        }
    }

    #[test]
    fn an_api_key_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let options = Options {
            address: Some("t.example:7233".to_owned()),
            api_key_file: Some(file.clone()),
            ..Options::default()
        };
        let resolved = || options.resolve_with(None);
        assert!(matches!(resolved(), Err(Error::ApiKeyFile { .. })));
        for bad in ["", "\n", "two words", "k\nl\n"] {
            std::fs::write(&file, bad).unwrap();
            assert!(matches!(resolved(), Err(Error::NoApiKey(_))), "{bad:?}");
        }
        std::fs::write(&file, "k\n").unwrap();
        let settings = resolved().unwrap();
        assert_eq!(settings.connection.api_key.as_deref(), Some("k"));
        assert_eq!(settings.connection.target.scheme(), "https");
        let both = Options {
            address: None,
            ..options.clone()
        };
        let environment = HashMap::from([
            ("TEMPORAL_API_KEY".to_owned(), "l".to_owned()),
            ("TEMPORAL_CONFIG_FILE".to_owned(), "/dev/null".to_owned()),
        ]);
        let refused = both.resolve_with(Some(&environment)).map(drop);
        assert!(matches!(refused, Err(Error::TwoApiKeys)));
    }

    #[test]
    fn a_profile_file_that_cannot_be_read_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("temporal.toml");
        std::fs::write(&file, "[profile.default]\napi_key = \"c4n4ry\n").unwrap();
        let file = file.display().to_string();
        let environment = HashMap::from([("TEMPORAL_CONFIG_FILE".to_owned(), file)]);
        let refused = Options::default().resolve_with(Some(&environment));
        let Err(error) = refused.map(drop) else {
            panic!("it is no TOML")
        };
        assert!(!error.to_string().contains("c4n4ry"), "{error}");
    }

    #[test]
    fn https_alone_means_tls() {
        let settings = resolve(&[("TEMPORAL_ADDRESS", "https://t.example:7233")]).unwrap();
        assert!(settings.connection.tls_options.is_some());
    }

    #[test]
    fn what_the_client_would_ignore_is_refused() {
        let unchecked = resolve(&[
            ("TEMPORAL_ADDRESS", "https://t.example"),
            ("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "true"),
        ]);
        assert!(matches!(unchecked, Err(Error::HostVerification)));
        let codec = resolve(&[("TEMPORAL_CODEC_ENDPOINT", "http://codec.example")]);
        assert!(matches!(codec, Err(Error::Codec)));
    }

    #[test]
    fn an_address_of_another_scheme_is_refused() {
        for address in ["ftp://t.example", "grpc://t.example:7233", "unix:///run/t"] {
            let refused = resolve(&[("TEMPORAL_ADDRESS", address)]).map(drop);
            let scheme = address.split(':').next().unwrap();
            assert!(
                matches!(&refused, Err(Error::Scheme(named)) if named == scheme),
                "{address}: {refused:?}"
            );
        }
    }

    #[test]
    fn an_explicit_address_stands_alone() {
        let options = Options {
            address: Some("127.0.0.1:7233".to_owned()),
            namespace: Some("n".to_owned()),
            ..Options::default()
        };
        let environment = HashMap::from([("TEMPORAL_API_KEY".to_owned(), "k".to_owned())]);
        let settings = options.resolve_with(Some(&environment)).unwrap();
        assert_eq!(settings.namespace, "n");
        assert!(settings.connection.api_key.is_none());
    }
}

//! The settings of the process: one list of flags and environment variables.
//!
//! [`ServeSettings`] is that list, with its help: `--listen` is `SIGNALPOST_LISTEN`, and so on for
//! each. [`ServeSettings::options`] turns it into the small options of the components, which never
//! see a setting. What routes.toml says is not in here. May import `server`, `telemetry` and below.

mod callers;
mod encryption;
pub mod environment;
mod redis;
mod store;
mod tokens;
pub mod traces;
pub mod values;

pub use callers::CallerSettings;
pub use redis::RedisSettings;
pub use store::StoreSettings;
pub use traces::traces;

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::inbox::{self, Retention};
use crate::secret::Secret;
use crate::server::client::Proxies;
use crate::server::cors::Cors;
use crate::server::operators::{self, Operators};
use crate::server::tls::{self, Tls};
use crate::server::{body, limits, listener};
use crate::telemetry::{audit, log};
use values::{Size, duration, duration_or_zero, secret, size};

/// Everything that `serve` can be told.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub struct ServeSettings {
    /// Address of the public listener: webhooks and queries.
    #[arg(long, env = "SIGNALPOST_LISTEN", value_name = "ADDRESS")]
    #[arg(default_value = "127.0.0.1:8080", value_parser = values::address)]
    pub listen: SocketAddr,

    /// Address of the operators' listener: live, ready, metrics, events. Anything but loopback needs
    /// an ops token.
    #[arg(long, env = "SIGNALPOST_OPS_LISTEN", value_name = "ADDRESS")]
    #[arg(default_value = "127.0.0.1:8081", value_parser = values::address)]
    pub ops_listen: SocketAddr,

    /// Certificate of the public listener, PEM, its own first and then those between it and the root; read
    /// again when it changes. Unless given: plain HTTP, for a proxy that ends TLS.
    #[arg(long, env = "SIGNALPOST_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of that certificate, PEM, not encrypted; read again when it changes.
    #[arg(long, env = "SIGNALPOST_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Authorities, PEM; read again when they change. Given: only clients with a certificate of one of
    /// them are let in.
    #[arg(long, env = "SIGNALPOST_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,

    /// Whether clients must show such a certificate: required or optional. Optional lets in who shows none, and
    /// refuses a bad one all the same; it is for the time until all clients have theirs. Unless given: required.
    #[arg(long, env = "SIGNALPOST_TLS_CLIENT_AUTH", value_name = "MODE")]
    pub tls_client_auth: Option<tls::ClientAuth>,

    /// File with the API key for Temporal; one newline at its end is not part of it; read again when it changes.
    #[arg(long, env = "SIGNALPOST_TEMPORAL_API_KEY_FILE", value_name = "FILE")]
    pub temporal_api_key_file: Option<PathBuf>,

    /// The routing file.
    #[arg(long, env = "SIGNALPOST_ROUTES", value_name = "FILE")]
    #[arg(default_value = "routes.toml")]
    pub routes: PathBuf,

    /// Where events are kept: the path of a SQLite file, made if it is not there; or, for several replicas, a Redis:
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss://` for TLS, `redis+sentinel://HOST,HOST/NAME` for Sentinel.
    #[arg(
        long,
        env = "SIGNALPOST_STORE",
        value_name = "PATH|ADDRESS",
        hide_env_values = true
    )]
    #[arg(default_value = "./signalpost.db", value_parser = NonEmptyStringValueParser::new())]
    pub store: String,

    #[command(flatten)]
    pub redis: RedisSettings,

    /// How many deliveries may be pending, about. One source may hold half of it; beyond that it is
    /// answered 429, and beyond the whole everybody 503.
    #[arg(long, env = "SIGNALPOST_MAX_BACKLOG", value_name = "COUNT")]
    #[arg(default_value = "1000000", value_parser = values::count)]
    pub max_backlog: NonZeroU64,

    /// How long events are kept once all their deliveries have settled: ms, s, m, h, d. What is pending or
    /// parked is kept whatever its age.
    #[arg(long, env = "SIGNALPOST_RETENTION", value_name = "DURATION")]
    #[arg(default_value = "30d", value_parser = duration)]
    pub retention: Duration,

    /// How large the store may become, about: bytes, or KiB, MiB, GiB. Beyond it the oldest settled events
    /// leave before their time. Unless given: as large as it must.
    #[arg(long, env = "SIGNALPOST_RETENTION_SIZE", value_name = "SIZE")]
    #[arg(value_parser = size)]
    pub retention_size: Option<Size>,

    /// Largest body of a request: bytes, or KiB, MiB, GiB. Larger ones are answered 413.
    #[arg(long, env = "SIGNALPOST_MAX_BODY", value_name = "SIZE")]
    #[arg(default_value = "1MiB", value_parser = size)]
    pub max_body: Size,

    /// How long a client may take for the head of a request: ms, s, m, h, d. Then the connection is
    /// closed.
    #[arg(long, env = "SIGNALPOST_HEADER_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value = "10s", value_parser = duration)]
    pub header_timeout: Duration,

    /// How long a client may take for the body of a request: ms, s, m, h, d. Then it is answered 408.
    #[arg(long, env = "SIGNALPOST_BODY_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value = "30s", value_parser = duration)]
    pub body_timeout: Duration,

    /// How many connections the public listener holds. More are answered 503 and closed.
    #[arg(long, env = "SIGNALPOST_MAX_CONNECTIONS", value_name = "COUNT")]
    #[arg(default_value = "10000", value_parser = values::count)]
    pub max_connections: NonZeroU64,

    /// How many public requests may be in work at once. More are answered 503, and one source that
    /// holds half of them 429.
    #[arg(long, env = "SIGNALPOST_MAX_IN_FLIGHT", value_name = "COUNT")]
    #[arg(default_value = "1000", value_parser = values::count)]
    pub max_in_flight: NonZeroU64,

    /// Bearer token that operators send to the ops listener. Flags and environment can be seen by
    /// others on the machine; prefer --ops-token-file.
    #[arg(
        long,
        env = "SIGNALPOST_OPS_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    #[arg(value_parser = secret)]
    pub ops_token: Option<Secret>,

    /// File with the operators' token; one newline at its end is not part of it.
    #[arg(long, env = "SIGNALPOST_OPS_TOKEN_FILE", value_name = "FILE")]
    pub ops_token_file: Option<PathBuf>,

    /// File with the tokens of several operators, read again when it changes: a line for each,
    /// `name role sha256:HEX`. Role `read` lists and shows, `act` also acts and sees bodies.
    #[arg(long, env = "SIGNALPOST_OPS_TOKENS_FILE", value_name = "FILE")]
    pub ops_tokens_file: Option<PathBuf>,

    /// Which log lines pass: a level (error, warn, info, debug, trace, off) or a list such as
    /// info,signalpost::delivery=debug.
    #[arg(
        long,
        env = "SIGNALPOST_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: log::Filter,

    /// How log lines look: text or json. Unless given: text on a terminal, else json.
    #[arg(long, env = "SIGNALPOST_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<log::Format>,

    #[command(flatten)]
    pub callers: CallerSettings,

    /// How long to go on accepting after SIGTERM, while /ready says 503 already: ms, s, m, h, d, or
    /// 0s for not at all. Load balancers need the time to notice.
    #[arg(long, env = "SIGNALPOST_DRAIN_DELAY", value_name = "DURATION")]
    #[arg(default_value = "5s", value_parser = duration_or_zero)]
    pub drain_delay: Duration,

    /// How long requests and deliveries in flight may take to finish after that: ms, s, m, h, d.
    #[arg(long, env = "SIGNALPOST_DRAIN", value_name = "DURATION")]
    #[arg(default_value = "25s", value_parser = duration)]
    pub drain: Duration,

    /// Allow sources with `provider = "none"`, whose requests nobody proves.
    #[arg(long, env = "SIGNALPOST_ALLOW_UNVERIFIED", value_name = "BOOL")]
    #[arg(default_value = "false", default_missing_value = "true")]
    #[arg(num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub allow_unverified: bool,
}

/// The same, checked as a whole and cut up for the components.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    pub listen: SocketAddr,
    pub listener: listener::Options,
    /// Of the public listener; none: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    pub ops_listen: SocketAddr,
    pub ops_listener: listener::Options,
    pub operators: Arc<Operators>,
    pub body: body::Options,
    pub max_in_flight: usize,
    pub rates: limits::Options,
    pub proxies: Proxies,
    pub cors: Cors,
    pub audit: audit::Target,
    pub routes: PathBuf,
    pub store: Store,
    pub max_backlog: u64,
    pub retention: Retention,
    pub log: log::Options,
    pub drain_delay: Duration,
    pub drain: Duration,
    pub allow_unverified: bool,
    pub temporal_api_key_file: Option<PathBuf>,
    /// What providers call, without the path.
    pub public_url: Option<String>,
}

/// Where events are kept.
#[derive(Clone, Debug)]
pub enum Store {
    File(PathBuf),
    /// How much may pend there and for how long is said beside it.
    Redis(inbox::redis::Options),
}

/// Settings that are well-formed, but do not go together or cannot be served. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    RedisAddress(#[from] inbox::redis::Malformed),
    #[error("{0} is given, and --store is the path of a file; give --store the address of Redis")]
    RedisSettingAlone(&'static str),
    #[error(
        "the address of Redis has a password, and --redis-password-file is given too; keep one of them"
    )]
    TwoRedisPasswords,
    #[error(
        "the address of Redis names a user and no password; give it one with --redis-password-file"
    )]
    RedisUserAlone,
    #[error("--redis-ca is given, and the address of Redis is without TLS; make it rediss://")]
    RedisPlainWithCa,
    #[error("--redis-sentinel-password-file is given, and --store names no Sentinels")]
    NoSentinels,
    #[error(
        "the ops listener on {0} can be reached from other machines and has no token; give it \
         one with --ops-token-file, or choose a loopback address with --ops-listen"
    )]
    OpenOpsListener(SocketAddr),
    #[error("--ops-token and --ops-token-file are both given; keep one of them")]
    TwoOpsTokens,
    #[error("the ops token must be printable ASCII without spaces, for it is sent in a header")]
    UnsendableOpsToken,
    #[error("--ops-token-file {path} cannot be read: {source}")]
    OpsTokenFile {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("--ops-token-file {0} is empty")]
    EmptyOpsTokenFile(PathBuf),
    #[error("{given} is given without {missing}; TLS needs both, plain HTTP neither")]
    HalfOfTls {
        given: &'static str,
        missing: &'static str,
    },
    #[error("--tls-client-auth is given without --tls-client-ca; there is nobody to trust then")]
    ClientAuthAlone,
    #[error(transparent)]
    Tls(#[from] tls::Error),
    #[error(transparent)]
    OpsTokensFile(#[from] operators::Error),
}

/// Operators and their tools need few connections, whatever the public listener is given.
const MAX_OPS_CONNECTIONS: usize = 256;

impl ServeSettings {
    /// Reads the files of tokens and of TLS; nothing else is touched.
    pub fn options(self) -> Result<ServeOptions, Error> {
        let operators = self.operators()?;
        if !operators.have_tokens() && !self.ops_listen.ip().to_canonical().is_loopback() {
            return Err(Error::OpenOpsListener(self.ops_listen));
        }
        let tls = self.tls()?;
        let store = self.redis.store(self.store)?;
        let listener = listener::Options {
            header_timeout: self.header_timeout,
            max_connections: saturated(self.max_connections),
            drain: self.drain,
            ..listener::Options::default()
        };
        Ok(ServeOptions {
            listen: self.listen,
            ops_listen: self.ops_listen,
            ops_listener: listener::Options {
                max_connections: MAX_OPS_CONNECTIONS,
                ..listener.clone()
            },
            listener,
            tls,
            operators: Arc::new(operators),
            body: body::Options {
                max_bytes: self.max_body.bytes(),
                timeout: self.body_timeout,
            },
            max_in_flight: saturated(self.max_in_flight),
            rates: self.callers.rates(),
            proxies: self.callers.proxies(),
            cors: Cors::new(self.callers.cors_origins),
            audit: self.callers.audit,
            routes: self.routes,
            store,
            max_backlog: self.max_backlog.get(),
            retention: Retention {
                age: self.retention,
                size: self.retention_size.map(|size| size.bytes() as u64),
            },
            log: log::Options {
                filter: self.log,
                format: self.log_format,
            },
            drain_delay: self.drain_delay,
            drain: self.drain,
            allow_unverified: self.allow_unverified,
            temporal_api_key_file: self.temporal_api_key_file,
            public_url: self.callers.public_url.clone(),
        })
    }
}

fn saturated(count: NonZeroU64) -> usize {
    usize::try_from(count.get()).unwrap_or(usize::MAX)
}

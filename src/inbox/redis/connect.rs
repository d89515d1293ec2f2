//! Opening connections: where the primary is, TLS, user and password.
//!
//! Files are read anew for each connection, so that a password or an authority that was exchanged is taken up without a restart.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::io::tcp::{TcpSettings, socket2};
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates, cmd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::address::{Address, Node};
use super::failure::Failure;
use super::{Error, Options};
use crate::secret::Secret;

/// For a connection to be made, with TLS and the password.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// For an answer to a short command; whoever waits longer says so on the connection.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A connection on which nothing comes is asked after so long whether its other end is there; one that only listens has no
/// other way to know.
const QUIET_FOR: Duration = Duration::from_secs(5);

/// Neither a password nor an authority is larger.
const MAX_FILE: u64 = 1 << 20;

/// Opens connections; keeps none.
#[derive(Debug)]
pub(super) struct Connector {
    address: Address,
    password_file: Option<PathBuf>,
    sentinel_password_file: Option<PathBuf>,
    authority: Option<PathBuf>,
    /// Which Sentinel is asked first: another one each time, for the last one asked may be wrong.
    turn: AtomicUsize,
}

impl Connector {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let address = std::str::from_utf8(options.address.expose()).unwrap_or_default();
        let address = Address::parse(address).map_err(|error| Error::Open(error.to_string()))?;
        Ok(Self {
            address,
            password_file: options.password_file.clone(),
            sentinel_password_file: options.sentinel_password_file.clone(),
            authority: options.ca.clone(),
            turn: AtomicUsize::new(0),
        })
    }

    pub(super) const fn has_sentinels(&self) -> bool {
        self.address.master.is_some()
    }

    /// Where the primary is: the address, or what the first Sentinel that answers says. Whether it is one, its ROLE must tell.
    pub(super) async fn find(&self) -> Result<Node, Failure> {
        let nodes = &self.address.nodes;
        let Some(master) = &self.address.master else {
            return nodes.first().cloned().ok_or(Failure::Lost);
        };
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % nodes.len().max(1);
        let mut last = Failure::NoSentinel;
        for sentinel in nodes.iter().cycle().skip(first).take(nodes.len()) {
            match self.ask_sentinel(sentinel, master).await {
                Ok(Some(node)) => return Ok(node),
                Ok(None) => last = Failure::UnknownMaster(master.clone()),
                // What one knows is worth more than that another is away.
                Err(Failure::Unreachable(_) | Failure::Lost | Failure::TimedOut) => {}
                Err(Failure::NoAuth | Failure::WrongPassword) => last = Failure::SentinelRefuses,
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    async fn ask_sentinel(&self, sentinel: &Node, master: &str) -> Result<Option<Node>, Failure> {
        let password = match &self.sentinel_password_file {
            Some(path) => Some(password_from(path, "--redis-sentinel-password-file").await?),
            None => None,
        };
        let client = self.client(sentinel, who(None, password.as_ref())?).await?;
        let mut connection = open(&client).await?;
        let answer: Option<(String, u16)> = cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(master)
            .query_async(&mut connection)
            .await
            .map_err(|error| Failure::of(&error))?;
        Ok(answer.map(|(host, port)| Node { host, port }))
    }

    /// A connection for commands, whose answers come in good time.
    pub(super) async fn connect(&self, node: &Node) -> Result<MultiplexedConnection, Failure> {
        let client = self.client(node, self.who().await?).await?;
        open(&client).await.map_err(|failure| failure.at(node))
    }

    /// A connection that listens to channels.
    pub(super) async fn listen(&self, node: &Node) -> Result<PubSub, Failure> {
        let client = self.client(node, self.who().await?).await?;
        match tokio::time::timeout(CONNECT_WITHIN, client.get_async_pubsub()).await {
            Ok(opened) => opened.map_err(|error| Failure::of(&error).at(node)),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    async fn who(&self) -> Result<RedisConnectionInfo, Failure> {
        let user = self.address.user.as_deref();
        let who = match (&self.password_file, &self.address.password) {
            (Some(path), _) => {
                let password = password_from(path, "--redis-password-file").await?;
                who(user, Some(&password))
            }
            (None, password) => who(user, password.as_ref()),
        }?;
        Ok(who.set_db(i64::from(self.address.database)))
    }

    async fn client(&self, node: &Node, who: RedisConnectionInfo) -> Result<Client, Failure> {
        let (host, port) = (node.host.clone(), node.port);
        let address = if self.address.tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(QUIET_FOR)
            .with_interval(QUIET_FOR);
        // Without `nodelay` small commands wait for the answers to those before them.
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(keepalive);
        let info = address
            .into_connection_info()
            .map_err(|error| Failure::of(&error))?
            .set_redis_settings(who)
            .set_tcp_settings(tcp);
        let client = match &self.authority {
            Some(path) if self.address.tls => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(authority_from(path).await?),
                };
                Client::build_with_tls(info, certificates)
            }
            _ => Client::open(info),
        };
        client.map_err(|error| Failure::of(&error))
    }
}

async fn open(client: &Client) -> Result<MultiplexedConnection, Failure> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(|error| Failure::of(&error))
}

fn who(user: Option<&str>, password: Option<&Secret>) -> Result<RedisConnectionInfo, Failure> {
    let mut who =
        RedisConnectionInfo::default().set_lib_name("signalpost", env!("CARGO_PKG_VERSION"));
    if let Some(user) = user {
        who = who.set_username(user);
    }
    if let Some(password) = password {
        let text = std::str::from_utf8(password.expose())
            .map_err(|_| Failure::Credentials("the password of Redis is no UTF-8".to_owned()))?;
        who = who.set_password(text);
    }
    Ok(who)
}

async fn password_from(path: &Path, flag: &str) -> Result<Secret, Failure> {
    let mut bytes = read(path, flag).await?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.is_empty() {
        let path = path.display();
        return Err(Failure::Credentials(format!("{flag} {path} is empty")));
    }
    Ok(Secret::new(bytes))
}

async fn authority_from(path: &Path) -> Result<Vec<u8>, Failure> {
    let pem = read(path, "--redis-ca").await?;
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    if !matches!(certificates.next(), Some(Ok(_))) {
        let path = path.display();
        return Err(Failure::Credentials(format!(
            "--redis-ca {path} has no certificate in it (PEM)"
        )));
    }
    Ok(pem)
}

async fn read(path: &Path, flag: &str) -> Result<Vec<u8>, Failure> {
    use tokio::io::AsyncReadExt as _;
    let unreadable = |error: std::io::Error| {
        let path = path.display();
        Failure::Credentials(format!("{flag} {path} cannot be read: {error}"))
    };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE)
        .read_to_end(&mut bytes)
        .await
        .map_err(unreadable)?;
    Ok(bytes)
}

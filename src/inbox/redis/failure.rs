//! Every failure of Redis by name, as a sentence that says what it is and what to do. Pure.
//!
//! What a server says may repeat what it was sent: of its words only the code stands in a sentence, and what is known to be
//! harmless (the name of a command, the line of a script).

use std::io;
use std::sync::Arc;

use ::redis::{ErrorKind, RedisError, ServerError};

use super::address::Node;

/// What went wrong on the way to Redis or in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("no connection to Redis can be made: {0}")]
    Unreachable(String),
    #[error("the connection to Redis was lost")]
    Lost,
    #[error("Redis does not answer in time")]
    TimedOut,
    #[error("TLS to Redis fails: {0}; look at its certificate and at --redis-ca")]
    Tls(String),
    #[error("{0}")]
    Credentials(String),
    #[error(
        "behind the address of Redis now one server answers and now another: give STORE the address of one"
    )]
    AnotherServer,
    #[error("no Sentinel answers")]
    NoSentinel,
    #[error("the Sentinels want a password, or another one: give --redis-sentinel-password-file")]
    SentinelRefuses,
    #[error(
        "the Sentinels know no primary of the name {0}; it is the part after the hosts in STORE"
    )]
    UnknownMaster(String),
    #[error(
        "Redis wants a password: put it into the address, or give --redis-password-file (NOAUTH)"
    )]
    NoAuth,
    #[error("Redis refuses the user or the password (WRONGPASS)")]
    WrongPassword,
    #[error("Redis forbids its user the command `{0}`: grant it in its ACL (NOPERM)")]
    NoCommand(String),
    #[error(
        "Redis forbids its user a key or a channel: grant ~{{PREFIX}}:* and &{{PREFIX}}:* in its ACL (NOPERM)"
    )]
    NoKey,
    #[error("Redis is loading its data from disk (LOADING)")]
    Loading,
    #[error("this Redis is read-only: it has become a replica (READONLY)")]
    ReadOnly,
    #[error(
        "Redis is full: raise its maxmemory, or have retention keep less (--retention-size) (OOM)"
    )]
    Full,
    #[error("Redis cannot write to its disk and refuses writes (MISCONF): look at its log")]
    CannotPersist,
    #[error("Redis has fewer replicas than its min-replicas-to-write (NOREPLICAS)")]
    TooFewReplicas,
    #[error("the replica that was asked has no primary (MASTERDOWN)")]
    MasterDown,
    #[error("the Redis Cluster is down (CLUSTERDOWN)")]
    ClusterDown,
    #[error(
        "this node of a Redis Cluster does not hold our slot ({0}): give STORE the address of the one that does"
    )]
    Moved(&'static str),
    #[error("Redis is busy with a script (BUSY)")]
    Busy,
    #[error("Redis does not know the script (NOSCRIPT)")]
    NoScript,
    #[error("Redis aborted the transaction (EXECABORT)")]
    Aborted,
    #[error("Redis takes no more connections: raise its maxclients")]
    TooManyClients,
    #[error("something else than ours lies under one of our names in Redis (WRONGTYPE)")]
    WrongType,
    #[error("a script of ours failed in Redis, in its line {0}")]
    Script(u32),
    #[error("Redis has no database of that number; it is the last part of STORE")]
    NoDatabase,
    #[error("Redis answered what nobody expected")]
    Unexpected,
    #[error("Redis refuses: {0}")]
    Other(String),
}

impl Failure {
    pub(super) fn of(error: &RedisError) -> Self {
        if let Some(errors) = error.clone().into_server_errors() {
            return errors
                .first()
                .map_or(Self::Unexpected, |(_, error)| Self::of_server(error));
        }
        match error.kind() {
            ErrorKind::Io => Self::of_io(error),
            ErrorKind::AuthenticationFailed => match error.detail() {
                // The client wraps what the server said; a server that loads cannot check passwords.
                Some(detail) if detail.contains("LOADING") => Self::Loading,
                _ => Self::WrongPassword,
            },
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Unexpected,
            ErrorKind::InvalidClientConfig => Self::Tls("its settings cannot be used".to_owned()),
            _ => match error.code() {
                Some(code) => Self::of_code(code, error.detail().unwrap_or_default()),
                None => Self::Unexpected,
            },
        }
    }

    /// One answer of a pipeline.
    pub(super) fn of_server(error: &ServerError) -> Self {
        Self::of_code(error.code(), error.details().unwrap_or_default())
    }

    fn of_code(code: &str, detail: &str) -> Self {
        match code {
            "NOAUTH" => Self::NoAuth,
            "WRONGPASS" => Self::WrongPassword,
            "NOPERM" => no_permission(detail),
            "LOADING" => Self::Loading,
            "READONLY" | "UNBLOCKED" => Self::ReadOnly,
            "OOM" => Self::Full,
            "MISCONF" => Self::CannotPersist,
            "NOREPLICAS" => Self::TooFewReplicas,
            "MASTERDOWN" => Self::MasterDown,
            "CLUSTERDOWN" => Self::ClusterDown,
            "MOVED" => Self::Moved("MOVED"),
            "ASK" => Self::Moved("ASK"),
            "CROSSSLOT" => Self::Moved("CROSSSLOT"),
            "TRYAGAIN" => Self::Moved("TRYAGAIN"),
            "BUSY" => Self::Busy,
            "NOSCRIPT" => Self::NoScript,
            "EXECABORT" => Self::Aborted,
            "WRONGTYPE" => Self::WrongType,
            _ => Self::of_words(code, detail),
        }
    }

    /// Codes that stand for many things; before Redis 7 a script's error carries the real one inside.
    fn of_words(code: &str, detail: &str) -> Self {
        const INSIDE: [&str; 5] = ["OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM"];
        let inside = |code: &&str| detail.contains(&format!("-{code} "));
        if let Some(inside) = INSIDE.into_iter().find(inside) {
            return Self::of_code(inside, detail);
        }
        if detail.contains("max number of clients") {
            return Self::TooManyClients;
        }
        if detail.contains("DB index") {
            return Self::NoDatabase;
        }
        // Redis 7 names a script by its place, older ones by a name alone: `user_script:12:`.
        if let Some((_, rest)) = detail.split_once("user_script:") {
            let digits: String = rest
                .trim_start()
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if let Ok(line) = digits.parse() {
                return Self::Script(line);
            }
        }
        let is_code = !code.is_empty() && code.chars().all(|c| c.is_ascii_uppercase());
        Self::Other(if is_code { code } else { "an error" }.to_owned())
    }

    fn of_io(error: &RedisError) -> Self {
        use std::error::Error as _;
        let source = error.source();
        let inner = source
            .and_then(|source| source.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>())
            .and_then(|shared| shared.downcast_ref::<io::Error>());
        let Some(inner) = inner else {
            // Not of the network: the host's name or the system's certificates are of no use to TLS.
            return source.map_or(Self::Lost, |source| Self::Tls(source.to_string()));
        };
        let tls = inner
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls {
            return Self::Tls(tls.to_string());
        }
        match inner.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut,
            io::ErrorKind::ConnectionRefused => Self::Unreachable("refused".to_owned()),
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected => Self::Lost,
            // Of the system: it names hosts at most.
            _ => Self::Unreachable(inner.to_string()),
        }
    }

    /// Names the server that cannot be reached.
    pub(super) fn at(self, node: &Node) -> Self {
        match self {
            Self::Unreachable(why) => Self::Unreachable(format!("{node}: {why}")),
            other => other,
        }
    }

    /// Nobody is there at present: no fault of settings, and no reason not to start.
    pub(super) fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Lost
                | Self::TimedOut
                | Self::AnotherServer
                | Self::NoSentinel
                | Self::Loading
                | Self::ReadOnly
                | Self::Full
                | Self::CannotPersist
                | Self::TooFewReplicas
                | Self::MasterDown
                | Self::ClusterDown
                | Self::Busy
                | Self::TooManyClients
        )
    }

    /// The server stands and can be read, it only takes no writes at present.
    pub(super) fn is_hindrance(&self) -> bool {
        matches!(
            self,
            Self::Full | Self::CannotPersist | Self::TooFewReplicas | Self::Busy
        )
    }

    /// Says something about the way or the server, not about what was asked: it is to be looked at again.
    pub(super) fn concerns_the_way(&self) -> bool {
        !matches!(
            self,
            Self::NoScript
                | Self::Aborted
                | Self::Script(_)
                | Self::Unexpected
                | Self::Other(_)
                | Self::WrongType
        )
    }
}

/// `… no permissions to run the 'config|get' command`, or `… to access a key`.
fn no_permission(detail: &str) -> Failure {
    let command = detail
        .split_once("run the '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(command, _)| command)
        .filter(|command| {
            let allowed = |c: char| c.is_ascii_lowercase() || "|-".contains(c);
            !command.is_empty() && command.len() <= 32 && command.chars().all(allowed)
        });
    match command {
        Some(command) => Failure::NoCommand(command.replace('|', " ")),
        None if detail.contains("command") => Failure::NoCommand("that was sent".to_owned()),
        None => Failure::NoKey,
    }
}

#[cfg(test)]
mod tests {
    use ::redis::{Value, parse_redis_value};

    use super::*;

    /// As the server would say it.
    fn said(line: &str) -> Failure {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).expect("an answer");
        let Value::ServerError(error) = value else {
            panic!("no error: {value:?}");
        };
        assert_eq!(
            Failure::of(&RedisError::from(error.clone())),
            Failure::of_server(&error),
            "alone and in a pipeline"
        );
        Failure::of_server(&error)
    }

    #[test]
    fn each_code_has_its_name() {
        for (line, meant) in [
            ("NOAUTH Authentication required.", Failure::NoAuth),
            (
                "WRONGPASS invalid username-password pair",
                Failure::WrongPassword,
            ),
            (
                "LOADING Redis is loading the dataset in memory",
                Failure::Loading,
            ),
            (
                "READONLY You can't write against a read only replica.",
                Failure::ReadOnly,
            ),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                Failure::Full,
            ),
            (
                "MISCONF Errors writing to the AOF file: No space",
                Failure::CannotPersist,
            ),
            (
                "NOREPLICAS Not enough good replicas to write.",
                Failure::TooFewReplicas,
            ),
            ("MASTERDOWN Link with MASTER is down", Failure::MasterDown),
            ("CLUSTERDOWN The cluster is down", Failure::ClusterDown),
            ("MOVED 3999 127.0.0.1:6381", Failure::Moved("MOVED")),
            (
                "CROSSSLOT Keys in request don't hash",
                Failure::Moved("CROSSSLOT"),
            ),
            ("BUSY Redis is busy running a script.", Failure::Busy),
            ("NOSCRIPT No matching script.", Failure::NoScript),
            ("EXECABORT Transaction discarded", Failure::Aborted),
            ("WRONGTYPE Operation against a key", Failure::WrongType),
            ("ERR max number of clients reached", Failure::TooManyClients),
            (
                "ERR user_script:12: attempt to index a nil value script: f00",
                Failure::Script(12),
            ),
            (
                "NOPERM this user has no permissions to run the 'config|get' command",
                Failure::NoCommand("config get".to_owned()),
            ),
            (
                "NOPERM User ann has no permissions to access the 'x' key",
                Failure::NoKey,
            ),
        ] {
            assert_eq!(said(line), meant, "{line}");
        }
    }

    #[test]
    fn before_redis_7_the_code_stands_inside() {
        let line = "ERR Error running script (call to f_00): @user_script:3: @user_script: 3: -OOM command not allowed";
        assert_eq!(said(line), Failure::Full);
    }

    #[test]
    fn what_was_sent_is_never_repeated() {
        for line in [
            "ERR unknown command 'hunter2', with args beginning with: 'hunter2'",
            "NOPERM User hunter2 has no permissions to run the 'hunter2 ' command",
            "hunter2 is no code of a server",
        ] {
            assert!(!said(line).to_string().contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_connection_is_refused_lost_or_slow() {
        let io = |kind| Failure::of(&RedisError::from(io::Error::from(kind)));
        assert_eq!(io(io::ErrorKind::TimedOut), Failure::TimedOut);
        assert_eq!(io(io::ErrorKind::BrokenPipe), Failure::Lost);
        assert_eq!(
            io(io::ErrorKind::ConnectionRefused),
            Failure::Unreachable("refused".to_owned())
        );
        let tls = rustls::Error::NoCertificatesPresented;
        let failure = Failure::of(&RedisError::from(io::Error::other(tls)));
        assert!(matches!(failure, Failure::Tls(_)), "{failure}");
        assert!(!failure.is_absence(), "a wrong certificate is no absence");
    }
}

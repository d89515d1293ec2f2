//! The settings as a user meets them: flags, environment, and what is refused.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use signalpost::rate::Rate;
use signalpost::server::cors::Cors;
use signalpost::settings::{ServeOptions, ServeSettings, Store, environment};
use signalpost::telemetry::audit;

pub(crate) fn program() -> Command {
    let serve = ServeSettings::augment_args(Command::new("serve"));
    Command::new("signalpost").subcommand(serve)
}

pub(crate) fn options(flags: &[&str]) -> Result<ServeOptions, String> {
    // Without the variables of whoever runs the tests.
    let command =
        ServeSettings::augment_args(Command::new("serve")).mut_args(|a| a.env(None::<&str>));
    let matches = command
        .try_get_matches_from([&["serve"], flags].concat())
        .map_err(|error| error.to_string())?;
    let settings = ServeSettings::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    settings.options().map_err(|error| error.to_string())
}

fn check(variables: &[(&str, &str)]) -> Result<(), String> {
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    environment::check(&program(), variables)
}

#[test]
fn defaults_are_those_of_the_contract() {
    let options = options(&[]).unwrap();
    assert_eq!(options.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(options.ops_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(options.routes, Path::new("routes.toml"));
    assert!(matches!(&options.store, Store::File(path) if path == Path::new("./signalpost.db")));
    assert_eq!(options.max_backlog, 1_000_000);
    assert_eq!(options.retention.age.as_secs(), 30 * 24 * 3_600);
    assert_eq!(options.retention.size, None);
    assert_eq!(options.max_in_flight, 1_000);
    assert_eq!(options.listener.max_connections, 10_000);
    assert_eq!(options.listener.header_timeout.as_secs(), 10);
    assert_eq!(options.body.max_bytes, 1024 * 1024);
    assert_eq!(options.body.timeout.as_secs(), 30);
    assert_eq!(options.audit, audit::Target::Stderr);
    assert_eq!(options.rates.address, None);
    assert_eq!(options.rates.query, None);
    assert_eq!(options.rates.auth_failures, Rate::parse("60/m"));
    assert!(options.proxies.trusted.is_empty());
    assert_eq!(options.cors, Cors::default());
    assert_eq!(options.drain_delay.as_secs(), 5);
    assert_eq!(options.drain.as_secs(), 25);
    assert!(!options.operators.have_tokens());
    assert!(!options.allow_unverified);
}

#[test]
fn every_flag_has_its_variable_and_its_help() {
    let serve = ServeSettings::augment_args(Command::new("serve"));
    for argument in serve.get_arguments() {
        let flag = argument.get_long().unwrap();
        let variable = format!("SIGNALPOST_{}", flag.to_uppercase().replace('-', "_"));
        assert_eq!(argument.get_env().unwrap(), OsString::from(variable));
        assert!(argument.get_help().is_some(), "--{flag} has no help");
    }
    assert!(environment::names(&program()).contains(&"SIGNALPOST_MAX_BODY"));
    // A command that takes the settings in keeps its own words about itself.
    assert!(serve.get_about().is_none());
}

#[test]
fn an_unknown_variable_is_named_with_the_one_that_was_meant() {
    let error = check(&[("SIGNALPOST_MAX_BODDY", "1MiB")]).unwrap_err();
    assert_eq!(
        error,
        "SIGNALPOST_MAX_BODDY is no setting; did you mean SIGNALPOST_MAX_BODY?"
    );
    let error = check(&[("SIGNALPOST_TEMPO", "cert.pem")]).unwrap_err();
    assert!(
        error.contains("allowed are SIGNALPOST_ADDRESS_RATE, "),
        "{error}"
    );
}

#[test]
fn an_empty_variable_is_refused() {
    let error = check(&[("SIGNALPOST_LISTEN", "")]).unwrap_err();
    assert_eq!(
        error,
        "SIGNALPOST_LISTEN is empty; give it a value, or unset it"
    );
}

#[test]
fn a_malformed_value_is_shown_with_what_is_allowed() {
    let cases = [
        ("SIGNALPOST_MAX_BODY", "1MB", "KiB, MiB or GiB"),
        ("SIGNALPOST_HEADER_TIMEOUT", "10", "10s, 1m30s"),
        ("SIGNALPOST_LISTEN", "8080", "127.0.0.1:8080"),
        ("SIGNALPOST_MAX_IN_FLIGHT", "0", "above 0"),
        ("SIGNALPOST_LOG", "loud=loud", "allowed is a level"),
        ("SIGNALPOST_LOG_FORMAT", "xml", "`text` or `json`"),
        ("SIGNALPOST_ALLOW_UNVERIFIED", "maybe", "true or false"),
    ];
    for (name, value, allowed) in cases {
        let error = check(&[(name, value)]).unwrap_err();
        assert!(
            error.starts_with(&format!("{name}={value:?} is malformed: ")),
            "{error}"
        );
        assert!(error.contains(allowed), "{error}");
    }
}

#[test]
fn good_values_and_strangers_variables_pass() {
    check(&[
        ("SIGNALPOST_LISTEN", "0.0.0.0:80"),
        ("SIGNALPOST_ALLOW_UNVERIFIED", "true"),
        ("SIGNALPOST_OPS_TOKEN", "s3cret"),
        ("PATH", ""),
        ("SIGNAL", "x"),
    ])
    .unwrap();
}

#[test]
fn what_kubernetes_injects_passes_and_what_looks_like_it_does_not() {
    check(&[
        ("SIGNALPOST_SERVICE_HOST", "10.0.0.1"),
        ("SIGNALPOST_SERVICE_PORT", "80"),
        ("SIGNALPOST_OPS_SERVICE_PORT_HTTP", "80"),
        ("SIGNALPOST_PORT", "tcp://10.0.0.1:80"),
        ("SIGNALPOST_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("SIGNALPOST_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("SIGNALPOST_OPS_PORT_53_UDP_PROTO", "udp"),
    ])
    .unwrap();
    for (name, value) in [
        ("SIGNALPOST_OPS_PORT", "8081"),
        ("SIGNALPOST_PORT_HTTP_TCP", "80"),
        ("SIGNALPOST_PORT_80_TCPX", "80"),
        ("SIGNALPOST_SERVICE_PORT_", "80"),
    ] {
        assert!(check(&[(name, value)]).is_err(), "{name}={value}");
    }
}

#[test]
fn an_ops_listener_for_others_needs_a_token() {
    let error = options(&["--ops-listen=0.0.0.0:8081"]).unwrap_err();
    assert!(
        error.contains("0.0.0.0:8081") && error.contains("--ops-token-file"),
        "{error}"
    );
    let with_token = options(&["--ops-listen=0.0.0.0:8081", "--ops-token=s3cret"]).unwrap();
    assert!(with_token.operators.have_tokens());
    assert!(!format!("{with_token:?}").contains("s3cret"));
    options(&["--ops-listen=[::1]:8081"]).unwrap();
}

#[test]
fn an_ops_token_comes_from_one_place_and_can_be_sent() {
    let file = std::env::temp_dir().join(format!("signalpost-token-{}", std::process::id()));
    let flag = format!("--ops-token-file={}", file.display());
    fs::write(&file, "s3cret\n").unwrap();
    let operators = options(&[&flag]).unwrap().operators;
    assert!(operators.find(b"s3cret").is_some());
    assert!(options(&[&flag, "--ops-token=other"]).is_err());
    fs::write(&file, "two words").unwrap();
    let error = options(&[&flag]).unwrap_err();
    assert!(!error.contains("two words"), "{error}");
    fs::write(&file, "\n").unwrap();
    assert!(options(&[&flag]).unwrap_err().contains("is empty"));
    fs::remove_file(&file).unwrap();
    assert!(options(&[&flag]).unwrap_err().contains("cannot be read"));
}

#[test]
fn operators_of_a_file_open_the_listener_and_a_bad_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let flag = format!("--ops-tokens-file={}", file.display());
    fs::write(&file, format!("ann act sha256:{}\n", "0".repeat(64))).unwrap();
    options(&["--ops-listen=0.0.0.0:8081", &flag]).unwrap();
    fs::write(&file, "# operators\nann act s3cret\n").unwrap();
    let error = options(&[&flag]).unwrap_err();
    assert!(
        error.contains("line 2") && !error.contains("s3cret"),
        "{error}"
    );
}

fn redis(flags: &[&str]) -> Result<signalpost::inbox::redis::Options, String> {
    match options(flags)?.store {
        Store::Redis(redis) => Ok(redis),
        Store::File(path) => Err(format!("a file: {}", path.display())),
    }
}

#[test]
fn redis_is_a_store_of_its_own_settings() {
    let plain = redis(&["--store=redis://:hunter2@db"]).unwrap();
    assert_eq!(plain.durability.to_string(), "fsync");
    assert_eq!(
        (plain.prefix.as_str(), plain.connections),
        ("signalpost", 4)
    );
    assert!(!format!("{plain:?}").contains("hunter2"));
    let all = redis(&[
        "--store=rediss+sentinel://ann@a,b/orders",
        "--redis-durability=fsync+replicas:2",
        "--redis-prefix=eu.orders",
        "--redis-password-file=password",
        "--redis-sentinel-password-file=other",
        "--redis-ca=ca.pem",
        "--redis-connections=8",
    ])
    .unwrap();
    assert_eq!(all.durability.to_string(), "fsync+replicas:2");
    assert_eq!(all.ca.as_deref(), Some(Path::new("ca.pem")));
    assert_eq!((all.prefix.as_str(), all.connections), ("eu.orders", 8));
}

#[test]
fn settings_of_redis_that_do_not_fit_are_refused_without_its_password() {
    for (flags, why) in [
        (
            &["--store=redis://:hunter2@db:x"][..],
            "a port is no number",
        ),
        (&["--store=redis+unix://:hunter2@db"], "allowed is redis://"),
        (&["--store=redis://ann@db"], "names a user and no password"),
        (
            &["--store=redis://:hunter2@db", "--redis-password-file=p"],
            "keep one of them",
        ),
        (
            &["--store=redis://:hunter2@db", "--redis-ca=c"],
            "make it rediss://",
        ),
        (
            &[
                "--store=redis://:hunter2@db",
                "--redis-sentinel-password-file=c",
            ],
            "names no Sentinels",
        ),
        (
            &["--store=./signalpost.db", "--redis-password-file=p"],
            "--store is the path of a file",
        ),
        (&["--redis-durability=disk"], "memory, fsync, replicas:N"),
        (&["--redis-prefix={a}"], "allowed are 1 to 64 letters"),
        (&["--redis-connections=65"], "from 1 to 64"),
    ] {
        let error = options(flags).unwrap_err();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_switch_is_true_alone_and_never_by_accident() {
    assert!(options(&["--allow-unverified"]).unwrap().allow_unverified);
    assert!(
        !options(&["--allow-unverified=false"])
            .unwrap()
            .allow_unverified
    );
    assert!(options(&["--allow-unverified=maybe"]).is_err());
}

//! What is wrong with the TLS files at the start: a sentence each, exit code 2, and nothing of a key in it.

use crate::cli::signalpost;
use crate::support::authority::Authority;

/// Flag, name of the file, content; empty: there is no such file.
type File<'a> = (&'a str, &'a str, &'a str);

/// What `serve` says to these files before it ends.
fn sentence(files: &[File<'_>]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = signalpost(&["serve", "--listen", "127.0.0.1:0"]);
    command.current_dir(folder.path());
    for (flag, name, content) in files {
        if !content.is_empty() {
            std::fs::write(folder.path().join(name), content).expect("a file");
        }
        command.args([flag, name]);
    }
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    for (_, name, content) in files {
        let first = content.lines().nth(1).unwrap_or("-----");
        assert!(!said.contains(first), "{name} is shown: {said}");
    }
    said
}

fn both<'a>(cert: &'a str, key: &'a str) -> [File<'a>; 2] {
    [
        ("--tls-cert", "cert.pem", cert),
        ("--tls-key", "key.pem", key),
    ]
}

fn says(files: &[File<'_>], parts: &[&str]) {
    let said = sentence(files);
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

const ENCRYPTED: &str =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
const ENCRYPTED_BEFORE: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n";
const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const NO_KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

#[test]
fn settings_that_do_not_go_together() {
    let pair = Authority::new("ours").pair();
    let files = both(&pair.cert, &pair.key);
    says(&files[..1], &["--tls-cert is given without --tls-key;"]);
    says(&files[1..], &["--tls-key is given without --tls-cert;"]);
    says(
        &[("--tls-client-ca", "ca.pem", &pair.cert)],
        &["--tls-client-ca is given without --tls-cert and --tls-key;"],
    );
    says(
        &[files[0], files[1], ("--tls-client-auth", "optional", "")],
        &["--tls-client-auth is given without --tls-client-ca;"],
    );
}

#[test]
fn files_that_do_not_hold_what_they_should() {
    let pair = Authority::new("ours").pair();
    let (cert, key) = (&*pair.cert, &*pair.key);
    for (files, parts) in [
        (
            both("", key),
            ["--tls-cert cert.pem cannot be read", "No such"],
        ),
        (
            both(cert, ""),
            ["--tls-key key.pem cannot be read", "No such"],
        ),
        (
            both(key, key),
            ["--tls-cert cert.pem", "no readable certificate"],
        ),
        (
            both(NO_CERTIFICATE, key),
            ["--tls-cert cert.pem", "cannot be used"],
        ),
        (
            both(cert, cert),
            ["--tls-key key.pem", "no readable private key"],
        ),
        (both(cert, NO_KEY), ["--tls-key key.pem", "cannot be used"]),
        (
            both(cert, ENCRYPTED),
            ["--tls-key key.pem is encrypted", "openssl pkey"],
        ),
        (
            both(cert, ENCRYPTED_BEFORE),
            ["--tls-key key.pem is encrypted", "openssl pkey"],
        ),
    ] {
        says(&files, &parts);
    }
    let mut with_clients = both(cert, key).to_vec();
    with_clients.push(("--tls-client-ca", "ca.pem", key));
    says(
        &with_clients,
        &["--tls-client-ca ca.pem holds no readable certificate"],
    );
}

#[test]
fn pairs_that_clients_would_refuse() {
    let authority = Authority::new("ours");
    let (pair, other) = (authority.pair(), authority.pair());
    let expired = authority.pair_within((2020, 1, 1), (2021, 2, 3));
    let early = authority.pair_within((2119, 1, 1), (2120, 1, 1));
    for (cert, key, part) in [
        (
            &pair.cert,
            &other.key,
            "key.pem is not the key of --tls-cert cert.pem",
        ),
        (
            &expired.cert,
            &expired.key,
            "expired at 2021-02-03T00:00:00.000Z; renew it",
        ),
        (
            &early.cert,
            &early.key,
            "is not valid before 2119-01-01T00:00:00.000Z",
        ),
    ] {
        says(&both(cert, key), &[part]);
    }
}

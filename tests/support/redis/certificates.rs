//! TLS for a Redis: an authority of the test's own, and a certificate of `localhost` and 127.0.0.1 that it signed.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Redis, program};

/// A server that speaks TLS alone. Its authority is `redis.folder()/ca.pem`; `url` is for it what [`url`] says.
pub(crate) async fn start(args: &[&str]) -> Redis {
    start_in(tempfile::tempdir().expect("a folder"), args).await
}

/// The same in a folder that something was put into.
pub(crate) async fn start_in(folder: TempDir, args: &[&str]) -> Redis {
    write(folder.path());
    let mut all = vec![
        "--tls-cert-file",
        "FOLDER/cert.pem",
        "--tls-key-file",
        "FOLDER/key.pem",
        "--tls-ca-cert-file",
        "FOLDER/ca.pem",
        "--tls-auth-clients",
        "no",
    ];
    all.extend(args);
    Redis::in_folder(program("redis-server"), folder, &all).await
}

pub(crate) fn url(redis: &Redis) -> String {
    format!("rediss://{}", redis.address())
}

pub(crate) fn authority(redis: &Redis) -> PathBuf {
    redis.folder().join("ca.pem")
}

/// `ca.pem`, `cert.pem` and `key.pem`.
pub(crate) fn write(folder: &Path) {
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth";
    std::fs::write(folder.join("names"), names).expect("a file");
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let openssl = |args: &[&str]| {
        let done = Command::new("openssl")
            .args(args)
            .current_dir(folder)
            .output();
        let done = done.expect("openssl is installed");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "openssl {args:?}: {said}");
    };
    let mut authority = vec!["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"];
    authority.extend(curve);
    authority.extend(["-keyout", "ca.key", "-out", "ca.pem"]);
    openssl(&authority);
    let mut request = vec!["req", "-nodes", "-subj", "/CN=localhost"];
    request.extend(curve);
    request.extend(["-keyout", "key.pem", "-out", "request.pem"]);
    openssl(&request);
    openssl(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "request.pem",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "cert.pem",
    ]);
}

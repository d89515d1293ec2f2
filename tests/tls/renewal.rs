//! A certificate is renewed while the gateway serves.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncWriteExt;

use super::{address, folder_with, setup};
use crate::listener::one_answer;
use crate::support::authority::{Authority, Pair};
use crate::support::eventually;
use crate::support::gateway::Gateway;

/// Whether a new connection is shown this pair's certificate.
async fn shows(gateway: &Gateway, authority: &Authority, pair: &Pair) -> bool {
    let stream = authority.connect(address(gateway)).await.expect("TLS");
    let shown = stream.get_ref().1.peer_certificates().expect("a chain");
    let own = CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("a certificate");
    shown[0] == own
}

const GOOD: &str = r#"signalpost_tls_last_reload_successful{listener="public"} 1"#;
const BAD: &str = r#"signalpost_tls_last_reload_successful{listener="public"} 0"#;

#[tokio::test]
async fn a_new_pair_is_taken_and_a_bad_one_never_replaces_a_good_one() {
    let authority = Authority::new("ours");
    let (first, second, other) = (authority.pair(), authority.pair(), authority.pair());
    let folder = folder_with(&first);
    let gateway = setup(folder.path()).start().await;
    let mut kept = authority.connect(address(&gateway)).await.expect("TLS");
    eventually("the metric says good", async || {
        gateway.metrics().await.contains(GOOD)
    })
    .await;
    assert!(gateway.metrics().await.contains(
        "\nsignalpost_tls_certificate_expiry_timestamp_seconds{listener=\"public\"} 4733510400"
    ));

    // A certificate whose key never comes.
    std::fs::write(folder.path().join("cert.pem"), &second.cert).expect("cert.pem");
    gateway
        .says(&["refused, the one before stays", "is not the key of"])
        .await;
    assert!(gateway.metrics().await.contains(BAD));
    assert!(shows(&gateway, &authority, &first).await);
    // Another fault is another line, and the same files as before are no fault.
    std::fs::remove_file(folder.path().join("key.pem")).expect("gone");
    gateway
        .says(&["refused, the one before stays", "cannot be read"])
        .await;
    first.write(folder.path());
    eventually("the fault is gone", async || {
        gateway.metrics().await.contains(GOOD)
    })
    .await;

    second.write(folder.path());
    eventually("the second is shown", async || {
        shows(&gateway, &authority, &second).await
    })
    .await;
    // What was opened with the first goes on.
    kept.write_all(b"GET /nothing HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .expect("sent");
    let answer = one_answer(&mut kept, "}").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert_eq!(gateway.log().matches("is not the key of").count(), 1);

    let expired = authority.pair_within((2020, 1, 1), (2021, 1, 1));
    expired.write(folder.path());
    gateway
        .says(&["refused, the one before stays", "expired at 2021"])
        .await;
    assert!(shows(&gateway, &authority, &second).await);
    other.write(folder.path());
    eventually("the third is shown", async || {
        shows(&gateway, &authority, &other).await
    })
    .await;
    eventually("the metric says good", async || {
        gateway.metrics().await.contains(GOOD)
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_mounted_secret_is_swapped_by_its_symlink() {
    let authority = Authority::new("ours");
    let (first, second) = (authority.pair(), authority.pair());
    let folder = tempfile::tempdir().expect("a folder");
    let mount = folder.path();
    for (name, pair) in [("1", &first), ("2", &second)] {
        std::fs::create_dir(mount.join(name)).expect("a folder");
        pair.write(&mount.join(name));
    }
    std::os::unix::fs::symlink("1", mount.join("..data")).expect("..data");
    for name in ["cert.pem", "key.pem"] {
        let target = std::path::Path::new("..data").join(name);
        std::os::unix::fs::symlink(target, mount.join(name)).expect("a link");
    }
    let gateway = setup(mount).start().await;
    assert!(shows(&gateway, &authority, &first).await);
    std::os::unix::fs::symlink("2", mount.join("..new")).expect("..new");
    std::fs::rename(mount.join("..new"), mount.join("..data")).expect("the swap");
    eventually("the second is shown", async || {
        shows(&gateway, &authority, &second).await
    })
    .await;
    let log = gateway.log();
    assert!(!log.contains("certificate refused"), "{log}");
}

#[tokio::test]
async fn who_is_let_in_changes_with_the_authorities_file() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let folder = folder_with(&ours.pair());
    let clients = folder.path().join("clients.pem");
    std::fs::write(&clients, ours.pem()).expect("clients.pem");
    let gateway = setup(folder.path())
        .flag("--tls-client-ca", &clients.display().to_string())
        .start()
        .await;
    let url = format!("https://{}/nothing", address(&gateway));
    let identity = theirs.pair();
    let is_let_in = async |identity: &Pair| {
        // A new client each time: no session is resumed.
        ours.client(Some(identity)).get(&url).send().await.is_ok()
    };
    assert!(!is_let_in(&identity).await);
    std::fs::write(&clients, theirs.pem()).expect("clients.pem");
    eventually("they are let in", async || is_let_in(&identity).await).await;
    assert!(!is_let_in(&ours.pair()).await);
}

//! Temporal behind TLS, by the real binary: certificates and API keys, what is said when they are wrong, and how they are
//! renewed while it serves.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tonic::Status;

use crate::drain;
use crate::support::authority::Authority;
use crate::support::devserver::{self, Observer};
use crate::support::exchange::stripe;
use crate::support::front::Front;
use crate::support::gateway::{Gateway, Setup};
use crate::support::temporal::{FakeTemporal, Reply};
use crate::support::workflows::unique;
use crate::support::{eventually, until};

struct Stage {
    fake: FakeTemporal,
    front: Front,
    folder: TempDir,
    /// Of the front's own certificate.
    authority: Authority,
}

impl Stage {
    async fn set(clients: Option<&Authority>) -> Self {
        let authority = Authority::new("of Temporal");
        let fake = FakeTemporal::start().await;
        let front = Front::to(&fake.address.to_string(), &authority, clients).await;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("ca.pem");
        Self {
            fake,
            front,
            folder,
            authority,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn setup(&self) -> Setup {
        let mut setup = drain::setup();
        setup.temporal = format!("https://{}", self.front.address);
        let setup = setup.env("TEMPORAL_CONFIG_FILE", "/dev/null");
        self.names(setup, "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "ca.pem")
    }

    fn with_certificate(&self) -> Setup {
        let setup = self.names(self.setup(), "TEMPORAL_TLS_CLIENT_CERT_PATH", "cert.pem");
        self.names(setup, "TEMPORAL_TLS_CLIENT_KEY_PATH", "key.pem")
    }

    fn names(&self, setup: Setup, variable: &str, file: &str) -> Setup {
        setup.env(variable, &self.path(file).display().to_string())
    }

    /// Until the workflow of this webhook has got its signal.
    async fn is_delivered(&self, gateway: &Gateway, id: &str) {
        let answer = stripe(gateway, format!(r#"{{"id":"{id}"}}"#)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let sent = self.fake.until_received(&format!("w-{id}"), 1).await;
        assert_eq!(sent[0].signal, "s");
        gateway.settled().await;
    }
}

async fn trouble(gateway: &Gateway, part: &str) {
    eventually(&format!("/ready tells of {part}"), async || {
        let (_, ready) = gateway.get("/ready").await;
        let trouble = &ready["checks"]["temporal"]["trouble"];
        trouble.as_str().is_some_and(|told| told.contains(part))
    })
    .await;
}

fn replace(path: &Path, content: &str) {
    std::fs::write(path, content).expect("a file");
}

#[tokio::test]
async fn a_certificate_is_renewed_while_a_call_is_in_flight_and_nothing_is_lost() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let stage = Stage::set(Some(&before)).await;
    let (first, second) = (before.pair(), after.pair());
    first.write(stage.folder.path());
    let gateway = stage.with_certificate().start().await;
    gateway.connected().await;
    stage.is_delivered(&gateway, "a").await;
    assert!(stage.front.has_seen(&first));

    stage.fake.hold("w-held");
    let answer = stripe(&gateway, r#"{"id":"held"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    until("it is in flight", || stage.fake.in_flight("w-held") == 1).await;
    stage.front.demand(&after);
    second.write(stage.folder.path());
    gateway.says(&["Temporal has taken new credentials"]).await;
    assert!(stage.front.has_seen(&second));
    stage.fake.release();
    gateway.settled().await;
    assert_eq!(stage.fake.received("w-held").len(), 1, "sent once");
    stage.is_delivered(&gateway, "b").await;
    assert!(!gateway.log().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_certificate_that_is_not_taken_never_replaces_one_that_is() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let stage = Stage::set(Some(&ours)).await;
    ours.pair().write(stage.folder.path());
    let gateway = stage.with_certificate().start().await;
    gateway.connected().await;
    theirs.pair().write(stage.folder.path());
    gateway
        .says(&[
            "does not take the new credentials",
            "TEMPORAL_TLS_CLIENT_CERT_PATH",
        ])
        .await;
    stage.is_delivered(&gateway, "a").await;
    // A certificate without its key is not tried at all; a file that is gone is said.
    std::fs::remove_file(stage.path("key.pem")).expect("gone");
    gateway.says(&["cannot be used; those before stay"]).await;
    stage.is_delivered(&gateway, "b").await;
    let third = ours.pair();
    third.write(stage.folder.path());
    until("the third is shown", || stage.front.has_seen(&third)).await;
    stage.is_delivered(&gateway, "c").await;
    let log = gateway.log();
    assert_eq!(log.matches("does not take the new").count(), 1, "{log}");
}

#[tokio::test]
async fn a_wrong_authority_or_certificate_is_a_sentence_until_the_file_is_right() {
    let clients = Authority::new("clients");
    let stage = Stage::set(Some(&clients)).await;
    let stranger = Authority::new("stranger");
    replace(&stage.path("ca.pem"), &stranger.pem());
    stranger.pair().write(stage.folder.path());
    let gateway = stage.with_certificate().start().await;
    trouble(&gateway, "TEMPORAL_TLS_SERVER_CA_CERT_PATH").await;
    // It keeps what it is sent all the same.
    let answer = stripe(&gateway, r#"{"id":"kept"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    replace(&stage.path("ca.pem"), &stage.authority.pem());
    trouble(&gateway, "TEMPORAL_TLS_CLIENT_CERT_PATH").await;
    clients.pair().write(stage.folder.path());
    gateway.connected().await;
    stage.fake.until_received("w-kept", 1).await;
}

#[tokio::test]
async fn a_real_server_behind_certificates_gets_its_signals() {
    let clients = Authority::new("clients");
    let mut stage = Stage::set(None).await;
    let server = devserver::address().await;
    stage.front = Front::to(server, &stage.authority, Some(&clients)).await;
    clients.pair().write(stage.folder.path());
    let id = unique("tls");
    let observer = Observer::new().await;
    observer.start(&format!("w-{id}")).await;
    let gateway = stage.with_certificate().start().await;
    let answer = stripe(&gateway, format!(r#"{{"id":"{id}"}}"#)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    gateway.settled().await;
    assert_eq!(observer.signals(&format!("w-{id}")).await.len(), 1);
}

/// Refuses everybody whose key is not this one, as Temporal Cloud does.
fn only(fake: &FakeTemporal, key: &str) {
    let bearer = format!("Bearer {key}");
    fake.otherwise(move |received| {
        if received.authorization == bearer {
            Reply::Ok
        } else {
            Reply::Fail(Status::unauthenticated("Request unauthorized."))
        }
    });
}

const CREDENTIALS: &str = r#"signalpost_temporal_refusals_total{what="credentials"}"#;

#[tokio::test]
async fn an_api_key_that_has_run_out_is_loud_and_its_successor_is_used_without_a_restart() {
    let stage = Stage::set(None).await;
    only(&stage.fake, "k3y-first");
    let file = stage.path("key");
    replace(&file, "k3y-first\n");
    let gateway = stage
        .setup()
        .flag("--temporal-api-key-file", &file.display().to_string())
        .start()
        .await;
    gateway.connected().await;
    stage.is_delivered(&gateway, "a").await;

    // A successor that is not taken changes nothing.
    replace(&file, "k3y-wrong\n");
    gateway.says(&["does not take the new credentials"]).await;
    stage.is_delivered(&gateway, "b").await;
    assert!(
        !gateway.metrics().await.contains(CREDENTIALS),
        "ours are good"
    );

    only(&stage.fake, "k3y-second");
    let answer = stripe(&gateway, r#"{"id":"late"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    gateway.says(&["Temporal refuses us", "credentials"]).await;
    trouble(&gateway, "unauthorized").await;
    assert!(gateway.metrics().await.contains(CREDENTIALS));
    replace(&file, "k3y-second\n");
    gateway.says(&["Temporal has taken new credentials"]).await;
    gateway.settled().await;
    let sent = stage.fake.received("w-late");
    assert_eq!(
        sent.last().expect("sent").authorization,
        "Bearer k3y-second"
    );
    assert!(!gateway.log().contains("k3y-"), "a key is in the log");
}

#[tokio::test]
async fn an_api_key_that_is_refused_from_the_start_is_ours_to_mend() {
    let stage = Stage::set(None).await;
    only(&stage.fake, "k3y-good");
    let file = stage.path("key");
    replace(&file, "k3y-bad");
    let gateway = stage
        .setup()
        .flag("--temporal-api-key-file", &file.display().to_string())
        .start()
        .await;
    trouble(&gateway, "unauthorized").await;
    gateway.says(&["Temporal refuses us", "credentials"]).await;
    assert!(gateway.metrics().await.contains(CREDENTIALS));
    replace(&file, "k3y-good");
    gateway.connected().await;
    stage.is_delivered(&gateway, "a").await;
    assert!(!gateway.log().contains("k3y-"), "a key is in the log");
}

#[tokio::test]
async fn a_wrong_key_in_the_file_does_not_displace_the_good_one_when_the_link_is_lost() {
    let mut stage = Stage::set(None).await;
    only(&stage.fake, "k3y-good");
    let file = stage.path("key");
    replace(&file, "k3y-good");
    let gateway = stage
        .setup()
        .flag("--temporal-api-key-file", &file.display().to_string())
        .start()
        .await;
    gateway.connected().await;
    replace(&file, "k3y-wrong");
    gateway.says(&["does not take the new credentials"]).await;
    stage.front.close().await;
    gateway.says(&["cannot connect to Temporal"]).await;
    stage.front.open().await;
    stage.is_delivered(&gateway, "a").await;
    assert!(!gateway.log().contains("k3y-"), "a key is in the log");
}

#[tokio::test]
async fn a_wrong_certificate_in_the_file_does_not_displace_the_good_one_when_the_link_is_lost() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mut stage = Stage::set(Some(&ours)).await;
    ours.pair().write(stage.folder.path());
    let gateway = stage.with_certificate().start().await;
    gateway.connected().await;
    theirs.pair().write(stage.folder.path());
    gateway.says(&["does not take the new credentials"]).await;
    stage.front.close().await;
    gateway.says(&["cannot connect to Temporal"]).await;
    stage.front.open().await;
    stage.is_delivered(&gateway, "a").await;
    // And what comes in its place is used.
    let third = ours.pair();
    third.write(stage.folder.path());
    until("the third is shown", || stage.front.has_seen(&third)).await;
    stage.is_delivered(&gateway, "b").await;
}

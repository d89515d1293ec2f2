//! Sentinels: who they say is the primary, and what they may refuse.

use signalpost::inbox::redis::Options;

use super::{open, refusal, shown, until_trouble};
use crate::support::redis::sentinel::{self, Group};
use crate::support::redis::{ask, connect};
use crate::support::until;

#[tokio::test]
async fn sentinels_lead_to_the_primary_and_to_the_one_after_it() {
    let mut group = Group::start(&[]).await;
    let inbox = open(&Options::new(group.url())).await;
    assert_eq!(shown(&inbox, "address"), group.primary.address());
    group.fail_over().await;
    let replica = group.replica.address();
    until("the link has moved", || {
        inbox.stats().trouble.is_none() && shown(&inbox, "address") == replica
    })
    .await;
}

#[tokio::test]
async fn sentinels_that_are_away_or_refuse_are_told_apart() {
    let group = Group::start(&[]).await;
    // One that is away does not matter while another answers.
    let several = group.url().replace("://", "://127.0.0.1:1,");
    for _ in 0..2 {
        let inbox = open(&Options::new(&*several)).await;
        assert_eq!(shown(&inbox, "address"), group.primary.address());
    }
    let unknown = group.url().replace(sentinel::MASTER, "invoices");
    let refused = refusal(&Options::new(unknown)).await;
    assert!(
        refused.contains("know no primary of the name invoices"),
        "{refused}"
    );
    let nobody = open(&Options::new("redis+sentinel://127.0.0.1:1/orders")).await;
    until_trouble(&nobody, "no Sentinel answers").await;
    let mut connection = connect(&format!("redis://{}", group.sentinel.address())).await;
    let _: String = ask(
        &mut connection,
        &["ACL", "SETUSER", "default", "resetpass", ">hunter2"],
    )
    .await;
    let refused = refusal(&Options::new(group.url())).await;
    assert!(
        refused.contains("--redis-sentinel-password-file"),
        "{refused}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("password"), "hunter2\n").expect("a file");
    let options = Options {
        sentinel_password_file: Some(folder.path().join("password")),
        ..Options::new(group.url())
    };
    assert_eq!(open(&options).await.stats().trouble, None);
}

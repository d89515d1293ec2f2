//! Against a small https server on loopback, which counts how often it is asked.

use super::site::{Page, Site};
use super::*;
use crate::verify::certificates::Certificates;

/// One that a test authority signed; it is looked at by nobody here.
const PEM: &str = include_str!("../../../tests/fixtures/providers/aws-sns/certificate.pem");

fn page(path: &str) -> Page {
    match path.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "/good" => Some(("200 OK", "", PEM.to_owned())),
        "/moved" => Some(("302 Found", "location: /good\r\n", String::new())),
        "/huge" => Some(("200 OK", "", "x".repeat(64 * 1024 + 1))),
        "/page" => Some(("200 OK", "", "<html>".to_owned())),
        "/slow" => None,
        _ => Some(("404 Not Found", "", String::new())),
    }
}

fn at(site: &Site, path: &str) -> String {
    format!("{}{path}", site.address)
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_kept() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    let url = at(&site, "/good");
    assert!(kept.get(&url).is_none());
    let (a, b, c) = tokio::join!(
        jwks.certificate(&url, &kept),
        jwks.certificate(&url, &kept),
        jwks.certificate(&url, &kept)
    );
    assert!(a && b && c);
    assert!(kept.get(&url).is_some());
    assert_eq!(site.asked(), 1);
}

#[tokio::test]
async fn what_is_no_certificate_is_not_kept_and_not_asked_for_again_at_once() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    for (asked, path) in ["/moved", "/huge", "/page", "/absent"].iter().enumerate() {
        let url = at(&site, path);
        for _ in 0..3 {
            assert!(!jwks.certificate(&url, &kept).await, "{path}");
            assert!(kept.get(&url).is_none(), "{path}");
        }
        assert_eq!(site.asked(), asked + 1, "{path}");
    }
    let plain = at(&site, "/good").replace("https", "http");
    assert!(!jwks.certificate(&plain, &kept).await);
}

#[tokio::test]
async fn a_host_that_cannot_prove_its_name_is_not_believed() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(false, Options::default()),
        Certificates::default(),
    );
    assert!(!jwks.certificate(&at(&site, "/good"), &kept).await);
    let (jwks, other) = (site.keeper(true, Options::default()), "127.0.0.1");
    let url = at(&site, "/good").replace("localhost", other);
    assert!(
        !jwks.certificate(&url, &kept).await,
        "a certificate for another host"
    );
    assert_eq!(site.asked(), 0);
}

#[tokio::test]
async fn a_silent_host_is_given_up_and_only_so_many_are_asked() {
    let site = Site::start(|path, _| page(path)).await;
    let options = Options {
        timeout: Duration::from_millis(200),
        ..Options::default()
    };
    let (jwks, kept) = (
        Arc::new(site.keeper(true, options)),
        Certificates::default(),
    );
    let mut waiting = JoinSet::new();
    for number in 0..20 {
        let (jwks, kept, url) = (
            Arc::clone(&jwks),
            kept.clone(),
            at(&site, &format!("/slow{number}")),
        );
        waiting.spawn(async move { jwks.certificate(&url, &kept).await });
    }
    while let Some(ended) = waiting.join_next().await {
        assert!(!ended.unwrap());
    }
    assert!(site.asked() <= 4, "few at one time: {}", site.asked());
    // A failed fetch frees its place.
    assert!(jwks.certificate(&at(&site, "/good"), &kept).await);
}

#[tokio::test]
async fn addresses_without_end_are_not_all_asked() {
    let site = Site::start(|path, _| page(path)).await;
    let (jwks, kept) = (
        site.keeper(true, Options::default()),
        Certificates::default(),
    );
    for number in 0..80 {
        jwks.certificate(&at(&site, &format!("/absent{number}")), &kept)
            .await;
    }
    assert_eq!(site.asked(), 64);
}

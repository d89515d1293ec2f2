//! New routes and secrets while it runs: taken by signal or by themselves, whole or not at all (P8).

mod load;
mod projected;

use std::path::Path;

use serde_json::json;

use crate::drain::{ROUTES, setup};
use crate::support::eventually;
use crate::support::exchange::{self, stripe, stripe_signature};
use crate::support::gateway::Gateway;

#[tokio::test]
async fn sighup_swaps_a_good_file_and_keeps_the_plan_over_a_bad_one() {
    let gateway = setup().start().await;
    let before = gateway.get("/v1/config").await.1;
    assert_eq!(
        (&before["ok"], &before["generation"]),
        (&json!(true), &json!(1))
    );

    gateway.replace("routes.toml", "[sources.stripe]\nprovider = \"stripee\"\n");
    gateway.hang_up();
    eventually("the bad file is refused", async || {
        gateway.get("/v1/config").await.1["ok"] == false
    })
    .await;
    let after = gateway.get("/v1/config").await.1;
    assert_eq!(after["digest"], before["digest"]);
    assert_eq!(after["generation"], 1);
    let problem = after["last_problem"].as_str().expect("the problems");
    assert!(
        problem.contains("stripee") && problem.contains("SP-C010"),
        "{problem}"
    );
    let (status, shown) = gateway.get("/ready").await;
    assert_eq!(
        (status, &shown["checks"]["config"]["ok"]),
        (200, &json!(false))
    );
    assert!(
        !shown.to_string().contains("stripee"),
        "no line of the file for strangers"
    );
    assert!(
        gateway
            .metrics()
            .await
            .contains("signalpost_config_last_reload_successful 0")
    );
    assert_eq!(
        stripe(&gateway, r#"{"id":"a"}"#).await.body["deliveries"],
        1,
        "the old plan serves"
    );

    gateway.replace("routes.toml", &ROUTES.replace("w-${", "x-${"));
    gateway.hang_up();
    eventually("the good file is taken", async || {
        gateway.get("/v1/config").await.1["generation"] == 2
    })
    .await;
    assert_eq!(
        gateway.get("/v1/config").await.1["last_problem"],
        json!(null)
    );
    let id = stripe(&gateway, r#"{"id":"b"}"#).await.event().to_owned();
    let (_, event) = gateway.get(&format!("/v1/events/{id}")).await;
    assert_eq!(event["deliveries"][0]["workflow"], "x-b");
    for outcome in ["refused", "accepted"] {
        let part = format!(r#""action":"reload","outcome":"{outcome}","who":"SIGHUP""#);
        gateway.says(&[&part]).await;
    }
}

async fn workflow_of(gateway: &Gateway, id: &str) -> String {
    let answer = stripe(gateway, format!(r#"{{"id":"{id}"}}"#)).await;
    let (_, event) = gateway.get(&format!("/v1/events/{}", answer.event())).await;
    event["deliveries"][0]["workflow"]
        .as_str()
        .expect("a workflow")
        .to_owned()
}

async fn generation(gateway: &Gateway, number: u64) {
    eventually(&format!("generation {number} serves"), async || {
        gateway.get("/v1/config").await.1["generation"] == number
    })
    .await;
}

#[tokio::test]
async fn a_saved_file_is_taken_by_itself_renamed_over_or_behind_a_swapped_link() {
    let gateway = setup().start().await;
    gateway.replace("routes.toml", &ROUTES.replace("w-${", "renamed-${"));
    generation(&gateway, 2).await;
    assert_eq!(workflow_of(&gateway, "1").await, "renamed-1");

    // As Kubernetes projects a ConfigMap: the file is a link through `..data`, which is swapped.
    let folder = gateway.folder();
    for (number, prefix) in ["first", "second"].iter().enumerate() {
        let data = folder.join(format!("..{prefix}"));
        std::fs::create_dir(&data).expect("a folder");
        let text = ROUTES.replace("FOLDER", &folder.display().to_string());
        let text = text.replace("w-${", &format!("{prefix}-${{"));
        std::fs::write(data.join("routes.toml"), text).expect("a file");
        link(&data, &folder.join("..data"));
        if number == 0 {
            link(
                &folder.join("..data").join("routes.toml"),
                &folder.join("routes.toml"),
            );
        }
        generation(&gateway, 3 + number as u64).await;
        assert_eq!(
            workflow_of(&gateway, prefix).await,
            format!("{prefix}-{prefix}")
        );
    }
}

/// A link put in place in one step.
fn link(to: &Path, at: &Path) {
    let new = at.with_file_name("next-link");
    std::os::unix::fs::symlink(to, &new).expect("a link");
    std::fs::rename(new, at).expect("a rename");
}

#[tokio::test]
async fn a_file_caught_while_it_is_written_is_not_served() {
    let gateway = setup().start().await;
    let path = gateway.folder().join("routes.toml");
    let whole = std::fs::read_to_string(&path).expect("routes");
    // Truncated and grown again, step by step, for longer than two looks: every state but the last is a
    // half-written file, and the empty one would even be valid.
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(4);
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(100));
    let mut step = 0_usize;
    while tokio::time::Instant::now() < end {
        tick.tick().await;
        step += 1;
        std::fs::write(&path, "\n".repeat(step)).expect("a write in place");
        let answer = stripe(&gateway, format!(r#"{{"id":"s{step}"}}"#)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    std::fs::write(&path, whole.replace("w-${", "x-${")).expect("the whole file");
    generation(&gateway, 2).await;
    assert_eq!(workflow_of(&gateway, "whole").await, "x-whole");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_any_more_keeps_its_value_and_raises_the_alarm() {
    let gateway = setup().start().await;
    let alarm = async |value: u8| {
        let line = format!("signalpost_secret_unreadable{{source=\"stripe\"}} {value}");
        gateway.metrics().await.contains(&line)
    };
    assert!(alarm(0).await);
    std::fs::remove_file(gateway.folder().join("secret")).expect("removed");
    eventually("the alarm is raised", async || alarm(1).await).await;
    assert_eq!(
        stripe(&gateway, r#"{"id":"a"}"#).await.status,
        200,
        "the last value stays"
    );
    gateway.replace("secret", "");
    generation(&gateway, 3).await;
    assert!(alarm(1).await, "an empty secret is no secret");
    gateway.replace("secret", "another secret of a fair length");
    eventually("the alarm is over", async || alarm(0).await).await;
    assert_eq!(
        stripe(&gateway, r#"{"id":"b"}"#).await.status,
        401,
        "the old one has gone"
    );
    let url = format!("{}/hooks/stripe", gateway.public());
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature("another secret of a fair length", &now, b"{\"id\":\"c\"}");
    let answer = exchange::post(&url, &[("Stripe-Signature", &signature)], "{\"id\":\"c\"}").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_file_that_has_gone_keeps_the_plan_and_a_refused_one_is_tried_again_when_its_secret_comes()
 {
    let gateway = setup().start().await;
    let routes = gateway.folder().join("routes.toml");
    std::fs::remove_file(&routes).expect("removed");
    eventually("its going is a problem", async || {
        let config = gateway.get("/v1/config").await.1;
        config["last_problem"]
            .as_str()
            .is_some_and(|it| it.contains("SP-C001"))
    })
    .await;
    assert_eq!(
        workflow_of(&gateway, "gone").await,
        "w-gone",
        "the old plan serves"
    );

    // A file and the secret that it names arrive at different times.
    let later = ROUTES.replace("FOLDER/secret", "FOLDER/later");
    gateway.replace("routes.toml", &later.replace("w-${", "x-${"));
    eventually("the secret is missed", async || {
        let config = gateway.get("/v1/config").await.1;
        config["last_problem"]
            .as_str()
            .is_some_and(|it| it.contains("SP-C013"))
    })
    .await;
    assert_eq!(gateway.get("/v1/config").await.1["generation"], 1);
    gateway.replace("later", crate::support::sender::STRIPE_SECRET);
    generation(&gateway, 2).await;
    assert_eq!(workflow_of(&gateway, "come").await, "x-come");
}

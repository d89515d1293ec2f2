//! Files as Kubernetes projects them, and secrets that change while the routing file is wrong.

use std::cell::Cell;
use std::path::Path;

use crate::drain::{ROUTES, setup};
use crate::support::eventually;
use crate::support::exchange::{self, stripe_signature};
use crate::support::gateway::Gateway;
use crate::support::sender::STRIPE_SECRET;

/// Posts a webhook signed with this secret: the status, and the workflow it went to.
async fn post(gateway: &Gateway, secret: &str, id: &str) -> (u16, String) {
    let body = format!(r#"{{"id":"{id}"}}"#);
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(secret, &now, body.as_bytes());
    let url = format!("{}/hooks/stripe", gateway.public());
    let answer = exchange::post(&url, &[("Stripe-Signature", &signature)], body).await;
    if answer.status != 200 {
        return (answer.status, String::new());
    }
    let (_, event) = gateway.get(&format!("/v1/events/{}", answer.event())).await;
    let workflow = event["deliveries"][0]["workflow"].as_str();
    (200, workflow.unwrap_or_default().to_owned())
}

/// A volume's content as the kubelet swaps it: a new directory, then the link `..data` renamed over the one before.
fn project(volume: &Path, number: usize, name: &str, content: &str) {
    let directory = format!("..2026_08_01_12_00_0{number}");
    std::fs::create_dir_all(volume.join(&directory)).expect("a directory");
    std::fs::write(volume.join(&directory).join(name), content).expect("a file");
    let fresh = volume.join("..data_tmp");
    std::os::unix::fs::symlink(&directory, &fresh).expect("a link");
    std::fs::rename(&fresh, volume.join("..data")).expect("a rename");
    let file = volume.join(name);
    if !file.is_symlink() {
        let link = volume.join("link_tmp");
        std::os::unix::fs::symlink(Path::new("..data").join(name), &link).expect("a link");
        std::fs::rename(&link, file).expect("a rename");
    }
    // As the kubelet does once nobody is led there any more.
    if let Some(before) = number.checked_sub(1) {
        let old = volume.join(format!("..2026_08_01_12_00_0{before}"));
        if old.exists() {
            std::fs::remove_dir_all(old).expect("the old directory goes");
        }
    }
}

#[tokio::test]
async fn a_config_map_and_its_secret_are_taken_however_often_they_are_swapped() {
    let gateway = setup().start().await;
    let (config, secrets) = (
        gateway.folder().to_owned(),
        gateway.folder().join("secrets"),
    );
    std::fs::create_dir(&secrets).expect("a volume");
    for number in 1..=4 {
        let secret = format!("the secret number {number} of this source");
        let routes = ROUTES
            .replace(
                "FOLDER/secret",
                &secrets.join("stripe").display().to_string(),
            )
            .replace("w-${", &format!("w{number}-${{"));
        // The volumes are swapped one after the other; which comes first is not said.
        if number % 2 == 0 {
            project(&config, number, "routes.toml", &routes);
            project(&secrets, number, "stripe", &secret);
        } else {
            project(&secrets, number, "stripe", &secret);
            project(&config, number, "routes.toml", &routes);
        }
        let attempt = Cell::new(0);
        eventually(&format!("both of number {number} are in use"), async || {
            attempt.set(attempt.get() + 1);
            let id = format!("{number}-{}", attempt.get());
            post(&gateway, &secret, &id).await == (200, format!("w{number}-{id}"))
        })
        .await;
        let before = format!("the secret number {} of this source", number - 1);
        assert_eq!(post(&gateway, &before, "old").await.0, 401);
    }
    let (_, config) = gateway.get("/v1/config").await;
    assert_eq!(config["last_problem"], serde_json::Value::Null);
}

/// A routing file that is wrong names no secrets, and what it would name might be others'.
#[tokio::test]
async fn a_secret_is_renewed_while_the_routing_file_is_wrong() {
    let gateway = setup().start().await;
    for bad in [
        "[sources.stripe\n",
        "[sources.stripe]\nprovider = \"stripee\"\n",
    ] {
        gateway.replace("secret", STRIPE_SECRET);
        eventually("the first secret is in use", async || {
            post(&gateway, STRIPE_SECRET, "a").await.0 == 200
        })
        .await;
        gateway.replace("routes.toml", bad);
        eventually("the file is refused", async || {
            gateway.get("/v1/config").await.1["ok"] == false
        })
        .await;
        gateway.replace("secret", "another secret of a fair length");
        eventually("the other secret is in use", async || {
            post(&gateway, "another secret of a fair length", "b")
                .await
                .0
                == 200
        })
        .await;
        assert_eq!(post(&gateway, STRIPE_SECRET, "c").await.0, 401);
        eventually("it is said that the secret was read anew", async || {
            let (_, config) = gateway.get("/v1/config").await;
            assert_eq!(config["ok"], false, "the file is as wrong as before");
            let change = config["last_change"].as_str().unwrap_or_default();
            change.starts_with("no rule changed; secrets read anew: file:/")
                && change.ends_with("/secret")
        })
        .await;
        gateway.replace("routes.toml", ROUTES);
        eventually("the good file is taken", async || {
            gateway.get("/v1/config").await.1["ok"] == true
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_that_comes_back_as_it_was_ends_the_alarm() {
    let gateway = setup().start().await;
    let routes = gateway.folder().join("routes.toml");
    let aside = gateway.folder().join("routes.toml~");
    for _ in 0..2 {
        // As an editor that keeps a backup, or a checkout, does it.
        std::fs::rename(&routes, &aside).expect("aside");
        eventually("its going is a problem", async || {
            gateway.get("/v1/config").await.1["ok"] == false
        })
        .await;
        std::fs::copy(&aside, &routes).expect("back");
        eventually("its coming ends it", async || {
            gateway.get("/v1/config").await.1["ok"] == true
        })
        .await;
    }
    let (_, config) = gateway.get("/v1/config").await;
    assert_eq!(config["last_change"], "no rule changed");
}

#[tokio::test]
async fn what_a_reload_changed_is_in_the_log_and_shown() {
    let gateway = setup().start().await;
    let (_, config) = gateway.get("/v1/config").await;
    assert_eq!(config["last_change"], serde_json::Value::Null);
    let more = "\n[[routes]]\nname = \"ping\"\nsource = \"stripe\"\non = \"ping\"\ndrop = true\n";
    gateway.replace(
        "routes.toml",
        &format!("{}{more}", ROUTES.replace("w-${", "x-${")),
    );
    eventually("it is taken", async || {
        gateway.get("/v1/config").await.1["generation"] == 2
    })
    .await;
    let (_, config) = gateway.get("/v1/config").await;
    let change = "routes +1 -0 ~1: ~every +ping";
    assert_eq!(config["last_change"], change);
    gateway
        .says(&["another plan runs", change, r#""generation":2"#])
        .await;
}

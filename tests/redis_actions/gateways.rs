//! The same as an operator meets it: two gateways on one Redis, asked through whichever answers.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::{BY_ORDER, event, paid, post, reroute, route, setup, until_state};
use crate::support::redis::Redis;

fn gateway(redis: &Redis) -> Setup {
    // Nothing answers there: what is accepted stays pending.
    setup(&route("pay", BY_ORDER), "127.0.0.1:1").store(PathBuf::from(redis.url()))
}

async fn store(gateway: &Gateway) -> Value {
    gateway.get("/ready").await.1["checks"]["store"].clone()
}

#[tokio::test]
async fn any_gateway_lists_drops_replays_and_shows_who_works_what() {
    let redis = Redis::start().await;
    let gateways = [gateway(&redis).start().await, gateway(&redis).start().await];
    for gateway in &gateways {
        eventually("the partitions are shared out", || async {
            let store = store(gateway).await;
            store["partitions"].as_array().map(Vec::len) == Some(32)
                && store["replicas"].as_array().map(Vec::len) == Some(2)
        })
        .await;
    }
    let configs: Vec<Value> = store(&gateways[0]).await["replicas"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|replica| replica["config"].clone())
        .collect();
    assert!(configs[0].as_str().is_some_and(|digest| !digest.is_empty()));
    assert_eq!(configs[0], configs[1], "the same file");
    let (_, config) = gateways[0].get("/v1/config").await;
    assert_eq!(config["replicas_agree"], true, "{config}");

    for (gateway, agree) in gateways.iter().zip([false, true]) {
        reroute(gateway, &format!("{}# more\n", route("pay", BY_ORDER))).await;
        for gateway in &gateways {
            eventually("the digests are compared", || async {
                gateway.get("/v1/config").await.1["replicas_agree"] == agree
            })
            .await;
        }
    }

    let id = paid(&gateways[0], "7", "evt_1").await;
    let delivery = event(&gateways[1], &id).await["deliveries"][0]["id"].clone();
    let path = format!("/v1/deliveries/{}/drop", delivery.as_str().expect("an id"));
    eventually("no attempt is in flight", || async {
        post(&gateways[1], &path, &json!({})).await.0 == 200
    })
    .await;
    for gateway in &gateways {
        until_state(gateway, &id, "dropped").await;
    }
    let path = format!("/v1/events/{id}/replay");
    let (status, replayed) = post(&gateways[1], &path, &json!({})).await;
    assert_eq!(status, 200, "{replayed}");
    let shown = event(&gateways[0], &id).await;
    assert_eq!(shown["deliveries"].as_array().map(Vec::len), Some(2));

    for gateway in &gateways {
        let metrics = gateway.metrics().await;
        for line in [
            "signalpost_partitions_owned 32",
            "signalpost_redis_replicas 2",
            r#"signalpost_inbox_deliveries{state="pending"} 1"#,
            r#"signalpost_partition_moves_total{what="taken"}"#,
            r#"signalpost_redis_duration_seconds_count{what="work"}"#,
            "signalpost_partition_oldest_seconds{partition=",
        ] {
            assert!(metrics.contains(line), "{line}:\n{metrics}");
        }
    }
}

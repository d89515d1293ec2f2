//! Every metric of the contract under its exact name, once something has happened.

use std::time::Duration;

use super::*;
use crate::event::samples;

const SECOND: Duration = Duration::from_secs(1);

fn after_everything_happened() -> String {
    let telemetry = Telemetry::new();
    telemetry.webhook_answered(Some("stripe"), &[WebhookOutcome::Accepted], SECOND);
    telemetry.webhook_answered(None, &[WebhookOutcome::Refused], SECOND);
    telemetry.webhook_refused(
        Some("stripe"),
        WebhookOutcome::Refused,
        "stale",
        "301 s old",
    );
    telemetry.handshake_answered(Some("slack"), "answered", None);
    let delivery = samples::delivery(clock::now());
    telemetry.delivered(&delivery, SECOND);
    telemetry.delivery_parked(&delivery, Reason::WorkflowMissing, "no such workflow");
    telemetry.delivery_dropped(&delivery, Reason::RouteDrops, "");
    telemetry.delivery_retried(&delivery, "unavailable", SECOND);
    telemetry.query_answered(Some("status"), QueryOutcome::Answered, SECOND, None);
    telemetry.temporal_call("SignalWorkflowExecution", "Ok");
    telemetry.config_loaded("aaaa");
    telemetry.config_loaded("bbbb");
    telemetry.config_refused("routes.toml:3:1: no");
    telemetry.tls_loaded(clock::Timestamp::from_seconds(1_900_000_000));
    telemetry.tls_refused("no");
    telemetry.tls_handshake_failed("timeout");
    telemetry.secrets_read([("stripe", true), ("carrier", false)]);
    telemetry.set_inbox(&InboxNumbers {
        pending: 3,
        oldest: SECOND * 7,
        overdue: 5,
        bytes: 4096,
        round_trip: Some(Duration::from_millis(250)),
        ..InboxNumbers::default()
    });
    telemetry.redis_answered("accept", SECOND);
    telemetry.lease_moved("taken");
    telemetry.set_partitions(&[(1, 9, SECOND), (2, 9, SECOND)]);
    telemetry.set_partitions(&[(2, 4, SECOND * 3)]);
    telemetry.set_replicas(2);
    telemetry.render()
}

#[test]
fn all_metrics_of_the_contract_are_there() {
    let text = after_everything_happened();
    for line in [
        r#"signalpost_webhooks_total{source="stripe",outcome="accepted"} 1"#,
        r#"signalpost_webhooks_total{source="unknown",outcome="refused"} 1"#,
        r#"signalpost_handshakes_total{source="slack",outcome="answered"} 1"#,
        r#"signalpost_webhook_duration_seconds_count{source="stripe"} 1"#,
        r#"signalpost_deliveries_total{route="paid",outcome="delivered"} 1"#,
        r#"signalpost_deliveries_total{route="paid",outcome="parked"} 1"#,
        r#"signalpost_deliveries_total{route="paid",outcome="dropped"} 1"#,
        r#"signalpost_deliveries_total{route="paid",outcome="retried"} 1"#,
        r#"signalpost_delivery_lag_seconds_sum{route="paid"} 1.0"#,
        r#"signalpost_inbox_deliveries{state="pending"} 3"#,
        "signalpost_inbox_oldest_seconds 7",
        "signalpost_inbox_overdue 5",
        r#"signalpost_redis_duration_seconds_count{what="accept"} 1"#,
        "signalpost_redis_replicas 2",
        r#"signalpost_partition_moves_total{what="taken"} 1"#,
        "signalpost_partitions_owned 1",
        r#"signalpost_partition_deliveries{partition="2"} 4"#,
        r#"signalpost_partition_oldest_seconds{partition="2"} 3"#,
        r#"signalpost_queries_total{query="status",outcome="answered"} 1"#,
        r#"signalpost_query_duration_seconds_count{query="status"} 1"#,
        "signalpost_config_last_reload_successful 0",
        "signalpost_config_last_reload_success_timestamp_seconds ",
        r#"signalpost_temporal_requests_total{method="SignalWorkflowExecution",code="Ok"} 1"#,
        r#"signalpost_webhook_refusals_total{source="stripe",reason="stale"} 1"#,
        r#"signalpost_source_last_event_timestamp_seconds{source="stripe"} "#,
        r#"signalpost_secret_unreadable{source="stripe"} 1"#,
        r#"signalpost_secret_unreadable{source="carrier"} 0"#,
        r#"signalpost_tls_last_reload_successful{listener="public"} 0"#,
        r#"signalpost_tls_certificate_expiry_timestamp_seconds{listener="public"} 1900000000"#,
        r#"signalpost_tls_handshake_failures_total{reason="timeout"} 1"#,
        "signalpost_store_bytes 4096",
        "signalpost_redis_round_trip_seconds 0.25",
        r#"signalpost_config_info{digest="bbbb"} 1"#,
        "signalpost_build_info{version=",
    ] {
        assert!(
            text.contains(&format!("\n{line}")),
            "{line}\nis not in\n{text}"
        );
    }
}

#[test]
fn one_configuration_is_served_at_a_time() {
    assert!(!after_everything_happened().contains("aaaa"));
}

#[test]
fn a_refused_webhook_is_no_sign_of_life() {
    let text = after_everything_happened();
    assert!(!text.contains(r#"last_event_timestamp_seconds{source="unknown"}"#));
}

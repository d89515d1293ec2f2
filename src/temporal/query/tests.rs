//! What a query's answer, or the lack of one, is told as.

use std::collections::HashMap;

use temporalio_common::protos::temporal::api::workflow::v1::PendingWorkflowTaskInfo;

use super::*;

fn answer(encoding: &str, data: &[u8]) -> Result<String, QueryError> {
    let payload = Payload {
        metadata: HashMap::from([("encoding".to_owned(), encoding.as_bytes().to_vec())]),
        data: data.to_vec(),
        ..Default::default()
    };
    result(QueryWorkflowResponse {
        query_result: Some(Payloads {
            payloads: vec![payload],
        }),
        ..Default::default()
    })
}

#[test]
fn json_comes_back_as_it_is() {
    assert_eq!(
        answer("json/plain", b"{\"n\":0.10}").unwrap(),
        "{\"n\":0.10}"
    );
    assert_eq!(answer("json/protobuf", b"{}").unwrap(), "{}");
}

#[test]
fn nothing_is_null() {
    assert_eq!(answer("binary/null", b"").unwrap(), "null");
    assert_eq!(result(QueryWorkflowResponse::default()).unwrap(), "null");
}

#[test]
fn everything_else_is_not_json() {
    for (encoding, data) in [
        ("binary/plain", &b"{}"[..]),
        ("json/plain", b"{"),
        ("json/plain", b"\"\xff\""),
    ] {
        assert_eq!(answer(encoding, data), Err(QueryError::NotJson));
    }
}

#[test]
fn a_failed_handler_a_missing_worker_and_a_timeout_are_told_apart() {
    let row = |code, text| verdict(&Status::new(code, text));
    assert_eq!(
        row(Code::InvalidArgument, "unknown query"),
        Verdict::Known(QueryError::Failed("unknown query".to_owned()))
    );
    assert_eq!(
        row(Code::FailedPrecondition, "no poller seen"),
        Verdict::Known(QueryError::NoWorker)
    );
    assert_eq!(row(Code::Cancelled, "Timeout expired"), Verdict::TimedOut);
    assert_eq!(row(Code::DeadlineExceeded, "late"), Verdict::TimedOut);
    assert_eq!(
        row(Code::ResourceExhausted, "buffer is full"),
        Verdict::Known(QueryError::Throttled)
    );
    assert!(matches!(
        row(Code::Unavailable, "refused"),
        Verdict::Known(QueryError::Unreachable(_))
    ));
}

#[test]
fn a_waiting_task_means_no_worker_and_a_started_one_a_slow_one() {
    let with = |state: PendingWorkflowTaskState| DescribeWorkflowExecutionResponse {
        pending_workflow_task: Some(PendingWorkflowTaskInfo {
            state: state.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let row = |state| from_pending_task(&with(state));
    assert_eq!(
        row(PendingWorkflowTaskState::Scheduled),
        Some(QueryError::NoWorker)
    );
    assert_eq!(
        row(PendingWorkflowTaskState::Started),
        Some(QueryError::Timeout)
    );
    assert_eq!(
        from_pending_task(&DescribeWorkflowExecutionResponse::default()),
        None
    );
}

#[test]
fn a_poller_counts_for_a_little_over_a_minute() {
    let seen = |seconds| {
        let poller = PollerInfo {
            last_access_time: Some(prost_wkt_types::Timestamp { seconds, nanos: 0 }),
            ..Default::default()
        };
        from_pollers(&[poller], Timestamp::from_seconds(1000))
    };
    assert_eq!(seen(940), QueryError::Timeout);
    assert_eq!(seen(930), QueryError::NoWorker);
    assert_eq!(
        from_pollers(&[], Timestamp::default()),
        QueryError::NoWorker
    );
}

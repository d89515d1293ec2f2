//! Queries at the wire: a permit in, JSON text or a reason out.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use serde_json::json;
use signalpost::access::{Asked, Kind, PathPattern, Permit, Principal, Rule, permit};
use signalpost::clock;
use signalpost::expr::Scope;
use signalpost::expr::template::Template;
use signalpost::temporal::QueryError;
use signalpost::token::API_KEYS;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};
use temporalio_common::protos::temporal::api::enums::v1::{
    PendingWorkflowTaskState, ResourceExhaustedCause, WorkflowExecutionStatus,
};
use temporalio_common::protos::temporal::api::errordetails::v1::{
    NotFoundFailure, QueryFailedFailure, ResourceExhaustedFailure, WorkflowNotReadyFailure,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::{PollerInfo, TaskQueue};
use temporalio_common::protos::temporal::api::workflow::v1::{
    PendingWorkflowTaskInfo, WorkflowExecutionConfig,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeTaskQueueResponse, DescribeWorkflowExecutionResponse, QueryWorkflowResponse,
};
use tonic::{Code, Status};

use super::super::support::deliveries::Connected;
use super::super::support::devserver::{self, Observer};
use super::super::support::grpc;
use super::super::support::temporal::{FakeTemporal, Reply};

const WORKFLOW: &str = "order-42";

fn permitted(timeout: Duration) -> Permit {
    let rule = Rule {
        name: "order-status".into(),
        path: PathPattern::parse("/orders/{id}/status").unwrap(),
        namespace: "default".into(),
        workflow: Template::compile("order-${path.id}", Scope::QUERY).unwrap(),
        kind: Kind::Query,
        query: Template::compile("get_status", Scope::QUERY).unwrap(),
        args: None,
        issuers: Vec::new(),
        keys: true,
        allow: vec!["*".to_owned()],
        when: None,
        timeout,
        cache: None,
        run: None,
        rate: None,
        expose_errors: false,
    };
    let principal = Principal {
        issuer: API_KEYS.into(),
        subject: "ada".to_owned(),
        roles: Vec::new(),
        claims: json!({}),
    };
    let path = [("id".to_owned(), "42".to_owned())];
    let asked = Asked {
        path: &path,
        query: &[],
        body: None,
    };
    permit(&rule, &principal, asked).unwrap()
}

/// What a query comes to when the calls about the workflow are answered so.
async fn ask(replies: Vec<Reply>, pollers: Option<Reply>) -> Result<String, QueryError> {
    let fake = FakeTemporal::start().await;
    let connected = Connected::to(&fake.address.to_string()).await;
    fake.script(WORKFLOW, replies);
    fake.script("orders", pollers);
    let permit = permitted(Duration::from_secs(1));
    connected.temporal.ask(&permit, permit.timeout()).await
}

fn result(encoding: &str, data: &[u8]) -> Reply {
    let payload = Payload {
        metadata: HashMap::from([("encoding".to_owned(), encoding.as_bytes().to_vec())]),
        data: data.to_vec(),
        ..Default::default()
    };
    let response = QueryWorkflowResponse {
        query_result: Some(Payloads {
            payloads: vec![payload],
        }),
        ..Default::default()
    };
    Reply::Message(response.encode_to_vec())
}

fn run(pending: Option<PendingWorkflowTaskState>) -> Reply {
    let response = DescribeWorkflowExecutionResponse {
        execution_config: Some(WorkflowExecutionConfig {
            task_queue: Some(TaskQueue {
                name: "orders".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        pending_workflow_task: pending.map(|state| PendingWorkflowTaskInfo {
            state: state.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    Reply::Message(response.encode_to_vec())
}

fn poller(seconds_ago: i64) -> Reply {
    let response = DescribeTaskQueueResponse {
        pollers: vec![PollerInfo {
            last_access_time: Some(prost_wkt_types::Timestamp {
                seconds: clock::now().seconds() - seconds_ago,
                nanos: 0,
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    Reply::Message(response.encode_to_vec())
}

#[tokio::test]
async fn the_result_comes_back_as_the_json_it_is() {
    let answer = ask(vec![result("json/plain", b"{\"paid\":0.10}")], None).await;
    assert_eq!(answer.unwrap(), "{\"paid\":0.10}");
    let bytes = ask(vec![result("binary/plain", b"\x01")], None).await;
    assert_eq!(bytes, Err(QueryError::NotJson));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let not_found = NotFoundFailure::default();
    let not_found = grpc::status(Code::NotFound, "no such workflow", &not_found);
    let failed = QueryFailedFailure::default();
    let failed = grpc::status(Code::InvalidArgument, "boom", &failed);
    let rows = [
        (not_found, QueryError::WorkflowNotFound),
        (failed, QueryError::Failed("boom".to_owned())),
        (
            Status::failed_precondition("no poller seen"),
            QueryError::NoWorker,
        ),
        (
            Status::resource_exhausted("buffer is full"),
            QueryError::Throttled,
        ),
        (
            Status::unavailable("later"),
            QueryError::Unreachable("later".to_owned()),
        ),
    ];
    for (status, expected) in rows {
        let answer = ask(vec![Reply::Fail(status)], None).await;
        assert_eq!(answer, Err(expected));
    }
}

#[tokio::test]
async fn a_workflow_that_is_being_asked_something_else_is_asked_again() {
    let failure = ResourceExhaustedFailure {
        cause: ResourceExhaustedCause::BusyWorkflow.into(),
        ..Default::default()
    };
    let text = "consistent query buffer is full";
    let busy = || Reply::Fail(grpc::status(Code::ResourceExhausted, text, &failure));
    let replies = vec![busy(), busy(), result("json/plain", b"7")];
    assert_eq!(ask(replies, None).await.unwrap(), "7");
    // For as long as the caller waits, and no longer.
    let forever = std::iter::repeat_with(busy).take(100).collect();
    assert_eq!(ask(forever, None).await, Err(QueryError::Throttled));
}

#[tokio::test]
async fn a_server_that_is_silent_about_the_cause_too_is_not_waited_for() {
    let silent = ask(vec![Reply::Hang, Reply::Hang], None).await;
    assert_eq!(silent, Err(QueryError::Timeout));
}

#[tokio::test]
async fn a_workflow_closed_before_its_first_task_never_answers_and_an_open_one_may() {
    let failure = WorkflowNotReadyFailure::default();
    let not_ready = || {
        let text = "workflow is not ready";
        Reply::Fail(grpc::status(Code::FailedPrecondition, text, &failure))
    };
    let closed = Reply::State(WorkflowExecutionStatus::Terminated);
    let closed = ask(vec![not_ready(), closed], None).await;
    assert!(matches!(closed, Err(QueryError::Failed(_))));
    let open = ask(vec![not_ready(), Reply::Ok], None).await;
    assert_eq!(open, Err(QueryError::NoWorker));
}

#[tokio::test]
async fn a_query_that_nobody_answers_tells_a_slow_worker_from_none() {
    let scheduled = run(Some(PendingWorkflowTaskState::Scheduled));
    let started = run(Some(PendingWorkflowTaskState::Started));
    let none = QueryError::NoWorker;
    let slow = QueryError::Timeout;
    for (run, pollers, expected) in [
        (scheduled, None, &none),
        (started, None, &slow),
        (run(None), Some(poller(30)), &slow),
        (run(None), Some(poller(90)), &none),
        (run(None), Some(Reply::Message(Vec::new())), &none),
    ] {
        let answer = ask(vec![Reply::Hang, run], pollers).await;
        assert_eq!(answer.as_ref(), Err(expected));
    }
}

#[tokio::test]
async fn a_real_workflow_without_a_worker_is_known_as_such() {
    let observer = Observer::new().await;
    let connected = Connected::to(devserver::address().await).await;
    let permit = permitted(Duration::from_secs(1));
    observer.start(permit.workflow()).await;
    let answer = connected.temporal.ask(&permit, permit.timeout()).await;
    assert_eq!(answer, Err(QueryError::NoWorker));
}

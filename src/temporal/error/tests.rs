//! Every row of the outcome table, by status and detail.

use temporalio_common::protos::temporal::api::errordetails::v1::{
    NamespaceNotActiveFailure, NamespaceNotFoundFailure, NotFoundFailure,
};

use super::*;

const OURS: &str = "0123456789abcdef0123456789abcdef";

fn status<D: Message + prost::Name>(code: Code, message: &str, detail: &D) -> Status {
    let outer = rpc::Status {
        code: code as i32,
        message: message.to_owned(),
        details: vec![prost_wkt_types::Any {
            type_url: format!("type.googleapis.com{}", D::type_url()),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, outer.encode_to_vec().into())
}

fn exhausted(cause: Cause, scope: Scope) -> FailureKind {
    let detail = ResourceExhaustedFailure {
        cause: cause.into(),
        scope: scope.into(),
    };
    kind_of(&status(Code::ResourceExhausted, "slow down", &detail))
}

fn kind_of(status: &Status) -> FailureKind {
    classify(status, OURS).kind
}

fn bare(code: Code, message: &str) -> FailureKind {
    kind_of(&Status::new(code, message))
}

#[test]
fn a_missing_namespace_is_no_missing_workflow() {
    let workflow = status(
        Code::NotFound,
        "workflow not found",
        &NotFoundFailure::default(),
    );
    assert_eq!(kind_of(&workflow), FailureKind::WorkflowNotFound);
    let namespace = NamespaceNotFoundFailure::default();
    let namespace = status(Code::NotFound, "Namespace x is not found.", &namespace);
    assert_eq!(kind_of(&namespace), FailureKind::NamespaceNotFound);
    assert_eq!(bare(Code::NotFound, "who are you"), FailureKind::Other);
}

#[test]
fn already_started_tells_whose_run_it_is() {
    for (id, ours) in [(OURS, true), ("another", false)] {
        let detail = WorkflowExecutionAlreadyStartedFailure {
            start_request_id: id.to_owned(),
            ..Default::default()
        };
        let status = status(Code::AlreadyExists, "already started", &detail);
        assert_eq!(kind_of(&status), FailureKind::AlreadyStarted { ours });
    }
}

#[test]
fn invalid_arguments_are_told_apart_by_text() {
    let rows = [
        (
            "Blob data size exceeds limit.",
            FailureKind::PayloadTooLarge,
        ),
        (
            "exceeded workflow execution limit for signal events",
            FailureKind::SignalLimit,
        ),
        (
            "Workflow history count exceeds limit.",
            FailureKind::RunEnding,
        ),
        (
            "Workflow history size exceeds limit.",
            FailureKind::RunEnding,
        ),
        (
            "Workflow mutable state size exceeds limit.",
            FailureKind::RunEnding,
        ),
        (
            "SignalName is not set on request.",
            FailureKind::BadArgument,
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(bare(Code::InvalidArgument, text), expected, "{text}");
    }
}

#[test]
fn throttling_is_told_apart_by_cause_and_scope() {
    use FailureKind::{BusyWorkflow, NamespaceThrottled, SystemThrottled};
    let rows = [
        (Cause::BusyWorkflow, Scope::Namespace, BusyWorkflow),
        (Cause::RpsLimit, Scope::Namespace, NamespaceThrottled),
        (Cause::ConcurrentLimit, Scope::Namespace, NamespaceThrottled),
        (Cause::ApsLimit, Scope::Namespace, NamespaceThrottled),
        (Cause::RpsLimit, Scope::System, SystemThrottled),
        (Cause::SystemOverloaded, Scope::Unspecified, SystemThrottled),
        (Cause::PersistenceLimit, Scope::Namespace, SystemThrottled),
    ];
    for (cause, scope, expected) in rows {
        assert_eq!(exhausted(cause, scope), expected, "{cause:?} {scope:?}");
    }
}

#[test]
fn exhaustion_without_detail_is_an_oversized_message_unless_it_speaks_of_rates() {
    let text = "grpc: received message after decompression larger than max 4194304";
    let code = Code::ResourceExhausted;
    assert_eq!(bare(code, text), FailureKind::PayloadTooLarge);
    assert_eq!(bare(code, "rate limit hit"), FailureKind::SystemThrottled);
}

#[test]
fn our_credentials_and_our_namespace_never_park() {
    assert_eq!(
        bare(Code::PermissionDenied, "no"),
        FailureKind::Unauthorized
    );
    assert_eq!(bare(Code::Unauthenticated, "no"), FailureKind::Unauthorized);
    let inactive = NamespaceNotActiveFailure::default();
    let inactive = status(Code::FailedPrecondition, "not active", &inactive);
    assert_eq!(kind_of(&inactive), FailureKind::Transient);
    assert_eq!(bare(Code::FailedPrecondition, "?"), FailureKind::Other);
}

#[test]
fn what_the_server_may_have_done_is_ambiguous() {
    for code in [
        Code::Unavailable,
        Code::Internal,
        Code::Unknown,
        Code::Aborted,
        Code::DataLoss,
        Code::OutOfRange,
        Code::DeadlineExceeded,
        Code::Cancelled,
    ] {
        assert_eq!(bare(code, "later"), FailureKind::Ambiguous, "{code:?}");
    }
}

#[test]
fn a_connection_that_broke_is_ambiguous_and_one_that_never_was_is_not() {
    let broken = Status::from_error(Box::new(std::io::Error::other("reset by peer")));
    assert_eq!(kind_of(&broken), FailureKind::Ambiguous);
    let refused = tonic::ConnectError(Box::new(std::io::Error::other("refused")));
    let refused = Status::from_error(Box::new(refused));
    assert_eq!(kind_of(&refused), FailureKind::Transient);
}

#[test]
fn an_old_server_is_told_from_no_temporal_at_all() {
    let old = bare(
        Code::Unimplemented,
        "unknown method SignalWorkflowExecution",
    );
    assert_eq!(old, FailureKind::Unimplemented);
    let text = "grpc-status header missing, mapped from HTTP status code 404";
    assert_eq!(bare(Code::Unimplemented, text), FailureKind::Transient);
}

#[test]
fn long_messages_are_cut() {
    let failure = classify(&Status::new(Code::Internal, "é".repeat(5000)), OURS);
    assert_eq!(failure.message.chars().count(), MESSAGE_LIMIT);
}

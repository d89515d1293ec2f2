//! From a gRPC status and its details to a [`Failure`]. Pure.
//!
//! The status alone says too little: a missing namespace and a missing workflow are both NotFound,
//! a busy workflow and a busy cluster both ResourceExhausted. Details are stable over server
//! versions, texts are not: text decides only where nothing else can, and then loosely, to the side
//! on which no event is lost. May import nothing of this crate beyond its own module.

use prost::Message;
use temporalio_common::protos::google::rpc;
use temporalio_common::protos::temporal::api::enums::v1::{
    ResourceExhaustedCause as Cause, ResourceExhaustedScope as Scope,
};
use temporalio_common::protos::temporal::api::errordetails::v1::{
    ResourceExhaustedFailure, WorkflowExecutionAlreadyStartedFailure,
};
use tonic::{Code, Status};

use super::{Failure, FailureKind};

/// Longest text of a server that is kept with a delivery.
const MESSAGE_LIMIT: usize = 1000;

/// The one detail of a status that decides something here.
#[derive(Debug, PartialEq)]
pub(super) enum Detail {
    NotFound,
    NamespaceNotFound,
    NamespaceNotActive,
    AlreadyStarted { start_request_id: String },
    ResourceExhausted { cause: Cause, scope: Scope },
    QueryFailed,
    WorkflowNotReady,
    None,
}

/// The first detail that is known here; [`Detail::None`] where none is.
pub(super) fn detail(status: &Status) -> Detail {
    let Ok(outer) = rpc::Status::decode(status.details()) else {
        return Detail::None;
    };
    outer
        .details
        .iter()
        .find_map(|any| {
            let name = any.type_url.rsplit('.').next().unwrap_or_default();
            known(name, &any.value)
        })
        .unwrap_or(Detail::None)
}

fn known(name: &str, value: &[u8]) -> Option<Detail> {
    Some(match name {
        "NotFoundFailure" => Detail::NotFound,
        "NamespaceNotFoundFailure" => Detail::NamespaceNotFound,
        "NamespaceNotActiveFailure" => Detail::NamespaceNotActive,
        "QueryFailedFailure" => Detail::QueryFailed,
        "WorkflowNotReadyFailure" => Detail::WorkflowNotReady,
        "WorkflowExecutionAlreadyStartedFailure" => Detail::AlreadyStarted {
            start_request_id: WorkflowExecutionAlreadyStartedFailure::decode(value)
                .ok()?
                .start_request_id,
        },
        "ResourceExhaustedFailure" => {
            let failure = ResourceExhaustedFailure::decode(value).ok()?;
            Detail::ResourceExhausted {
                cause: failure.cause(),
                scope: failure.scope(),
            }
        }
        _ => return None,
    })
}

/// A code under the name that gRPC gives it.
pub(super) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "Ok",
        Code::Cancelled => "Cancelled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// What a failed call means for the delivery whose request id it carried.
pub(super) fn classify(status: &Status, request_id: &str) -> Failure {
    Failure {
        kind: kind(status, request_id),
        message: message(status),
    }
}

/// The server's words, or the name of the code where it has none; never longer than the limit.
pub(super) fn message(status: &Status) -> String {
    if status.message().is_empty() {
        return status.code().description().to_owned();
    }
    status.message().chars().take(MESSAGE_LIMIT).collect()
}

/// One row per line of the outcome table; no status falls through unseen.
fn kind(status: &Status, request_id: &str) -> FailureKind {
    match (status.code(), detail(status)) {
        (Code::NotFound, Detail::NotFound) => FailureKind::WorkflowNotFound,
        (Code::NotFound, Detail::NamespaceNotFound) => FailureKind::NamespaceNotFound,
        (Code::AlreadyExists, Detail::AlreadyStarted { start_request_id }) => {
            FailureKind::AlreadyStarted {
                ours: start_request_id == request_id,
            }
        }
        (Code::InvalidArgument, _) => invalid(status.message()),
        (Code::ResourceExhausted, Detail::ResourceExhausted { cause, scope }) => {
            throttled(cause, scope)
        }
        (Code::ResourceExhausted, _) => undetailed_exhaustion(status.message()),
        (Code::PermissionDenied | Code::Unauthenticated, _) => FailureKind::Unauthorized,
        (Code::FailedPrecondition, Detail::NamespaceNotActive) => FailureKind::Transient,
        (
            Code::Unavailable
            | Code::Internal
            | Code::Unknown
            | Code::Aborted
            | Code::DataLoss
            | Code::OutOfRange,
            _,
        ) => transient(status),
        (Code::DeadlineExceeded | Code::Cancelled, _) => FailureKind::Ambiguous,
        (Code::Unimplemented, _) => unimplemented(status.message()),
        (Code::Ok | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition, _) => {
            FailureKind::Other
        }
    }
}

fn invalid(message: &str) -> FailureKind {
    let text = message.to_lowercase();
    let says = |part: &str| text.contains(part);
    if says("blob data size") {
        FailureKind::PayloadTooLarge
    } else if says("limit for signal events") {
        FailureKind::SignalLimit
    } else if says("history count") || says("history size") || says("mutable state size") {
        FailureKind::RunEnding
    } else {
        FailureKind::BadArgument
    }
}

/// A scope of SYSTEM outweighs the cause: then it is not this namespace that asked too much.
fn throttled(cause: Cause, scope: Scope) -> FailureKind {
    match cause {
        Cause::BusyWorkflow => FailureKind::BusyWorkflow,
        Cause::SystemOverloaded | Cause::PersistenceLimit => FailureKind::SystemThrottled,
        Cause::Unspecified
        | Cause::RpsLimit
        | Cause::ConcurrentLimit
        | Cause::ApsLimit
        | Cause::PersistenceStorageLimit
        | Cause::CircuitBreakerOpen
        | Cause::OpsLimit
        | Cause::WorkerDeploymentLimits
        | Cause::BandwidthLimit => match scope {
            Scope::System => FailureKind::SystemThrottled,
            Scope::Namespace | Scope::Unspecified => FailureKind::NamespaceThrottled,
        },
    }
}

/// gRPC itself refuses an oversized message so; a proxy that throttles does too, but says so.
fn undetailed_exhaustion(message: &str) -> FailureKind {
    let text = message.to_lowercase();
    let throttle = ["rate limit", "too many requests", "quota", "calm"];
    if throttle.iter().any(|word| text.contains(word)) {
        FailureKind::SystemThrottled
    } else {
        FailureKind::PayloadTooLarge
    }
}

/// Only where no connection was had is it certain that nothing was done.
fn transient(status: &Status) -> FailureKind {
    if had_connection(status) {
        FailureKind::Ambiguous
    } else {
        FailureKind::Transient
    }
}

/// False only where it is certain that there was none.
pub(super) fn had_connection(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return false;
        }
        source = error.source();
    }
    true
}

/// An HTTP 404 of something that is no Temporal shows as Unimplemented too; it must not park.
fn unimplemented(message: &str) -> FailureKind {
    if message.contains("mapped from HTTP status code") {
        FailureKind::Transient
    } else {
        FailureKind::Unimplemented
    }
}

#[cfg(test)]
mod tests;

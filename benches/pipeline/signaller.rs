//! The bare client of Temporal that the gateway is measured against: signals with the same payload and nothing else.
//!
//! It verifies nothing, keeps nothing and orders nothing; so many tasks send one signal after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use temporalio_client::Client;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads, WorkflowExecution};
use temporalio_common::protos::temporal::api::workflowservice::v1::SignalWorkflowExecutionRequest;
use tonic::Request;

use super::Failure;

/// Sends each of the signals (workflow, JSON text) once, so many at a time.
pub(crate) async fn send(
    client: &Client,
    in_flight: usize,
    signals: Vec<(String, String)>,
) -> Result<(), Failure> {
    let signals = Arc::new(signals);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, signals, next) = (client.clone(), Arc::clone(&signals), Arc::clone(&next));
            tokio::spawn(async move {
                while let Some((workflow, json)) = signals.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    signal(&client, workflow, json).await?;
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn signal(client: &Client, workflow: &str, json: &str) -> Result<(), Failure> {
    let payload = Payload {
        metadata: HashMap::from([("encoding".to_owned(), b"json/plain".to_vec())]),
        data: json.as_bytes().to_vec(),
        ..Payload::default()
    };
    let request = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(WorkflowExecution {
            workflow_id: workflow.to_owned(),
            run_id: String::new(),
        }),
        signal_name: "payment_received".to_owned(),
        input: Some(Payloads {
            payloads: vec![payload],
        }),
        identity: "bare".to_owned(),
        request_id: uuid::Uuid::new_v4().to_string(),
        ..SignalWorkflowExecutionRequest::default()
    };
    let mut service = client.connection().workflow_service();
    service
        .signal_workflow_execution(Request::new(request))
        .await?;
    Ok(())
}

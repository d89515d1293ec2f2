//! The workflow of the demo and the worker that runs it: an order that is done once it is paid and shipped.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use temporalio_common::data_converters::RawValue;
use temporalio_common::protos::temporal::api::common::v1::Payload;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    Runtime, SyncWorkflowContext, Worker, WorkerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};

pub(crate) const TASK_QUEUE: &str = "orders";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) payment: String,
    pub(crate) amount: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) status: String,
    pub(crate) tracking: String,
}

/// What the query `get_status` answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct OrderStatus {
    pub(crate) order: String,
    pub(crate) paid: Option<Payment>,
    pub(crate) shipped: Option<Shipment>,
    /// How many signals came in: a duplicate or a forgery would show here.
    pub(crate) signals: u32,
}

#[workflow]
struct OrderWorkflow {
    status: OrderStatus,
}

#[workflow_methods]
impl OrderWorkflow {
    #[init]
    fn new(_ctx: &WorkflowContextView, order: String) -> Self {
        Self {
            status: OrderStatus {
                order,
                ..OrderStatus::default()
            },
        }
    }

    #[run(name = "OrderWorkflow")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<OrderStatus> {
        ctx.wait_condition(|order| order.status.paid.is_some() && order.status.shipped.is_some())
            .await?;
        Ok(ctx.state(|order| order.status.clone()))
    }

    #[signal(name = "payment_received")]
    fn payment_received(&mut self, _ctx: &mut SyncWorkflowContext<Self>, payment: Payment) {
        self.status.signals += 1;
        self.status.paid = Some(payment);
    }

    #[signal(name = "shipment_update")]
    fn shipment_update(&mut self, _ctx: &mut SyncWorkflowContext<Self>, shipment: Shipment) {
        self.status.signals += 1;
        self.status.shipped = Some(shipment);
    }

    #[query(name = "get_status")]
    fn get_status(&self, _ctx: &WorkflowContextView) -> OrderStatus {
        self.status.clone()
    }
}

/// Connects a client of its own, as any service of the shop would.
pub(crate) async fn client(
    address: &str,
    namespace: &str,
) -> Result<Client, Box<dyn std::error::Error>> {
    let options =
        ConnectionOptions::new(format!("http://{address}").parse::<temporalio_client::Url>()?)
            .identity("orders-demo".to_owned())
            .build();
    let connection = Connection::connect(options).await?;
    Ok(Client::new(
        connection,
        ClientOptions::new(namespace.to_owned()).build(),
    )?)
}

/// Runs the worker in a thread of its own, until the process ends: its future cannot be sent between threads.
pub(crate) fn start(address: &str, failed: impl FnOnce(String) + Send + 'static) {
    let address = address.to_owned();
    std::thread::spawn(move || {
        if let Err(error) = run(&address) {
            failed(format!("the worker stopped: {error}"));
        }
    });
}

fn run(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(async {
            let options = WorkerOptions::new(TASK_QUEUE)
                .register_workflow::<OrderWorkflow>()?
                .build();
            run_with(address, options).await
        })
}

/// Runs a worker of any workflows on the present runtime, until it fails.
pub(crate) async fn run_with(
    address: &str,
    options: WorkerOptions,
) -> Result<(), Box<dyn std::error::Error>> {
    let client = client(address, "default").await?;
    let runtime = Runtime::from_current_tokio(temporalio_sdk::runtime::RuntimeOptions::default())?;
    Worker::new(&runtime, client, options)?.run().await?;
    Ok(())
}

/// One text argument of a workflow.
pub(crate) fn text(value: &str) -> RawValue {
    let json = serde_json::Value::from(value).to_string().into_bytes();
    let metadata = HashMap::from([("encoding".to_owned(), b"json/plain".to_vec())]);
    RawValue::new(vec![Payload {
        metadata,
        data: json,
        ..Payload::default()
    }])
}

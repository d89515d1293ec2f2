//! Live workflows for the ledger: a real worker that counts payments and has each workflow continue as new now and then.
//!
//! So that signals meet workflow tasks in progress, buffered events and the change from one run to the next, and not only
//! workflows that stand still.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};
use tokio::sync::oneshot;

use super::worker;

pub(crate) const TASK_QUEUE: &str = "ledger";
pub(crate) const WORKFLOW_TYPE: &str = "LedgerWorkflow";
/// Between two attempts to work for a server that is away.
const PAUSE: Duration = Duration::from_millis(200);

/// What a run begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Course {
    /// Signals that one run takes.
    pub(crate) run: usize,
    /// Signals that the runs before have counted.
    pub(crate) counted: usize,
}

impl Course {
    pub(crate) fn input(self) -> Payloads {
        let payload = Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data: serde_json::to_vec(&self).expect("JSON"),
            ..Payload::default()
        };
        Payloads {
            payloads: vec![payload],
        }
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Payment {
    #[expect(
        dead_code,
        reason = "what is signalled must be read, and is compared elsewhere"
    )]
    #[serde(skip_serializing)]
    payment: String,
}

#[workflow]
struct LedgerWorkflow {
    course: Course,
    taken: usize,
}

#[workflow_methods]
impl LedgerWorkflow {
    #[init]
    fn new(_ctx: &WorkflowContextView, course: Course) -> Self {
        Self { course, taken: 0 }
    }

    #[run(name = "LedgerWorkflow")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.wait_condition(|it| it.taken >= it.course.run).await?;
        let next = ctx.state(|it| Course {
            counted: it.course.counted + it.taken,
            ..it.course
        });
        match ctx.continue_as_new(next, ContinueAsNewOptions::default())? {}
    }

    #[signal(name = "payment_received")]
    fn payment_received(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _payment: Payment) {
        self.taken += 1;
    }
}

/// Works until dropped, over restarts of the server.
pub(crate) struct LiveWorker {
    _stop: oneshot::Sender<()>,
}

impl LiveWorker {
    pub(crate) fn start(address: &str) -> Self {
        let (stop, stopped) = oneshot::channel();
        let address = address.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = work(&address) => {}
                }
            });
            // What the worker has going on shall not hold up the end of the test.
            runtime.shutdown_background();
        });
        Self { _stop: stop }
    }
}

async fn work(address: &str) {
    loop {
        let options = WorkerOptions::new(TASK_QUEUE).register_workflow::<LedgerWorkflow>();
        let options = options.expect("one workflow").build();
        if let Err(error) = worker::run_with(address, options).await {
            eprintln!("ledger: the worker begins anew: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

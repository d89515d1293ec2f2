//! Workflows on a real Temporal, and what their histories say, once it is said.

use std::collections::HashMap;
use std::path::Path;

use signalpost::devserver::{DevServer, Options, binary};
use temporalio_common::protos::temporal::api::common::v1::Payloads;
use temporalio_common::protos::temporal::api::history::v1::WorkflowExecutionSignaledEventAttributes;
use tokio::sync::OnceCell;

use super::devserver::{self, Observer, Run};
use super::live::{self, Course};
use super::{eventually, worker};

/// A signal as history keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Signaled {
    pub(crate) name: String,
    /// JSON text of each argument.
    pub(crate) args: Vec<String>,
    pub(crate) identity: String,
    /// JSON text of each header field.
    pub(crate) header: HashMap<String, String>,
}

/// An id that no other test uses.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", signalpost::clock::now().uuid().simple())
}

/// Workflows of one server.
pub(crate) struct Workflows {
    address: String,
    observer: Observer,
}

static WORKER: OnceCell<()> = OnceCell::const_new();

impl Workflows {
    /// On the server that all tests share.
    pub(crate) async fn connect() -> Self {
        Self::at(devserver::address().await).await
    }

    async fn at(address: &str) -> Self {
        let observer = Observer::at(address).await;
        Self {
            address: address.to_owned(),
            observer,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A workflow that no worker runs: it stays open.
    pub(crate) async fn start(&self, id: &str) {
        self.observer.start(id).await;
    }

    /// An order that the demo's worker runs.
    pub(crate) async fn start_with_worker(&self, id: &str, order: &str) {
        let address = self.address.clone();
        WORKER
            .get_or_init(|| async { worker::start(&address, |sentence| panic!("{sentence}")) })
            .await;
        let input = Payloads {
            payloads: worker::text(order).payloads,
        };
        self.observer
            .start_on(worker::TASK_QUEUE, "OrderWorkflow", id, Some(input))
            .await;
    }

    /// All signals of a workflow's history, once there are at least `at_least`.
    pub(crate) async fn signals(&self, id: &str, at_least: usize) -> Vec<Signaled> {
        let signals = std::sync::Mutex::new(Vec::new());
        eventually(&format!("{at_least} signals in {id}"), || async {
            let found = self.observer.signals(id).await;
            let enough = found.len() >= at_least;
            *signals.lock().expect("signals") = found;
            enough
        })
        .await;
        let found = signals.into_inner().expect("signals");
        found.into_iter().map(Signaled::from).collect()
    }

    /// A workflow that a [`LiveWorker`](super::live::LiveWorker) runs.
    async fn start_live(&self, id: &str, course: Course) {
        self.observer
            .start_on(
                live::TASK_QUEUE,
                live::WORKFLOW_TYPE,
                id,
                Some(course.input()),
            )
            .await;
    }

    /// A live workflow for each order; each continues as new after so many signals as stand beside it in `runs`.
    pub(crate) async fn start_all_live(&self, orders: &[String], runs: &[usize]) {
        for (order, &run) in orders.iter().zip(runs) {
            let course = Course { run, counted: 0 };
            self.start_live(&format!("order-{order}"), course).await;
        }
    }

    /// All runs of a live workflow, the first one first, once there are at least so many signals in them: a signal that meets
    /// a workflow task in progress stands in no history until that task is over.
    pub(crate) async fn live_runs(&self, id: &str, at_least: usize) -> Vec<LiveRun> {
        let all = std::sync::Mutex::new(Vec::new());
        eventually(
            &format!("{at_least} signals in the runs of {id}"),
            || async {
                let chain = self.observer.chain(id).await;
                let signals: usize = chain.iter().map(|run| run.signals.len()).sum();
                *all.lock().expect("runs") = chain;
                signals >= at_least
            },
        )
        .await;
        let all = all.into_inner().expect("runs");
        all.into_iter().map(LiveRun::from).collect()
    }
}

/// What a run of a live workflow began with, and its signals.
pub(crate) struct LiveRun {
    pub(crate) course: Course,
    pub(crate) signals: Vec<Signaled>,
}

impl From<Run> for LiveRun {
    fn from(run: Run) -> Self {
        let input = run.input.payloads.into_iter().next().expect("a course");
        Self {
            course: serde_json::from_slice(&input.data).expect("a course"),
            signals: run.signals.into_iter().map(Signaled::from).collect(),
        }
    }
}

impl From<WorkflowExecutionSignaledEventAttributes> for Signaled {
    fn from(signal: WorkflowExecutionSignaledEventAttributes) -> Self {
        let text = |data: Vec<u8>| String::from_utf8(data).expect("JSON text");
        let args = signal.input.unwrap_or_default().payloads.into_iter();
        let header = signal.header.unwrap_or_default().fields.into_iter();
        Self {
            name: signal.signal_name,
            args: args.map(|p| text(p.data)).collect(),
            identity: signal.identity,
            header: header.map(|(n, p)| (n, text(p.data))).collect(),
        }
    }
}

/// A server with a file store, for a test that ends it and starts it again.
pub(crate) struct PrivateServer {
    options: Options,
    server: Option<DevServer>,
    address: String,
    _folder: tempfile::TempDir,
}

impl PrivateServer {
    pub(crate) async fn start() -> Self {
        Self::with(Vec::new()).await
    }

    /// Without a sync for each write: a kill of the process keeps the page cache, and that is what tests do to it.
    pub(crate) async fn quick() -> Self {
        Self::with(
            ["--sqlite-pragma", "synchronous=off"]
                .map(str::to_owned)
                .to_vec(),
        )
        .await
    }

    async fn with(extra: Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = Options {
            binary: program().await,
            db_file: Some(folder.path().join("temporal.db")),
            extra,
            ..Options::default()
        };
        let server = DevServer::start(&options).await.expect("a dev server");
        let address = server.address();
        options.port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Self {
            options,
            server: Some(server),
            address,
            _folder: folder,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn workflows(&self) -> Workflows {
        Workflows::at(&self.address).await
    }

    pub(crate) async fn kill(&mut self) {
        let server = self.server.take().expect("it runs");
        server.kill().await.expect("killed");
    }

    /// Up again at the same address, with what it had on disk.
    pub(crate) async fn restart(&mut self) {
        self.server = Some(DevServer::start(&self.options).await.expect("a dev server"));
    }
}

async fn program() -> std::path::PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    match binary::find(&directory, &|line| eprintln!("{line}"))
        .await
        .expect("a Temporal")
    {
        binary::Found::Program(program) => program,
        // A server given by TEMPORAL_ADDRESS is not ours to end.
        binary::Found::Address(_) => directory.join("temporal"),
    }
}

//! A fake Temporal at the wire: real TCP, real HTTP/2, scripted answers.
//!
//! Answers are scripted per workflow id and used up in order; a workflow without a script is
//! running and takes every signal. Every request is on record. Dropping the fake breaks all its
//! connections; another one can be started at the same address.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use temporalio_common::protos::temporal::api::common::v1::{Header, Payloads};
use temporalio_common::protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use temporalio_common::protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeTaskQueueRequest, DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
    GetSystemInfoResponse, GetWorkflowExecutionHistoryReverseRequest,
    ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse, QueryWorkflowRequest,
    SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse,
    SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse,
};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tonic::Status;

use super::grpc::{self, Body};

/// One scripted answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Ok,
    /// For describe: the state of the latest run.
    State(WorkflowExecutionStatus),
    /// This message, whatever the method.
    Message(Vec<u8>),
    Fail(Status),
    /// The caller's deadline runs out first.
    Hang,
    /// Takes the signal, and the whole connection goes without an answer.
    Disconnect,
}

/// One request as it came, with the fields that the tests look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// For a task queue's description, the queue.
    pub(crate) workflow: String,
    /// Or the query's name.
    pub(crate) signal: String,
    pub(crate) request_id: String,
    pub(crate) identity: String,
    pub(crate) args: Vec<String>,
    pub(crate) header: BTreeMap<String, String>,
    pub(crate) reuse_policy: i32,
    pub(crate) namespace: String,
    /// Of the history that is read, or of the run that is asked.
    pub(crate) run_id: String,
    pub(crate) authorization: String,
}

pub(crate) struct FakeTemporal {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    scripts: Mutex<HashMap<String, VecDeque<Reply>>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    /// Requests of a workflow that are being answered, and the most there ever were at once.
    in_flight: Mutex<HashMap<String, (usize, usize)>>,
    disconnect: Notify,
    /// The workflow whose answers wait.
    held: watch::Sender<Option<String>>,
    /// Answers where no script says otherwise.
    otherwise: Mutex<Option<Rule>>,
}

/// What a request is answered, by what it is.
type Rule = Box<dyn Fn(&Received) -> Reply + Send>;

impl FakeTemporal {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::new(State::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            accepting,
        }
    }

    /// What the next calls about this workflow are answered.
    pub(crate) fn script(&self, workflow: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut scripts = self.state.scripts.lock().unwrap();
        let script = scripts.entry(workflow.to_owned()).or_default();
        script.extend(replies);
    }

    /// Answers about this workflow wait until [`Self::release`].
    pub(crate) fn hold(&self, workflow: &str) {
        self.state.held.send_replace(Some(workflow.to_owned()));
    }

    pub(crate) fn release(&self) {
        self.state.held.send_replace(None);
    }

    /// What requests are answered that no script is for.
    pub(crate) fn otherwise(&self, rule: impl Fn(&Received) -> Reply + Send + 'static) {
        *self.state.otherwise.lock().unwrap() = Some(Box::new(rule));
    }

    /// The requests about this workflow so far.
    pub(crate) fn received(&self, workflow: &str) -> Vec<Received> {
        let received = self.state.received.lock().unwrap();
        let of_workflow = received.iter().filter(|r| r.workflow == workflow);
        of_workflow.cloned().collect()
    }

    pub(crate) fn methods(&self, workflow: &str) -> Vec<String> {
        let received = self.received(workflow).into_iter();
        received.map(|r| r.method).collect()
    }

    /// Waits until that many requests about this workflow have come.
    pub(crate) async fn until_received(&self, workflow: &str, count: usize) -> Vec<Received> {
        let mut news = self.state.count.subscribe();
        let enough = news.wait_for(|_| self.received(workflow).len() >= count);
        let waited = tokio::time::timeout(Duration::from_secs(20), enough).await;
        waited.expect("enough requests in time").expect("the fake");
        self.received(workflow)
    }

    /// The requests about this workflow that are being answered; one that the caller gives up is none of them.
    pub(crate) fn in_flight(&self, workflow: &str) -> usize {
        let in_flight = self.state.in_flight.lock().unwrap();
        in_flight.get(workflow).map_or(0, |&(now, _)| now)
    }

    /// The most requests about this workflow that were being answered at once.
    pub(crate) fn most_in_flight(&self, workflow: &str) -> usize {
        let in_flight = self.state.in_flight.lock().unwrap();
        in_flight.get(workflow).map_or(0, |&(_, most)| most)
    }

    /// Ends all connections and frees the address.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        let ended = (&mut self.accepting).await;
        assert!(ended.is_err(), "it accepts until it is told to stop");
    }
}

impl Drop for FakeTemporal {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The connections' tasks live in here, and end with it.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let state = Arc::clone(&state);
                connections.spawn(async move {
                    let service = hyper::service::service_fn(|request| {
                        answer(Arc::clone(&state), request)
                    });
                    let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    // A client that goes away is nothing to report.
                    drop(http.serve_connection(TokioIo::new(stream), service).await);
                });
            }
            () = state.disconnect.notified() => connections.shutdown().await,
        }
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let method = path.rsplit('/').next().unwrap_or_default().to_owned();
    let authorization = request.headers().get("authorization").cloned();
    let body = request
        .into_body()
        .collect()
        .await
        .expect("a whole request");
    let mut received = read(&method, &body.to_bytes());
    if let Some(given) = authorization {
        let given = given.to_str().expect("ASCII");
        given.clone_into(&mut received.authorization);
    }
    let workflow = received.workflow.clone();
    let reply = state.enter(received);
    let _answering = Answering(&state, &workflow);
    let mut held = state.held.subscribe();
    let free = held.wait_for(|held| held.as_ref() != Some(&workflow)).await;
    drop(free.expect("the fake lives as long as its connections"));
    let response = match reply {
        Reply::Fail(status) => grpc::failed(&status),
        Reply::Message(bytes) => grpc::ok(&bytes),
        Reply::Hang => std::future::pending().await,
        Reply::Disconnect => {
            state.disconnect.notify_one();
            std::future::pending().await
        }
        Reply::Ok => success(&method, WorkflowExecutionStatus::Running),
        Reply::State(status) => success(&method, status),
    };
    Ok(response)
}

/// Dropped with the answer, or with the request that is given up.
struct Answering<'a>(&'a State, &'a str);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

impl State {
    fn enter(&self, received: Received) -> Reply {
        let workflow = received.workflow.clone();
        let mut in_flight = self.in_flight.lock().unwrap();
        let (now, most) = in_flight.entry(workflow.clone()).or_default();
        *now += 1;
        *most = (*now).max(*most);
        drop(in_flight);
        let mut scripts = self.scripts.lock().unwrap();
        let scripted = scripts.get_mut(&workflow).and_then(VecDeque::pop_front);
        drop(scripts);
        let reply = scripted.unwrap_or_else(|| {
            let otherwise = self.otherwise.lock().unwrap();
            otherwise.as_ref().map_or(Reply::Ok, |rule| rule(&received))
        });
        self.received.lock().unwrap().push(received);
        self.count.send_modify(|count| *count += 1);
        reply
    }

    fn leave(&self, workflow: &str) {
        if let Some((now, _)) = self.in_flight.lock().unwrap().get_mut(workflow) {
            *now -= 1;
        }
    }
}

fn read(method: &str, body: &Bytes) -> Received {
    let received = match method {
        "SignalWorkflowExecution" | "SignalWithStartWorkflowExecution" => read_signal(method, body),
        _ => read_question(method, body),
    };
    Received {
        method: method.to_owned(),
        ..received
    }
}

fn read_signal(method: &str, body: &Bytes) -> Received {
    if method == "SignalWorkflowExecution" {
        let message: SignalWorkflowExecutionRequest = grpc::decode(body);
        return Received {
            workflow: message.workflow_execution.unwrap_or_default().workflow_id,
            signal: message.signal_name,
            request_id: message.request_id,
            identity: message.identity,
            args: texts(message.input),
            header: fields(message.header),
            namespace: message.namespace,
            ..Received::default()
        };
    }
    let message: SignalWithStartWorkflowExecutionRequest = grpc::decode(body);
    Received {
        workflow: message.workflow_id,
        signal: message.signal_name,
        request_id: message.request_id,
        identity: message.identity,
        args: texts(message.signal_input),
        header: fields(message.header),
        reuse_policy: message.workflow_id_reuse_policy,
        namespace: message.namespace,
        ..Received::default()
    }
}

/// What changes nothing on the server.
fn read_question(method: &str, body: &Bytes) -> Received {
    let mut received = Received::default();
    match method {
        "DescribeWorkflowExecution" => {
            let message: DescribeWorkflowExecutionRequest = grpc::decode(body);
            received.workflow = message.execution.unwrap_or_default().workflow_id;
        }
        "GetWorkflowExecutionHistoryReverse" => {
            let message: GetWorkflowExecutionHistoryReverseRequest = grpc::decode(body);
            let execution = message.execution.unwrap_or_default();
            received.workflow = execution.workflow_id;
            received.run_id = execution.run_id;
        }
        "ListWorkflowExecutions" => {
            let message: ListWorkflowExecutionsRequest = grpc::decode(body);
            let id = message.query.split('"').nth(1).unwrap_or_default();
            id.clone_into(&mut received.workflow);
        }
        "QueryWorkflow" => {
            let message: QueryWorkflowRequest = grpc::decode(body);
            let query = message.query.unwrap_or_default();
            let execution = message.execution.unwrap_or_default();
            received.workflow = execution.workflow_id;
            received.run_id = execution.run_id;
            received.signal = query.query_type;
            received.args = texts(query.query_args);
        }
        "DescribeTaskQueue" => {
            let message: DescribeTaskQueueRequest = grpc::decode(body);
            received.workflow = message.task_queue.unwrap_or_default().name;
        }
        _ => {}
    }
    received
}

fn texts(payloads: Option<Payloads>) -> Vec<String> {
    let payloads = payloads.unwrap_or_default().payloads.into_iter();
    payloads.map(|p| text(p.data)).collect()
}

fn fields(header: Option<Header>) -> BTreeMap<String, String> {
    let fields = header.unwrap_or_default().fields.into_iter();
    fields.map(|(name, p)| (name, text(p.data))).collect()
}

fn text(data: Vec<u8>) -> String {
    String::from_utf8(data).expect("JSON text")
}

fn success(method: &str, state: WorkflowExecutionStatus) -> Response<Body> {
    let message = match method {
        "SignalWorkflowExecution" => SignalWorkflowExecutionResponse::default().encode_to_vec(),
        "SignalWithStartWorkflowExecution" => SignalWithStartWorkflowExecutionResponse {
            run_id: "run-1".to_owned(),
            started: true,
            ..Default::default()
        }
        .encode_to_vec(),
        "DescribeWorkflowExecution" => DescribeWorkflowExecutionResponse {
            workflow_execution_info: Some(WorkflowExecutionInfo {
                status: state.into(),
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec(),
        "ListWorkflowExecutions" => ListWorkflowExecutionsResponse::default().encode_to_vec(),
        "GetSystemInfo" => GetSystemInfoResponse {
            server_version: "1.29.1".to_owned(),
            capabilities: None,
        }
        .encode_to_vec(),
        _ => return grpc::failed(&Status::unimplemented("unknown method")),
    };
    grpc::ok(&message)
}

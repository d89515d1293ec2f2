//! `signalpost routes`: every signal and query that can reach a workflow, for whoever writes the workflow.
//!
//! Reads the plan that `serve` would run and nothing else; `page` lays it out for people.

mod page;

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::value::RawValue;

use super::flags::RoutingFile;
use super::{End, complain, print};
use crate::access::{self, Rule};
use crate::config::Plan;
use crate::duration;
use crate::event::{AfterPark, Closed, IdReuse, Missing, Then};
use crate::expr::Expr;
use crate::expr::template::JsonTemplate;
use crate::routing::schema::OnInvalid;
use crate::routing::{ClosedRule, Effect, MissingRule, On, Route, Signal, StartRule};
use crate::token::API_KEYS;

/// Print every signal and query of a routing file that can reach a workflow.
///
/// For the workflows' authors: names, arguments, who may send or ask, and what happens where the workflow is missing
/// or closed. Secrets need not be readable. Exit code 1 if the file has an error.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    routing: RoutingFile,

    /// Allow `provider = "none"`, as `serve --allow-unverified` does.
    #[arg(long)]
    allow_unverified: bool,

    /// Print for people, as a page of Markdown, or for programs.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Md,
    Json,
}

/// What `-o json` prints; the other forms are made of it.
#[derive(Debug, Serialize)]
struct Reach {
    signals: Vec<ShownSignal>,
    queries: Vec<ShownQuery>,
}

#[derive(Debug, Serialize)]
struct ShownSignal {
    route: String,
    sources: Vec<String>,
    /// Null: every type.
    types: Option<Vec<String>>,
    when: Option<String>,
    /// Null: whoever the source lets in.
    allow: Option<Vec<String>>,
    namespace: String,
    workflow: String,
    signal: String,
    /// The list of arguments with its templates; null: the body as sent is the one argument.
    args: Option<Box<RawValue>>,
    missing: String,
    closed: String,
    after_park: &'static str,
    /// The file that the arguments must fit; null: they may be anything.
    schema: Option<String>,
    /// What becomes of an event whose arguments do not fit it.
    invalid: Option<String>,
    stop: bool,
}

#[derive(Debug, Serialize)]
struct ShownQuery {
    name: String,
    methods: [&'static str; 3],
    path: String,
    namespace: String,
    workflow: String,
    query: String,
    args: Option<Box<RawValue>>,
    /// Names of issuers, and `keys` for API keys.
    issuers: Vec<String>,
    allow: Vec<String>,
    when: Option<String>,
    timeout: String,
    cache: Option<String>,
    /// The parameter that pins a run.
    run: Option<String>,
    /// Of each caller.
    rate: Option<String>,
    expose_errors: bool,
}

pub(super) fn run(arguments: &Arguments) -> End {
    let loaded = arguments.routing.load(arguments.allow_unverified);
    let Some(plan) = loaded.and_then(|loaded| loaded.plan) else {
        return End::Problem;
    };
    let reach = Reach::of(&plan);
    match arguments.output {
        Form::Text => print(&page::text(&reach)),
        Form::Md => print(&page::markdown(&reach)),
        Form::Json => match serde_json::to_string(&reach) {
            Ok(json) => print(&json),
            Err(error) => {
                complain(&error.to_string());
                return End::Problem;
            }
        },
    }
    End::Ok
}

impl Reach {
    fn of(plan: &Plan) -> Self {
        let signals = plan.routes.iter().filter_map(|(route, sources)| {
            let sources = sources.iter().map(ToString::to_string).collect();
            match &route.effect {
                Effect::Signal(signal) => Some(ShownSignal::of(route, signal, sources)),
                Effect::Drop => None,
            }
        });
        Self {
            signals: signals.collect(),
            queries: plan.queries.iter().map(ShownQuery::of).collect(),
        }
    }
}

impl ShownSignal {
    fn of(route: &Route, signal: &Signal, sources: Vec<String>) -> Self {
        let contract = signal.contract.as_ref();
        Self {
            route: route.name.to_string(),
            sources,
            types: match &route.on {
                On::Every => None,
                On::Types(types) => Some(types.clone()),
            },
            when: written(route.when.as_ref()),
            allow: route.allow.clone(),
            namespace: signal.namespace.to_string(),
            workflow: signal.workflow.source().to_owned(),
            signal: signal.signal.source().to_owned(),
            args: raw(signal.args.as_ref()),
            missing: missing(&signal.missing),
            closed: closed(&signal.closed),
            after_park: match signal.lane.after_park {
                AfterPark::Continue => "continue",
                AfterPark::Hold => "hold",
            },
            schema: contract.map(|contract| contract.schema.name.clone()),
            invalid: contract.map(|contract| match &contract.invalid {
                OnInvalid::Refuse => "refuse".to_owned(),
                OnInvalid::Park => "park".to_owned(),
                OnInvalid::Signal(name) => format!("signal {name}"),
            }),
            stop: route.stop,
        }
    }
}

impl ShownQuery {
    fn of(rule: &Rule) -> Self {
        let issuers = rule.issuers.iter().map(|issuer| issuer.name.to_string());
        let keys = rule.keys.then(|| API_KEYS.to_owned());
        let status = matches!(rule.kind, access::Kind::Status);
        Self {
            name: rule.name.to_string(),
            methods: ["GET", "HEAD", "POST"],
            path: rule.path.to_string(),
            namespace: rule.namespace.to_string(),
            workflow: rule.workflow.source().to_owned(),
            query: if status {
                access::STATUS.to_owned()
            } else {
                rule.query.source().to_owned()
            },
            args: raw(rule.args.as_ref()),
            issuers: issuers.chain(keys).collect(),
            allow: rule.allow.clone(),
            when: written(rule.when.as_ref()),
            timeout: duration::show(rule.timeout),
            cache: rule.cache.map(duration::show),
            run: rule.run.clone(),
            rate: rule.rate.map(|rate| rate.to_string()),
            expose_errors: rule.expose_errors,
        }
    }
}

fn written(expr: Option<&Expr>) -> Option<String> {
    expr.map(|expr| expr.source().to_owned())
}

fn raw(args: Option<&JsonTemplate>) -> Option<Box<RawValue>> {
    RawValue::from_string(args?.source()).ok()
}

fn missing(rule: &MissingRule) -> String {
    match rule {
        MissingRule::Start(start) => started(start),
        MissingRule::Fixed(missing) => missing_text(missing),
    }
}

/// The rule as a person says it; of a start without its arguments.
pub(super) fn missing_text(missing: &Missing) -> String {
    match missing {
        Missing::Park => "park".to_owned(),
        Missing::Drop => "drop".to_owned(),
        Missing::Wait { for_ms, then } => {
            let then = match then {
                Then::Park => "park",
                Then::Drop => "drop",
            };
            let wait = duration::show(Duration::from_millis(*for_ms));
            format!("wait {wait}, then {then}")
        }
        Missing::Start(start) => start_text(&start.workflow_type, &start.task_queue),
    }
}

fn closed(rule: &ClosedRule) -> String {
    match rule {
        ClosedRule::Start(start) => started(start),
        ClosedRule::Fixed(closed) => closed_text(closed),
    }
}

pub(super) fn closed_text(closed: &Closed) -> String {
    match closed {
        Closed::Park => "park".to_owned(),
        Closed::Drop => "drop".to_owned(),
        Closed::Start(start) => start_text(&start.workflow_type, &start.task_queue),
    }
}

fn started(start: &StartRule) -> String {
    let mut text = start_text(&start.workflow_type, &start.task_queue);
    if let Some(args) = &start.args {
        text.push_str(" with ");
        text.push_str(&args.source());
    }
    text.push_str(match start.id_reuse {
        IdReuse::RejectDuplicate => "",
        IdReuse::AllowDuplicateFailedOnly => ", again after a run that failed",
        IdReuse::AllowDuplicate => ", again after any run",
    });
    text
}

fn start_text(kind: &str, queue: &str) -> String {
    format!("start {kind} on task queue {queue}")
}

//! `check --live`: do running workflows know the routed signals and queries?
//!
//! Asks a few workflows for each rule, each workflow once, within a time for all. What a worker lists is certain where it
//! lists a name, and a strong hint where it does not; everything else is said to be unknown, with the reason.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::access::{self, Rule};
use crate::config::Plan;
use crate::expr::template::Template;
use crate::routing::schema::OnInvalid;
use crate::routing::{ClosedRule, Effect, MissingRule, Route, Signal};
use crate::temporal::{FailureKind, Handlers, QueryError, Reach, Running, Temporal};

/// Until there is a connection.
const CONNECT: Duration = Duration::from_secs(6);
/// For one question.
const QUESTION: Duration = Duration::from_secs(5);
/// For all of them.
const WHOLE: Duration = Duration::from_mins(1);
/// Workflows that are asked for one rule.
const MOST: u8 = 3;

const ABSENT: &str = "its worker does not list it among the handlers registered so far";
const OUT_OF_TIME: &str = "the time for all questions is over";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Present,
    Absent,
    Unknown,
}

/// The name of a signal or query; none where it is made of the event or question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Name {
    Signal { signal: Option<String> },
    Query { query: Option<String> },
}

/// What one workflow says about one rule; without a workflow, what there is to say about the rule.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    rule: String,
    #[serde(flatten)]
    name: Name,
    workflow: Option<String>,
    pub(super) verdict: Verdict,
    why: Option<String>,
}

/// What is to be found out for one rule.
struct Wanted {
    rule: String,
    name: Name,
    namespace: String,
    /// None: anything of the namespace.
    reach: Option<Reach>,
}

/// Either is there, or a sentence says why it cannot be known.
type Known<T> = Result<T, String>;

/// Everything that is asked, and what was answered before.
struct Asking<'t> {
    temporal: &'t Temporal,
    end: Instant,
    listed: HashMap<(String, Reach), Known<Vec<Running>>>,
    handlers: HashMap<(String, Running), Known<Handlers>>,
}

/// The sentence says why nobody could be asked.
pub(super) async fn ask(plan: &Plan, temporal: &Temporal) -> Result<Vec<Finding>, String> {
    let asking = async {
        let mut connections = temporal.connections();
        let connected = connections.wait_for(|count| *count > 0);
        if !matches!(tokio::time::timeout(CONNECT, connected).await, Ok(Ok(_))) {
            let trouble = temporal
                .status()
                .trouble
                .unwrap_or_else(|| "no answer".to_owned());
            return Err(format!("Temporal cannot be reached: {trouble}"));
        }
        let mut asking = Asking {
            temporal,
            end: Instant::now() + WHOLE,
            listed: HashMap::new(),
            handlers: HashMap::new(),
        };
        let mut findings = Vec::new();
        for wanted in wanted(plan) {
            asking.find(&wanted, &mut findings).await?;
        }
        Ok(findings)
    };
    tokio::select! {
        found = asking => found,
        () = temporal.run(std::future::pending()) => Err("the connection to Temporal ended".to_owned()),
    }
}

/// One for each signal of a route and each query, in the order of the file.
fn wanted(plan: &Plan) -> Vec<Wanted> {
    let routes = plan
        .routes
        .iter()
        .flat_map(|(route, _)| match &route.effect {
            Effect::Signal(signal) => signals(route, signal),
            Effect::Drop => Vec::new(),
        });
    // A status is the server's own to tell.
    let asked = |rule: &&Rule| !matches!(rule.kind, access::Kind::Status);
    let queries = plan.queries.iter().filter(asked).map(|rule| Wanted {
        rule: rule.name.to_string(),
        name: Name::Query {
            query: rule.query.constant().map(str::to_owned),
        },
        namespace: rule.namespace.to_string(),
        reach: by_id(&rule.workflow),
    });
    routes.chain(queries).collect()
}

/// The route's own signal, and the one that says that its arguments do not fit.
fn signals(route: &Route, signal: &Signal) -> Vec<Wanted> {
    let started = match (&signal.missing, &signal.closed) {
        (MissingRule::Start(start), _) | (_, ClosedRule::Start(start)) => {
            Some(Reach::Type(start.workflow_type.clone()))
        }
        _ => None,
    };
    let reach = started.or_else(|| by_id(&signal.workflow));
    let own = signal.signal.constant().map(str::to_owned);
    let compensating = match signal.contract.as_ref().map(|contract| &contract.invalid) {
        Some(OnInvalid::Signal(name)) => Some(Some(name.clone())),
        _ => None,
    };
    let names = std::iter::once(own).chain(compensating);
    let wanted = names.map(|name| Wanted {
        rule: route.name.to_string(),
        name: Name::Signal { signal: name },
        namespace: signal.namespace.to_string(),
        reach: reach.clone(),
    });
    wanted.collect()
}

fn by_id(workflow: &Template) -> Option<Reach> {
    match (workflow.constant(), workflow.prefix()) {
        (Some(id), _) => Some(Reach::Id(id.to_owned())),
        (None, "") => None,
        (None, prefix) => Some(Reach::IdPrefix(prefix.to_owned())),
    }
}

impl Asking<'_> {
    /// An error: nobody can be asked any more.
    async fn find(&mut self, wanted: &Wanted, findings: &mut Vec<Finding>) -> Result<(), String> {
        let unknown = |why: &str| wanted.finding(None, Verdict::Unknown, Some(why.to_owned()));
        let (Some(name), Some(reach)) = (wanted.name.constant(), &wanted.reach) else {
            let why = match wanted.reach {
                Some(_) => "its name is made of what comes in",
                None => "the workflow id begins with an expression: it may be any workflow",
            };
            findings.push(unknown(why));
            return Ok(());
        };
        if access::is_built_in_query(name) && matches!(wanted.name, Name::Query { .. }) {
            findings.push(unknown(
                "the query is built in: what answers it is the worker's SDK",
            ));
            return Ok(());
        }
        match self.running(&wanted.namespace, reach).await? {
            Err(why) => findings.push(unknown(&why)),
            Ok(running) if running.is_empty() => {
                findings.push(unknown("no workflow that it could reach is running"));
            }
            Ok(running) => {
                for one in running {
                    let known = self.handlers(&wanted.namespace, &one).await;
                    let (verdict, why) = judge(&wanted.name, name, known.as_ref());
                    findings.push(wanted.finding(Some(one.workflow), verdict, why));
                }
            }
        }
        Ok(())
    }

    async fn running(
        &mut self,
        namespace: &str,
        reach: &Reach,
    ) -> Result<Known<Vec<Running>>, String> {
        let key = (namespace.to_owned(), reach.clone());
        if let Some(listed) = self.listed.get(&key) {
            return Ok(listed.clone());
        }
        let Some(time) = self.time() else {
            return Ok(Err(OUT_OF_TIME.to_owned()));
        };
        let listed = self.temporal.running(namespace, reach, MOST, time).await;
        let listed = match listed {
            Ok(running) => Ok(running),
            Err(failure) => match failure.kind {
                FailureKind::NamespaceNotFound
                | FailureKind::Unauthorized
                | FailureKind::Transient => {
                    let message = failure.message;
                    return Err(format!(
                        "Temporal lists no workflows of namespace `{namespace}`: {message}"
                    ));
                }
                _ => Err(format!("workflows cannot be listed: {}", failure.message)),
            },
        };
        self.listed.insert(key, listed.clone());
        Ok(listed)
    }

    async fn handlers(&mut self, namespace: &str, running: &Running) -> Known<Handlers> {
        let key = (namespace.to_owned(), running.clone());
        if let Some(known) = self.handlers.get(&key) {
            return known.clone();
        }
        let time = self.time().ok_or(OUT_OF_TIME)?;
        let answer = self.temporal.handlers(namespace, running, time).await;
        let known = match answer {
            Ok(Some(handlers)) => Ok(handlers),
            Ok(None) => Err("its worker's SDK lists no handlers".to_owned()),
            Err(error) => Err(unanswered(&error)),
        };
        self.handlers.insert(key, known.clone());
        known
    }

    fn time(&self) -> Option<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| left.min(QUESTION))
    }
}

fn unanswered(error: &QueryError) -> String {
    match error {
        QueryError::NoWorker => "no worker answers for it".to_owned(),
        QueryError::Failed(why) => {
            format!("its worker's SDK does not tell its handlers, or failed to: {why}")
        }
        other => other.to_string(),
    }
}

fn judge(kind: &Name, name: &str, known: Result<&Handlers, &String>) -> (Verdict, Option<String>) {
    let handlers = match known {
        Ok(handlers) => handlers,
        Err(why) => return (Verdict::Unknown, Some(why.clone())),
    };
    let (names, any) = match kind {
        Name::Signal { .. } => (&handlers.signals, handlers.any_signal),
        Name::Query { .. } => (&handlers.queries, handlers.any_query),
    };
    if names.iter().any(|known| known == name) {
        return (Verdict::Present, None);
    }
    if any {
        let why = "a dynamic handler takes every name".to_owned();
        return (Verdict::Unknown, Some(why));
    }
    (Verdict::Absent, Some(ABSENT.to_owned()))
}

impl Name {
    fn constant(&self) -> Option<&str> {
        match self {
            Self::Signal { signal: name } | Self::Query { query: name } => name.as_deref(),
        }
    }
}

impl Wanted {
    fn finding(&self, workflow: Option<String>, verdict: Verdict, why: Option<String>) -> Finding {
        Finding {
            rule: self.rule.clone(),
            name: self.name.clone(),
            workflow,
            verdict,
            why,
        }
    }
}

/// A line for people.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Present => "present",
            Verdict::Absent => "absent",
            Verdict::Unknown => "unknown",
        };
        let (kind, of) = match self.name {
            Name::Signal { .. } => ("signal", "route"),
            Name::Query { .. } => ("query", "rule"),
        };
        let name = self.name.constant().unwrap_or("?");
        write!(f, "{verdict:<7}  {kind} {name} of {of} {}", self.rule)?;
        if let Some(workflow) = &self.workflow {
            write!(f, ", workflow {workflow}")?;
        }
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal() -> Name {
        Name::Signal {
            signal: Some("paid".to_owned()),
        }
    }

    #[test]
    fn only_a_name_that_is_listed_is_certain() {
        let known = Handlers {
            signals: vec!["paid".to_owned()],
            ..Handlers::default()
        };
        let dynamic = Handlers {
            any_signal: true,
            ..Handlers::default()
        };
        let away = "no worker answers for it".to_owned();
        for (known, verdict) in [
            (Ok(&known), Verdict::Present),
            (Ok(&Handlers::default()), Verdict::Absent),
            (Ok(&dynamic), Verdict::Unknown),
            (Err(&away), Verdict::Unknown),
        ] {
            assert_eq!(judge(&signal(), "paid", known).0, verdict, "{known:?}");
        }
    }

    #[test]
    fn json_names_the_signal_or_the_query() {
        let wanted = Wanted {
            rule: "r".to_owned(),
            name: signal(),
            namespace: "default".to_owned(),
            reach: None,
        };
        let finding = wanted.finding(Some("order-1".to_owned()), Verdict::Present, None);
        assert_eq!(
            serde_json::to_string(&finding).unwrap(),
            r#"{"rule":"r","kind":"signal","signal":"paid","workflow":"order-1","verdict":"present","why":null}"#
        );
        assert_eq!(
            finding.to_string(),
            "present  signal paid of route r, workflow order-1"
        );
    }
}

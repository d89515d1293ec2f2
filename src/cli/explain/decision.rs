//! The steps of a query's decision, as `server` takes them: rule, method, token, roles, `when`, question.
//!
//! Each step is the serving code's own word: `Rules::find`, `Trust::verify`, `access::permit`. What the caller is told
//! is `Failure`'s.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::step::Step;
use crate::access::{self, Asked, Permit, Principal, Refusal, Rule};
use crate::clock::Timestamp;
use crate::config::Plan;
use crate::event::Content;
use crate::expr::Body;
use crate::secret::Secret;
use crate::server::error::Failure;
use crate::token::{self, API_KEYS, Trust};

/// What is asked.
pub(in crate::cli) struct Question {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

pub(in crate::cli) enum Caller {
    /// Its text; never shown.
    Token(Secret),
    Told(Told),
}

/// `--as`: what a token would say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct Told {
    pub(in crate::cli) issuer: Option<String>,
    pub(in crate::cli) subject: Option<String>,
    pub(in crate::cli) roles: Option<Vec<String>>,
    pub(in crate::cli) claims: Option<Value>,
}

#[derive(Debug, Serialize)]
pub(in crate::cli) struct Decision {
    verdict: &'static str,
    /// What a caller would be answered instead of a result.
    status: Option<u16>,
    code: Option<&'static str>,
    rule: Option<String>,
    steps: Vec<Step>,
    question: Option<Shown>,
}

/// What Temporal would be asked.
#[derive(Debug, Serialize)]
struct Shown {
    namespace: String,
    workflow: String,
    run: Option<String>,
    query: String,
    args: Value,
}

/// Why it goes no further.
type Denied = (&'static str, Failure, String);

impl Question {
    pub(in crate::cli) fn parse(text: &str, body: Option<Vec<u8>>) -> Result<Self, String> {
        let (method, target) = match text.trim().split_once(' ') {
            Some((method, target)) => (method, target.trim()),
            None => ("GET", text.trim()),
        };
        if !target.starts_with('/') {
            return Err(
                "--query is a method and a path, as in \"GET /orders/42/status\"".to_owned(),
            );
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if body.is_some() && method != "POST" {
            return Err("--body is for a POST alone".to_owned());
        }
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            body,
        })
    }
}

pub(in crate::cli) fn decide(
    plan: &Plan,
    question: &Question,
    caller: &Caller,
    now: Timestamp,
) -> Decision {
    let mut decision = Decision {
        verdict: "deny",
        status: None,
        code: None,
        rule: None,
        steps: Vec::new(),
        question: None,
    };
    match decision.walk(plan, question, caller, now) {
        Ok(permit) => {
            decision.verdict = "allow";
            decision.question = Some(Shown::of(&permit));
        }
        Err((step, failure, text)) => {
            let problem = failure.problem();
            decision.status = Some(problem.status.as_u16());
            decision.code = Some(problem.code);
            decision.steps.push(Step::failed(step, text));
        }
    }
    decision
}

impl Decision {
    /// `allow` or `deny`.
    pub(in crate::cli) const fn verdict(&self) -> &'static str {
        self.verdict
    }

    fn well(&mut self, step: &'static str, text: String) {
        self.steps.push(Step::well(step, text));
    }

    fn walk(
        &mut self,
        plan: &Plan,
        question: &Question,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Permit, Denied> {
        let Some((rule, path)) = plan.queries.find(&question.path) else {
            let text = "no rule has a path that this one fits".to_owned();
            return Err(("rule", Failure::NoQuery, text));
        };
        self.rule = Some(rule.name.to_string());
        self.well("rule", format!("`{}`, path {}", rule.name, rule.path));
        if !matches!(question.method.as_str(), "GET" | "HEAD" | "POST") {
            let text = format!("{} is none of GET, HEAD, POST", question.method);
            return Err(("method", Failure::QueryMethod, text));
        }
        let principal = match caller {
            Caller::Token(secret) => self.verify(plan, rule, secret, now)?,
            Caller::Told(told) => told.principal(plan, rule)?,
        };
        self.well(
            "caller",
            format!("{}:{}", principal.issuer, principal.subject),
        );
        let roles = match principal.roles.as_slice() {
            [] => "none".to_owned(),
            roles => roles.join(", "),
        };
        self.well("roles", roles);
        self.permit(rule, &principal, question, &path)
    }

    fn verify(
        &mut self,
        plan: &Plan,
        rule: &Rule,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<Principal, Denied> {
        let trust = Trust {
            issuers: &rule.issuers,
            keys: rule.keys.then_some(&*plan.keys),
        };
        let text = std::str::from_utf8(secret.expose()).unwrap_or_default();
        match trust.verify(text, now) {
            Ok(token) => {
                self.well("token", format!("good at {}", now.to_rfc3339()));
                Ok(Principal::from(token))
            }
            Err(token::Refusal::NoKeys) => {
                let text = "the issuer's keys have an address, and nothing is fetched here: give them with --keys FILE";
                Err(("token", Failure::QueryKeysAway, text.to_owned()))
            }
            Err(refusal) => Err(("token", Failure::QueryUnauthorized, refusal.to_string())),
        }
    }

    fn permit(
        &mut self,
        rule: &Rule,
        principal: &Principal,
        question: &Question,
        path: &[(String, String)],
    ) -> Result<Permit, Denied> {
        let unparsable = |error: serde_json::Error| {
            (
                "body",
                Failure::QueryUnparsable,
                format!("it is no JSON: {error}"),
            )
        };
        let content = match question.body.as_deref() {
            None | Some([]) => None,
            Some(bytes) => Some(Content::Json(
                serde_json::from_slice(bytes).map_err(unparsable)?,
            )),
        };
        let raw = question.body.as_deref().unwrap_or_default();
        let raw = bytes::Bytes::copy_from_slice(raw);
        let asked = Asked {
            path,
            query: &question.query,
            body: content.as_ref().map(|content| Body { content, raw: &raw }),
        };
        let permit = access::permit(rule, principal, asked);
        // The steps before the one that failed did not.
        let failed = permit.as_ref().err();
        let allow = format!("needs {}", rule.allow.join(" or "));
        let when = rule
            .when
            .as_ref()
            .map(|when| when.source().trim().to_owned());
        if !matches!(failed, Some(Refusal::Issuer | Refusal::Role)) {
            self.well("allow", allow.clone());
            if let Some(when) = &when
                && !matches!(failed, Some(Refusal::When(_)))
            {
                self.well("when", when.clone());
            }
        }
        permit.map_err(|refusal| {
            let text = refusal.to_string();
            let (step, text) = match &refusal {
                Refusal::Issuer => ("issuer", text),
                Refusal::Role => ("allow", format!("{allow}: {text}")),
                Refusal::When(why) => ("when", format!("{}: {why}", when.unwrap_or_default())),
                Refusal::Unrenderable(_) => ("question", text),
            };
            (step, Failure::from(refusal), text)
        })
    }

    pub(in crate::cli) fn text(&self) -> String {
        let mut lines: Vec<String> = self.steps.iter().map(Step::line).collect();
        if let Some(shown) = &self.question {
            let run = shown
                .run
                .as_ref()
                .map_or(String::new(), |run| format!(", run {run}"));
            lines.push(format!(
                "ok  question  {} of workflow {}{run} in namespace {}, arguments {}",
                shown.query, shown.workflow, shown.namespace, shown.args
            ));
        }
        lines.push(match (self.status, self.code) {
            (Some(status), Some(code)) => format!("{}: {status} {code}", self.verdict),
            _ => self.verdict.to_owned(),
        });
        lines.join("\n")
    }

    pub(super) fn json(&self) -> String {
        // Text, numbers and JSON under constant names: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Told {
    fn principal(&self, plan: &Plan, rule: &Rule) -> Result<Principal, Denied> {
        let first = rule
            .issuers
            .first()
            .map_or(API_KEYS, |issuer| &*issuer.name);
        let name = self.issuer.as_deref().unwrap_or(first);
        let issuer = plan.issuers.get(name);
        if issuer.is_none() && name != API_KEYS {
            let text = format!("there is no issuer `{name}`");
            return Err(("issuer", Failure::QueryUnauthorized, text));
        }
        let claims = self
            .claims
            .clone()
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let subject = self
            .subject
            .clone()
            .or_else(|| Some(claims.get("sub")?.as_str()?.to_owned()));
        let roles = match (&self.roles, issuer) {
            (Some(roles), _) => roles.clone(),
            (None, Some(issuer)) => issuer.roles_in(&claims),
            (None, None) => Vec::new(),
        };
        Ok(Principal {
            issuer: Arc::from(name),
            subject: subject.unwrap_or_default(),
            roles,
            claims,
        })
    }
}

impl Shown {
    fn of(permit: &Permit) -> Self {
        Self {
            namespace: permit.namespace().to_owned(),
            workflow: permit.workflow().to_owned(),
            run: permit.run().map(str::to_owned),
            query: permit.query().to_owned(),
            args: serde_json::from_str(permit.args()).unwrap_or_default(),
        }
    }
}

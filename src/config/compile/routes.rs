//! `[[routes]]`: which events become signals, and where they go.
//!
//! Makes what `routing` evaluates and evaluates nothing itself. Whether a route can be reached at all
//! is `reach`'s; what it does without an open workflow, `absence`'s.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toml::Spanned;

use crate::event::{Closed, Missing};
use crate::expr::Scope;
use crate::expr::template::Template;
use crate::routing::{ClosedRule, Effect, MissingRule, On, Route, Signal};
use crate::token::KeyTable;
use crate::verify::Source;

use super::super::file;
use super::super::problem::Finding;
use super::trust::Trusted;
use super::{Compiler, Text, codes, optional, reach};

/// The sources that a file names, as written and as compiled, and the API keys.
#[derive(Clone, Copy)]
pub(super) struct Sources<'s> {
    pub(super) written: &'s [file::Source],
    pub(super) compiled: &'s HashMap<Arc<str>, Arc<Source>>,
    pub(super) keys: &'s KeyTable,
}

impl Sources<'_> {
    fn trusted(&self, name: &str) -> Option<Trusted> {
        let trust = self.compiled.get(name)?.trust()?;
        Some(Trusted {
            issuers: trust.issuers.to_vec(),
            keys: trust.keys.is_some(),
        })
    }
}

impl Compiler<'_> {
    pub(super) fn routes(
        &mut self,
        written: &[file::Route],
        sources: Sources<'_>,
    ) -> Vec<(Vec<Arc<str>>, Route)> {
        let mut names = HashSet::new();
        let routes = written
            .iter()
            .filter_map(|route| {
                if let Some(name) = &route.name {
                    self.unique_name("route", name, &mut names);
                }
                self.route(route, sources)
            })
            .collect();
        for unreachable in reach::unreachable(written) {
            let message = format!(
                "no event reaches this route: `{}` takes all of its events and says `stop`",
                unreachable.by
            );
            self.findings.push(
                Finding::error(codes::UNREACHABLE, unreachable.span, message)
                    .help("put it before that route, or remove it"),
            );
        }
        routes
    }

    /// A name is a label of metrics and of deliveries: two of them would be counted as one.
    pub(super) fn unique_name<'n>(
        &mut self,
        what: &str,
        name: &'n Text,
        names: &mut HashSet<&'n str>,
    ) {
        if name.get_ref().is_empty() {
            self.error(codes::NAME, name, format!("this {what} has an empty name"));
        } else if !names.insert(name.get_ref()) {
            let message = format!("there is a {what} `{}` already", name.get_ref());
            self.error(codes::NAME, name, message);
        } else if name.get_ref().contains(char::is_control) {
            let message = format!("the name of this {what} has a control character in it");
            self.error(codes::NAME, name, message);
        }
    }

    fn route(
        &mut self,
        written: &file::Route,
        sources: Sources<'_>,
    ) -> Option<(Vec<Arc<str>>, Route)> {
        let from = written
            .source
            .as_ref()
            .and_then(|list| self.from(list, sources.written));
        let on = match &written.on {
            Some(list) => self.on(list),
            None => Some(On::Every),
        };
        let when = optional(written.when.as_ref(), |text| self.when(text, Scope::ROUTE));
        let allow = optional(written.allow.as_ref(), |list| {
            self.route_allow(written, list, sources)
        });
        let effect = if written.drop.as_ref().is_some_and(|drop| *drop.get_ref()) {
            self.refuse_beside_drop(written);
            Some(Effect::Drop)
        } else {
            self.signal(written).map(|s| Effect::Signal(Box::new(s)))
        };
        let route = Route {
            name: written.name.as_ref()?.get_ref().as_str().into(),
            on: on?,
            when: when?,
            allow: allow?,
            effect: effect?,
            stop: written.stop,
        };
        Some((from?, route))
    }

    /// `allow` asks for roles, which only tokens give.
    fn route_allow(
        &mut self,
        route: &file::Route,
        list: &Spanned<Vec<Text>>,
        sources: Sources<'_>,
    ) -> Option<Vec<String>> {
        let names = route.source.as_ref().map(Spanned::get_ref);
        let names: Vec<&str> = names
            .into_iter()
            .flatten()
            .map(|n| n.get_ref().as_str())
            .collect();
        for source in sources.written {
            let provider = source.provider.as_ref().map(|text| text.get_ref().as_str());
            let name = source.name.get_ref().as_str();
            if names.contains(&name) && provider.is_some_and(|provider| provider != "jwt") {
                let message = format!("`allow` asks for roles, and source `{name}` has no tokens");
                self.findings.push(
                    Finding::error(codes::CONFLICT, list.span(), message)
                        .help("only a source with `provider = \"jwt\"` knows who sends"),
                );
                return None;
            }
        }
        let allow = self.allow(list)?;
        // One with findings of its own is not there, and then nothing is certain.
        let trusted: Option<Vec<Trusted>> =
            names.iter().map(|name| sources.trusted(name)).collect();
        if let Some(trusted) = trusted {
            self.refuse_unattainable(list, &allow, &trusted, sources.keys);
        }
        Some(allow)
    }

    /// The sources of a route, each once.
    fn from(
        &mut self,
        list: &Spanned<Vec<Text>>,
        sources: &[file::Source],
    ) -> Option<Vec<Arc<str>>> {
        let names = self.filled_list("source", list)?;
        let known: Vec<&str> = sources.iter().map(|s| s.name.get_ref().as_str()).collect();
        let mut all_known = true;
        for text in list.get_ref() {
            if !known.contains(&text.get_ref().as_str()) {
                self.unknown_name("source", text, &known);
                all_known = false;
            }
        }
        let mut from: Vec<Arc<str>> = Vec::new();
        for name in names {
            if !from.iter().any(|known| **known == *name) {
                from.push(name.into());
            }
        }
        all_known.then_some(from)
    }

    fn on(&mut self, list: &Spanned<Vec<Text>>) -> Option<On> {
        if list.get_ref().is_empty() {
            let message = "`on` names no type, so no event fits";
            self.findings.push(
                Finding::error(codes::BAD_VALUE, list.span(), message)
                    .help("leave it away to take every type"),
            );
            return None;
        }
        let mut fine = true;
        for text in list.get_ref() {
            let pattern = text.get_ref();
            if pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
                let message = "a `*` stands at the end of a type, nowhere else";
                let at = pattern.find('*').unwrap_or(0);
                let span = self.text.inside(&text.span(), at, 1);
                self.findings.push(
                    Finding::error(codes::BAD_VALUE, span, message)
                        .help("list the types, or say the rest in `when`"),
                );
                fine = false;
            }
        }
        let types = list.get_ref().iter().map(|text| text.get_ref().clone());
        fine.then(|| On::Types(types.collect()))
    }

    fn refuse_beside_drop(&mut self, written: &file::Route) {
        let beside = [
            ("workflow", written.workflow.as_ref().map(Spanned::span)),
            ("signal", written.signal.as_ref().map(Spanned::span)),
            ("namespace", written.namespace.as_ref().map(Spanned::span)),
            ("args", written.args.as_ref().map(Spanned::span)),
            ("missing", written.missing.as_ref().map(Spanned::span)),
            ("closed", written.closed.as_ref().map(Spanned::span)),
            ("after_park", written.after_park.as_ref().map(Spanned::span)),
            ("pace", written.pace.as_ref().map(Spanned::span)),
            ("schema", written.schema.as_ref().map(Spanned::span)),
            ("invalid", written.invalid.as_ref().map(Spanned::span)),
        ];
        for (key, span) in beside {
            if let Some(span) = span {
                let message = format!("a route that drops its events has no use for `{key}`");
                self.findings
                    .push(Finding::error(codes::CONFLICT, span, message));
            }
        }
    }

    fn signal(&mut self, written: &file::Route) -> Option<Signal> {
        for (key, absent) in [
            ("workflow", !written.keys.has("workflow")),
            ("signal", !written.keys.has("signal")),
        ] {
            if absent {
                let message = format!("{} has no `{key}`", written.title());
                self.findings.push(
                    Finding::error(codes::MISSING_KEY, written.span.clone(), message)
                        .help("`drop = true` is for events that are known and unwanted"),
                );
            }
        }
        let namespace = self.namespace(written.namespace.as_ref());
        let workflow = written
            .workflow
            .as_ref()
            .and_then(|text| self.workflow(text, written.when.is_some()));
        let signal = written.signal.as_ref().and_then(|text| {
            self.refuse_reserved_signal(text);
            let template = self.template(text, Scope::ROUTE)?;
            self.limited("signal", text, template)
        });
        let args = optional(written.args.as_ref(), |args| self.args(args, Scope::ROUTE));
        let missing = match &written.missing {
            Some(missing) => self.missing(missing),
            None => Some(MissingRule::Fixed(Missing::default())),
        };
        let closed = match &written.closed {
            Some(closed) => self.closed(closed),
            None => Some(ClosedRule::Fixed(Closed::default())),
        };
        let lane = self.lane(written);
        let contract = self.contract(written);
        Some(Signal {
            namespace: namespace?.into(),
            workflow: workflow?,
            signal: signal?,
            args: args?,
            missing: missing?,
            closed: closed?,
            lane: lane?,
            contract: contract?,
        })
    }

    fn workflow(&mut self, text: &Text, has_when: bool) -> Option<Template> {
        let template = self.template(text, Scope::ROUTE)?;
        let free = template.constant().is_none() && !template.has_constant_part();
        if free && !has_when {
            let message = "the sender chooses any workflow of the namespace";
            self.findings.push(
                Finding::warning(codes::ANY_WORKFLOW, text.span(), message).help(
                    "put a constant part before it, as in \"order-${…}\", or limit it by `when`",
                ),
            );
        }
        self.limited("workflow", text, template)
    }
}

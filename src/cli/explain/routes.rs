//! What each route of a source says to an event, told for people.

use crate::cli::explain::step::Step;
use crate::cli::routes::{closed_text, missing_text};
use crate::event::{AfterPark, Delivery, Event, State};
use crate::routing::{On, Route, Routes, Verdict};

/// Routes whose `on` does not fit, named one by one; a file may have hundreds.
const MAX_OTHERS: usize = 20;
/// Of the arguments of one signal, in characters.
const MAX_ARGS: usize = 2000;

/// In the order of the file: each route that takes events of this source.
pub(super) fn considered(
    routes: &Routes,
    event: &Event,
    roles: &[String],
    deliveries: &[Delivery],
) -> Vec<Step> {
    let verdicts = routes.verdicts(event, roles);
    let mut steps = Vec::new();
    let mut others = 0_usize;
    for (route, sources) in routes.iter() {
        if !sources.contains(&event.source) {
            continue;
        }
        let verdict = verdicts.iter().find(|(it, _)| it.name == route.name);
        if let Some((_, verdict)) = verdict {
            steps.extend(of_verdict(route, verdict, deliveries));
        } else {
            others += 1;
            if others <= MAX_OTHERS {
                steps.push(aside(route, &unfit(route, event)));
            }
        }
    }
    if let Some(rest) = others.checked_sub(MAX_OTHERS).filter(|&rest| rest > 0) {
        let text = format!("{rest} more whose `on` names other types");
        steps.push(Step::aside("route", text));
    }
    steps
}

fn aside(route: &Route, why: &str) -> Step {
    Step::aside("route", format!("`{}`: {why}", route.name))
}

fn unfit(route: &Route, event: &Event) -> String {
    let On::Types(types) = &route.on else {
        return "it was not asked".to_owned();
    };
    let known = types.join(", ");
    if event.kind.is_empty() {
        return format!("the event has no type, and `on` wants {known}");
    }
    format!("type {} is not among {known}", event.kind)
}

fn of_verdict(route: &Route, verdict: &Verdict, deliveries: &[Delivery]) -> Vec<Step> {
    let when = route.when.as_ref();
    let when = when.map_or("", |when| when.source().trim());
    let why = match verdict {
        Verdict::Match => {
            let own = deliveries.iter().filter(|it| it.route == route.name);
            let mut steps: Vec<_> = own.map(|it| of_delivery(route, it)).collect();
            if route.stop {
                let text = "it says `stop`: later routes are not looked at";
                steps.push(aside(route, text));
            }
            return steps;
        }
        Verdict::WhenFalse => format!("`when` is false: {when}"),
        Verdict::WhenFailed(error) => {
            format!(
                "`when` cannot be evaluated, which is no match: {}: {when}",
                error.0
            )
        }
        Verdict::Forbidden => {
            let allow = route.allow.as_deref().unwrap_or_default();
            format!("it needs the role {}", allow.join(" or "))
        }
        Verdict::Stopped => "an earlier route says `stop`".to_owned(),
    };
    let text = format!("`{}`: {why}", route.name);
    vec![match verdict {
        Verdict::Stopped => Step::aside("route", text),
        _ => Step::failed("route", text),
    }]
}

fn of_delivery(route: &Route, delivery: &Delivery) -> Step {
    let name = &route.name;
    let error = delivery.last_error.as_deref().unwrap_or_default();
    match delivery.state {
        State::Dropped => Step::well("route", format!("`{name}`: dropped, as the rule says")),
        State::Parked => {
            let code = delivery.reason.map_or("", crate::event::Reason::code);
            Step::failed(
                "route",
                format!("`{name}`: parked at once, {code}: {error}"),
            )
        }
        State::Pending | State::Delivered => {
            let target = &delivery.target;
            let rules = &delivery.rules;
            let mut text = format!(
                "`{name}`: signal {} to workflow {} in namespace {}, arguments {}; missing: {}; closed: {}",
                target.signal,
                target.workflow,
                target.namespace,
                shortened(&delivery.args),
                missing_text(&rules.missing),
                closed_text(&rules.closed),
            );
            if rules.after_park == AfterPark::Hold {
                text.push_str("; after_park: hold");
            }
            Step::well("route", text)
        }
    }
}

fn shortened(args: &str) -> String {
    let mut chars = args.chars();
    let shown: String = chars.by_ref().take(MAX_ARGS).collect();
    match chars.count() {
        0 => shown,
        rest => format!("{shown}… and {rest} characters more"),
    }
}

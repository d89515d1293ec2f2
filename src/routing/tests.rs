//! Events against routes: which match, in which order, and what a match becomes.

use std::sync::Arc;

use serde_json::json;

use super::{
    ClosedRule, Effect, LaneRules, MissingRule, On, Refusal, Route, Routes, Signal, StartRule,
    Verdict,
};
use crate::clock::Timestamp;
use crate::event::{
    Closed, Content, Delivery, Event, EventId, IdReuse, Missing, Reason, Start, State, samples,
};
use crate::expr::template::{JsonTemplate, Template, Written};
use crate::expr::{Expr, Scope};

fn event(kind: &str, body: &str) -> Event {
    Event {
        id: "01890000-0000-7000-8000-000000000001".parse().unwrap(),
        source: "shop".into(),
        kind: kind.to_owned(),
        content: Content::Json(serde_json::from_str(body).unwrap()),
        body: body.to_owned().into(),
        ..samples::event(Timestamp::from_seconds(1_785_585_600))
    }
}

fn template(text: &str) -> Template {
    Template::compile(text, Scope::ROUTE).unwrap()
}

fn values(texts: &[&str]) -> JsonTemplate {
    let texts = texts.iter().map(|it| Written::Text((*it).to_owned(), 0..0));
    JsonTemplate::compile(&Written::List(texts.collect()), Scope::ROUTE).unwrap()
}

fn signal(workflow: &str) -> Signal {
    Signal {
        namespace: "default".into(),
        workflow: template(workflow),
        signal: template("paid"),
        args: None,
        missing: MissingRule::Fixed(Missing::default()),
        closed: ClosedRule::Fixed(Closed::Drop),
        lane: LaneRules::default(),
        contract: None,
    }
}

fn start(args: Option<JsonTemplate>) -> StartRule {
    StartRule {
        workflow_type: "OrderWorkflow".to_owned(),
        task_queue: "orders".to_owned(),
        id_reuse: IdReuse::AllowDuplicate,
        args,
    }
}

fn route(name: &str, on: &[&str], effect: Effect) -> Route {
    Route {
        name: name.into(),
        on: match on {
            [] => On::Every,
            on => On::Types(on.iter().map(|it| (*it).to_owned()).collect()),
        },
        when: None,
        allow: None,
        effect,
        stop: false,
    }
}

fn sends(signal: Signal) -> Effect {
    Effect::Signal(Box::new(signal))
}

fn when(text: &str) -> Expr {
    Expr::compile(text, Scope::ROUTE).unwrap()
}

fn routes(routes: Vec<Route>) -> Routes {
    let shop = || vec![Arc::from("shop"), Arc::from("till")];
    Routes::new(routes.into_iter().map(|route| (shop(), route)).collect())
}

fn names(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|it| &*it.route).collect()
}

/// The deliveries of one route that signals as said.
fn resolve(signal: Signal, body: &str) -> Vec<Delivery> {
    routes(vec![route("r", &[], sends(signal))])
        .resolve(&event("t", body), &[])
        .unwrap()
}

mod contracts;

#[test]
fn a_match_becomes_a_pending_delivery_of_the_body_as_sent() {
    let body = r#" {"id":7,"amount":0.10,"big":12345678901234567890} "#;
    let [delivery] = resolve(signal("order-${body.id}"), body)
        .try_into()
        .unwrap();
    assert_eq!(delivery.target.workflow, "order-7");
    assert_eq!(delivery.target.namespace, "default");
    assert_eq!(delivery.target.signal, "paid");
    assert_eq!(delivery.args, format!("[{}]", body.trim()));
    assert_eq!((delivery.state, delivery.reason), (State::Pending, None));
    assert_eq!(delivery.rules.closed, Closed::Drop);
    assert_eq!(delivery.accepted_at, Timestamp::from_seconds(1_785_585_600));
    assert_eq!(delivery.next_attempt_at, Some(delivery.accepted_at));
    assert_eq!(delivery.settled_at, None);
}

#[test]
fn every_match_counts_in_file_order_until_one_says_stop() {
    let mut stops = route("stops", &["a.b"], sends(signal("w")));
    stops.stop = true;
    let mut silent = route("silent", &[], Effect::Drop);
    silent.when = Some(when("body.nope == 1"));
    silent.stop = true;
    let routes = routes(vec![
        silent,
        route("prefix", &["a.*"], sends(signal("w"))),
        stops,
        route("after", &[], Effect::Drop),
    ]);
    assert_eq!(
        names(&routes.resolve(&event("a.b", "{}"), &[]).unwrap()),
        ["prefix", "stops"]
    );
    assert_eq!(
        names(&routes.resolve(&event("a.c", "{}"), &[]).unwrap()),
        ["prefix", "after"]
    );
    let elsewhere = Event {
        source: "other".into(),
        ..event("a.b", "{}")
    };
    assert!(routes.resolve(&elsewhere, &[]).unwrap().is_empty());
}

#[test]
fn every_route_says_why_it_is_no_match() {
    let mut parts: Vec<Route> = ["body.a == 2", "body.nope.x == 1", "body.a == 1", "true"]
        .iter()
        .map(|text| Route {
            when: Some(when(text)),
            ..route(text, &[], Effect::Drop)
        })
        .collect();
    parts[2].stop = true;
    let mut verdicts = Vec::new();
    routes(parts).consider(&event("t", r#"{"a":1}"#), &[], |_, verdict, _| {
        verdicts.push(verdict);
    });
    assert!(
        matches!(
            verdicts.as_slice(),
            [Verdict::WhenFalse, Verdict::WhenFailed(error), Verdict::Match, Verdict::Stopped]
                if error.0 == "`nope` is not there"
        ),
        "{verdicts:?}"
    );
}

#[test]
fn drop_is_one_dropped_delivery() {
    let [delivery] = routes(vec![route("noise", &[], Effect::Drop)])
        .resolve(&event("t", "{}"), &[])
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(
        (delivery.state, delivery.reason),
        (State::Dropped, Some(Reason::RouteDrops))
    );
    assert_eq!(delivery.settled_at, Some(delivery.accepted_at));
    assert_eq!(delivery.target.workflow, "");
}

#[test]
fn a_list_of_ids_is_one_delivery_each_and_equal_ones_once() {
    let deliveries = resolve(signal("${body.ids}"), r#"{"ids":["a","b","a",1.0]}"#);
    let ids: Vec<&str> = deliveries.iter().map(|it| &*it.target.workflow).collect();
    assert_eq!(ids, ["a", "b", "1.0"]);
    let mut request_ids: Vec<&str> = deliveries.iter().map(|it| &*it.request_id).collect();
    request_ids.dedup();
    assert_eq!(request_ids.len(), 3);
    let many = json!({"ids": vec!["same"; 150]}).to_string();
    assert_eq!(resolve(signal("${body.ids}"), &many).len(), 1);
}

#[test]
fn what_cannot_be_rendered_parks_once_with_its_reason() {
    let args = |text: &str| Signal {
        args: Some(values(&[text])),
        ..signal("order-${body.id}")
    };
    let named = |text: &str| Signal {
        signal: template(text),
        ..signal("order-${body.id}")
    };
    let starts = Signal {
        missing: MissingRule::Start(start(Some(values(&["${body.nope}"])))),
        ..signal("order-${body.id}")
    };
    let body = json!({"id": 1, "none": null, "empty": "", "list": [],
        "many": (0..101).collect::<Vec<_>>(), "long": "x".repeat(1001)});
    for (signal, workflow, reason) in [
        (signal("order-${body.none}"), "", Reason::TemplateFailed),
        (signal("order-${body.nope}"), "", Reason::TemplateFailed),
        (signal("${body.empty}"), "", Reason::BadWorkflowId),
        (signal("${body.long}"), "", Reason::BadWorkflowId),
        (signal("${body.list}"), "", Reason::NoWorkflowId),
        (signal("${body.many}"), "", Reason::TooManyWorkflows),
        (args("${body.nope}"), "order-1", Reason::TemplateFailed),
        (named("${body.empty}"), "order-1", Reason::BadArgument),
        (named("${body.long}"), "order-1", Reason::BadArgument),
        (starts, "order-1", Reason::TemplateFailed),
    ] {
        let name = format!("{signal:?}");
        let [delivery] = resolve(signal, &body.to_string()).try_into().expect(&name);
        assert_eq!(delivery.state, State::Parked, "{name}");
        assert_eq!(delivery.reason, Some(reason), "{name}");
        assert_eq!(delivery.target.workflow, workflow, "{name}");
        assert!(delivery.last_error.is_some(), "{name}");
        assert_eq!(delivery.settled_at, Some(delivery.accepted_at), "{name}");
        assert_eq!(delivery.next_attempt_at, None, "{name}");
    }
}

#[test]
fn a_bad_id_does_not_hold_up_its_neighbours() {
    let deliveries = resolve(signal("${body.ids}"), r#"{"ids":["a","","b"]}"#);
    let ends: Vec<_> = deliveries
        .iter()
        .map(|it| (&*it.target.workflow, it.state))
        .collect();
    assert_eq!(
        ends,
        [
            ("a", State::Pending),
            ("b", State::Pending),
            ("", State::Parked)
        ]
    );
}

#[test]
fn start_arguments_are_rendered_when_the_event_is_accepted() {
    let given = || start(Some(values(&["${body.n}"])));
    for (missing, closed, args) in [
        (given(), given(), "[1e2]"),
        (start(None), start(None), "[]"),
    ] {
        let signal = Signal {
            missing: MissingRule::Start(missing),
            closed: ClosedRule::Start(closed),
            ..signal("w")
        };
        let [delivery] = resolve(signal, r#"{"n":1e2}"#).try_into().unwrap();
        let expected = Start {
            workflow_type: "OrderWorkflow".to_owned(),
            task_queue: "orders".to_owned(),
            args: args.to_owned(),
            id_reuse: IdReuse::AllowDuplicate,
        };
        assert_eq!(delivery.rules.missing, Missing::Start(expected.clone()));
        assert_eq!(delivery.rules.closed, Closed::Start(expected));
    }
}

#[test]
fn the_body_is_the_argument_whatever_it_is() {
    let all = routes(vec![route("r", &[], sends(signal("w")))]);
    let of = |content, body: &'static [u8]| {
        let event = Event {
            content,
            body: body.into(),
            ..event("t", "{}")
        };
        let [delivery]: [Delivery; 1] = all.resolve(&event, &[]).unwrap().try_into().unwrap();
        delivery
    };
    assert_eq!(
        of(Content::Form(json!({"a": "1"})), b"a=1").args,
        r#"[{"a":"1"}]"#
    );
    assert_eq!(of(Content::Text, b"say \"hi\"").args, r#"["say \"hi\""]"#);
    let binary = of(Content::Binary, &[0xff]);
    assert_eq!(binary.reason, Some(Reason::TemplateFailed));
    assert_eq!(binary.last_error.as_deref(), Some("the body is not text"));
}

#[test]
fn the_request_id_is_the_same_for_ever() {
    let all = routes(vec![route("r", &[], sends(signal("w")))]);
    let id = |event: &Event| all.resolve(event, &[]).unwrap()[0].request_id.clone();
    let first = event("t", "{}");
    assert_eq!(id(&first), "f645df7680903837e46154ff06d08647");
    let again = Event {
        id: EventId::at(first.received_at),
        ..first.clone()
    };
    assert_eq!(id(&again), id(&first));
    // Equal bodies may be two events where the key is a digest of the body.
    let digest = |mut event: Event| {
        event.key.digest = true;
        event
    };
    assert_ne!(id(&digest(again)), id(&digest(first)));
}

#[test]
fn ten_thousand_routes_are_looked_up_not_scanned() {
    let parts = (0..10_000).map(|n| {
        let on = [format!("type.{n}"), format!("prefix.{n}.*")];
        route(&on[0], &[&on[0], &on[1]], Effect::Drop)
    });
    let routes = routes(parts.collect());
    assert_eq!(
        names(&routes.resolve(&event("type.9999", "{}"), &[]).unwrap()),
        ["type.9999"]
    );
    assert_eq!(
        names(&routes.resolve(&event("prefix.17.x", "{}"), &[]).unwrap()),
        ["type.17"]
    );
    assert!(
        routes
            .resolve(&event("type.10000", "{}"), &[])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_route_for_other_roles_is_as_if_it_were_not_there() {
    let for_roles = |name: &str, roles: &[&str]| Route {
        allow: Some(roles.iter().map(|it| (*it).to_owned()).collect()),
        stop: true,
        ..route(name, &[], sends(signal("w")))
    };
    let managers = || for_roles("managers", &["manager"]);
    let clerk = ["clerk".to_owned()];
    let manager = ["clerk".to_owned(), "manager".to_owned()];
    let event = event("t", "{}");

    let both = routes(vec![managers(), route("all", &[], sends(signal("w")))]);
    assert_eq!(
        names(&both.resolve(&event, &manager).unwrap()),
        ["managers"]
    );
    assert_eq!(names(&both.resolve(&event, &clerk).unwrap()), ["all"]);

    let alone = routes(vec![managers()]);
    assert_eq!(
        alone.resolve(&event, &clerk).err(),
        Some(Refusal::Forbidden)
    );
    assert_eq!(
        alone.resolve(&event, &["*".to_owned()]).err(),
        Some(Refusal::Forbidden)
    );
    let mut elsewhere = managers();
    elsewhere.when = Some(when("false"));
    let unrouted = routes(vec![elsewhere]).resolve(&event, &clerk);
    assert!(
        unrouted.is_ok_and(|it| it.is_empty()),
        "no match is no refusal"
    );
    let anyone = routes(vec![for_roles("anyone", &["*"])]);
    assert_eq!(names(&anyone.resolve(&event, &[]).unwrap()), ["anyone"]);
}

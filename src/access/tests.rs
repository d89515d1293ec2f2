//! The decision and the look-up, on rules as routes.toml writes them.
//!
//! Tokens are taken as checked: what makes one good is tested with `token`. Expressions are the real
//! ones.

mod paths;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::expr::Scope;
use crate::expr::template::Written;
use crate::token::{Algorithm, KeyRing, Location};

fn issuer() -> Arc<Issuer> {
    Arc::new(Issuer {
        name: "corp".into(),
        issuer: "https://idp.example.com/".to_owned(),
        audience: vec!["signalpost".to_owned()],
        parties: Vec::new(),
        algorithms: vec![Algorithm::RS256],
        keys: Some(Location::File(PathBuf::from("/keys.json"))),
        ring: KeyRing::default(),
        roles: Some(Expr::compile("claims.roles", Scope::CLAIMS).unwrap()),
    })
}

fn rule(path: &str) -> Rule {
    Rule {
        name: path.into(),
        path: PathPattern::parse(path).unwrap(),
        namespace: "default".into(),
        workflow: Template::compile("order-${path.id}", Scope::QUERY).unwrap(),
        kind: Kind::Query,
        query: Template::compile("get_status", Scope::QUERY).unwrap(),
        args: None,
        issuers: vec![issuer()],
        keys: false,
        allow: vec!["ops".to_owned(), "support".to_owned()],
        when: None,
        timeout: Duration::from_secs(10),
        cache: None,
        run: None,
        rate: None,
        expose_errors: false,
    }
}

fn caller(claims: serde_json::Value) -> Principal {
    Principal {
        issuer: "corp".into(),
        subject: "ada".to_owned(),
        roles: issuer().roles_in(&claims),
        claims,
    }
}

fn ask(path: &[(String, String)]) -> Asked<'_> {
    Asked {
        path,
        query: &[],
        body: None,
    }
}

fn id(value: &str) -> Vec<(String, String)> {
    vec![("id".to_owned(), value.to_owned())]
}

#[test]
fn one_allowed_role_is_enough_and_none_is_not() {
    let permitted = permit(
        &rule("/orders/{id}"),
        &caller(json!({"roles": ["x", "ops"]})),
        ask(&id("42")),
    )
    .unwrap();
    assert_eq!(permitted.workflow(), "order-42");
    assert_eq!(permitted.query(), "get_status");
    assert_eq!(permitted.args(), "[]");

    for claims in [json!({}), json!({"roles": ["x"]}), json!({"roles": 7})] {
        let refusal = permit(&rule("/orders/{id}"), &caller(claims), ask(&id("42"))).unwrap_err();
        assert_eq!(refusal, Refusal::Role);
    }
}

#[test]
fn a_star_allows_anyone_with_a_token_and_is_no_role() {
    let mut open = rule("/orders/{id}");
    open.allow = vec!["*".to_owned()];
    assert!(permit(&open, &caller(json!({})), ask(&id("42"))).is_ok());
    let star = caller(json!({"roles": ["*"]}));
    assert!(permit(&rule("/orders/{id}"), &star, ask(&id("42"))).is_err());
}

#[test]
fn a_token_of_another_issuer_is_refused() {
    let mut stranger = caller(json!({"roles": ["ops"]}));
    stranger.issuer = "elsewhere".into();
    let refusal = permit(&rule("/orders/{id}"), &stranger, ask(&id("42"))).unwrap_err();
    assert_eq!(refusal, Refusal::Issuer);
}

#[test]
fn a_rule_trusts_the_issuers_and_keys_that_it_names() {
    let mut asked = rule("/orders/{id}");
    let mut ci = caller(json!({"sub": "ci"}));
    ci.issuer = "keys".into();
    ci.roles = vec!["ops".to_owned()];
    assert_eq!(
        permit(&asked, &ci, ask(&id("42"))).unwrap_err(),
        Refusal::Issuer
    );
    asked.keys = true;
    assert!(permit(&asked, &ci, ask(&id("42"))).is_ok());
    let corp = caller(json!({"roles": ["ops"]}));
    assert!(permit(&asked, &corp, ask(&id("42"))).is_ok());
    asked.issuers.clear();
    assert!(permit(&asked, &corp, ask(&id("42"))).is_err());
}

#[test]
fn a_run_is_pinned_where_the_rule_names_a_parameter() {
    const RUN: &str = "0198C2F0-0000-7000-8000-00000000000a";
    let caller = caller(json!({"roles": ["ops"]}));
    let path = id("42");
    let run = |rule: &Rule, query: &[(&str, &str)]| {
        let query: Vec<(String, String)> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let asked = Asked {
            path: &path,
            query: &query,
            body: None,
        };
        permit(rule, &caller, asked).map(|permit| permit.run().map(str::to_owned))
    };
    let mut rule = rule("/orders/{id}");
    assert_eq!(run(&rule, &[("run", RUN)]), Ok(None), "not this rule's");
    rule.run = Some("run".to_owned());
    assert_eq!(run(&rule, &[("other", "x")]), Ok(None));
    let pinned = run(&rule, &[("run", RUN)]);
    assert_eq!(pinned, Ok(Some(RUN.to_ascii_lowercase())));
    for bad in [
        &[("run", "")][..],
        &[("run", "latest")],
        &[("run", "0198c2f00000700080000000000000aa")],
        &[("run", RUN), ("run", RUN)],
    ] {
        let refused = run(&rule, bad);
        assert!(matches!(refused, Err(Refusal::Unrenderable(_))), "{bad:?}");
    }
}

#[test]
fn a_view_is_the_rendered_question_and_nothing_of_the_caller() {
    let view = |rule: &Rule, claims: serde_json::Value, path: &str| {
        let permit = permit(rule, &caller(claims), ask(&id(path))).unwrap();
        permit.view().to_owned()
    };
    let ops = || json!({"roles": ["ops"], "tenant": "a"});
    let support = || json!({"roles": ["support"], "tenant": "b"});
    let plain = rule("/orders/{id}");
    let own = view(&plain, ops(), "42");
    assert_eq!(own, view(&plain, support(), "42"), "equally permitted");
    assert_ne!(own, view(&plain, ops(), "43"), "another workflow");

    let mut tenant = rule("/orders/{id}");
    let written = Written::List(vec![Written::Text("${claims.tenant}".to_owned(), 0..16)]);
    tenant.args = Some(JsonTemplate::compile(&written, Scope::QUERY).unwrap());
    assert_ne!(view(&tenant, ops(), "42"), view(&tenant, support(), "42"));

    let changes: [fn(&mut Rule); 3] = [
        |rule| rule.name = "other".into(),
        |rule| rule.namespace = "other".into(),
        |rule| rule.query = Template::compile("get_items", Scope::QUERY).unwrap(),
    ];
    for change in changes {
        let mut another = rule("/orders/{id}");
        change(&mut another);
        assert_ne!(own, view(&another, ops(), "42"));
    }
}

#[test]
fn a_built_in_query_is_asked_only_where_a_rule_names_it() {
    let mut named = rule("/orders/{id}");
    named.query = Template::compile("__stack_trace", Scope::QUERY).unwrap();
    let ops = caller(json!({"roles": ["ops"]}));
    let permit = permit(&named, &ops, ask(&id("42"))).unwrap();
    assert_eq!(
        (permit.query(), permit.kind()),
        ("__stack_trace", Kind::Query)
    );
}

#[test]
fn a_when_that_fails_refuses() {
    let mut guarded = rule("/orders/{id}");
    guarded.when =
        Some(Expr::compile("'ops' in roles || claims.region == 'eu'", Scope::ACCESS).unwrap());
    let eu = caller(json!({"roles": "support", "region": "eu"}));
    assert!(permit(&guarded, &eu, ask(&id("42"))).is_ok());
    for claims in [
        json!({"roles": "support", "region": "us"}),
        json!({"roles": "support"}),
    ] {
        let refusal = permit(&guarded, &caller(claims), ask(&id("42"))).unwrap_err();
        assert!(matches!(refusal, Refusal::When(_)), "{refusal}");
    }
}

#[test]
fn what_cannot_be_rendered_is_refused() {
    let ops = caller(json!({"roles": ["ops"]}));
    let long = "x".repeat(1001);
    let refused = |rule: &Rule, path: &[(String, String)]| {
        matches!(permit(rule, &ops, ask(path)), Err(Refusal::Unrenderable(_)))
    };
    assert!(refused(&rule("/orders/{id}"), &id(&long)));
    assert!(refused(&rule("/orders/{id}"), &[]));

    let mut dynamic = rule("/orders/{id}");
    dynamic.query = Template::compile("${path.id}", Scope::QUERY).unwrap();
    assert!(refused(&dynamic, &id("__stack_trace")));
    assert!(refused(&dynamic, &id("__temporal_workflow_metadata")));
    assert!(!refused(&dynamic, &id("get_items")));
}

#[test]
fn arguments_are_rendered_from_the_path() {
    let mut asked = rule("/orders/{id}");
    let written = Written::List(vec![Written::Text("${path.id}".to_owned(), 0..10)]);
    asked.args = Some(JsonTemplate::compile(&written, Scope::QUERY).unwrap());
    let permitted = permit(&asked, &caller(json!({"roles": ["ops"]})), ask(&id("4\"2"))).unwrap();
    assert_eq!(permitted.args(), r#"["4\"2"]"#);
}

#[test]
fn a_rule_is_found_by_its_path_alone() {
    let rules = Rules::new(vec![
        rule("/orders/{id}/status"),
        rule("/orders/{id}/items"),
        rule("/{kind}/list/all"),
    ]);
    let (found, parameters) = rules.find("/orders/a%2Fb/items").unwrap();
    assert_eq!(&*found.name, "/orders/{id}/items");
    assert_eq!(parameters, id("a/b"));
    // The literal branch holds no such path; the parameter beside it does.
    assert_eq!(
        &*rules.find("/orders/list/all").unwrap().0.name,
        "/{kind}/list/all"
    );
    for path in [
        "/orders/42",
        "/orders//status",
        "/orders/42/status/",
        "/orders/%ff/status",
        "orders/42/status",
    ] {
        assert!(rules.find(path).is_none(), "{path}");
    }
}

//! What is found out when an expression is compiled: faults and where they stand, paths, constants.

use serde_json::json;

use super::compile;
use crate::expr::names::FUNCTIONS;
use crate::expr::template::Template;
use crate::expr::{Expr, Fault, Scope, Variables};

fn fault(text: &str) -> Fault {
    Expr::compile(text, Scope::ROUTE).unwrap_err()
}

#[test]
fn unknown_names_are_found_at_load_with_their_place() {
    for (text, at, name, help) in [
        ("bdy.id == 'x'", 0, "bdy", Some("did you mean `body`?")),
        ("'é' == boddy.id", 8, "boddy", Some("did you mean `body`?")),
        (
            "body.id.startswith('x')",
            8,
            "startswith",
            Some("did you mean `startsWith`?"),
        ),
        ("body.x && frobnicate(1)", 10, "frobnicate", None),
        ("body.l.all(x, x > 0) && x", 24, "x", None),
        ("path.id", 0, "path", None),
        ("Thing{a: 1}", 0, "Thing", None),
    ] {
        let fault = fault(text);
        assert_eq!((fault.at, fault.len), (at, name.len()), "{text}: {fault:?}");
        assert!(fault.message.contains(name), "{text}: {fault:?}");
        if help.is_some() {
            assert_eq!(fault.help.as_deref(), help, "{text}");
        }
    }
}

#[test]
fn every_function_offered_is_one_that_cel_knows() {
    let macros = [
        "all",
        "exists",
        "existsOne",
        "exists_one",
        "filter",
        "has",
        "map",
    ];
    for name in FUNCTIONS {
        let calls = ["NAME(1)", "'x'.NAME()", "optional.NAME()"];
        let known = calls.iter().any(|call| {
            let answer = Expr::compile(&call.replace("NAME", name), Scope::ROUTE)
                .map(|expr| expr.value(&Variables::default()));
            answer.is_ok_and(|it| it.map_or_else(|e| !e.0.ends_with("is not known"), |_| true))
        });
        assert!(known || macros.contains(&name), "{name}");
    }
}

#[test]
fn syntax_errors_are_our_own_sentences_at_their_place() {
    for (text, at, len, message) in [
        ("", 0, 0, "the expression is empty"),
        ("body.a ==", 9, 0, "the expression ends too early"),
        ("body.a = 1", 7, 1, "`=` is not expected here"),
        ("'é' + body.a and true", 14, 3, "`and` is not expected here"),
        ("body.a == 'x", 10, 2, "this text has no closing quote"),
        ("body.a == 1)", 11, 1, "`)` is not expected here"),
        ("has(1)", 4, 1, "CEL does not allow this here"),
    ] {
        let fault = fault(text);
        assert_eq!(
            (fault.at, fault.len, fault.message.as_str()),
            (at, len, message),
            "{text}"
        );
    }
    let fault = Template::compile("order-${body.}", Scope::ROUTE).unwrap_err();
    assert_eq!(fault.at, 13);
    let empty = Template::compile("a-${}", Scope::ROUTE).unwrap_err();
    assert_eq!((empty.at, empty.len), (2, 3));
}

#[test]
fn deep_expressions_are_refused_not_run_into() {
    for text in [
        format!("{}1{}", "(".repeat(200), ")".repeat(200)),
        format!("{}1{}", "[1].map(x, ".repeat(30), ")".repeat(30)),
        vec!["1"; 500].join(" + "),
    ] {
        assert_eq!(fault(&text).message, "the expression is nested too deeply");
    }
    assert!(Expr::compile(&vec!["true"; 300].join(" && "), Scope::ROUTE).is_ok());
    assert!(Expr::compile(&" ".repeat(5000), Scope::ROUTE).is_err());
}

#[test]
fn what_a_compiled_expression_says_of_itself() {
    assert_eq!(
        compile("body.data.id").plain_path().unwrap(),
        ["body", "data", "id"]
    );
    assert_eq!(
        compile("headers['X-Id']").plain_path().unwrap(),
        ["headers", "x-id"]
    );
    assert_eq!(
        compile("body.l[0].x").plain_path().unwrap(),
        ["body", "l", "0", "x"]
    );
    for text in ["body.a + 1", "has(body.a)", "body[body.a]", "1", "string"] {
        assert_eq!(compile(text).plain_path(), None, "{text}");
    }
    let expr = compile("headers.a == 'x' || event.key == body.b");
    assert!(expr.reads("headers") && expr.reads("event") && expr.reads("body"));
    assert!(!expr.reads("claims"));
    assert_eq!(compile("1 == 2").constant(), Some(json!(false)));
    assert_eq!(compile("[1].all(x, x > 0)").constant(), Some(json!(true)));
    assert_eq!(compile("1 / 0 == 1").constant(), None);
    assert_eq!(compile("body.a").constant(), None);
    let template = |text| Template::compile(text, Scope::ROUTE).unwrap();
    assert_eq!(template("a$${").constant(), Some("a${"));
    assert_eq!(template("").constant(), Some(""));
    assert!(template("a${body}").has_constant_part() && !template("${body}").has_constant_part());
}

//! Expressions and templates against JSON bodies: what they give, and how they refuse.

mod exact;
mod load;

use serde_json::{Value, json};

use super::template::{JsonTemplate, Template, Written};
use super::{Body, Error, EventFields, Expr, Scope, Variables};
use crate::event::Content;

const BODY: &str = r#" {"id":"pi_1","amount":150,"price":0.10,"exp":1e2,"big":12345678901234567890,
 "huge":123456789012345678901234567890,"neg":-0,"none":null,"yes":true,"a-b":{"c":"d"},
 "items":[{"sku":"x","n":1},{"n":2.50,"sku":"y"}],"tags":["a","b"],"nums":[1.0,2,1e1],
 "o":{"z":1,"a":[ 1, 2 ]},"twice":1,"twice":{"v":2.0,"v":3.0}} "#;

struct Given {
    content: Content,
    raw: Vec<u8>,
    claims: Value,
    headers: Vec<(String, String)>,
}

impl Given {
    fn json(raw: &str) -> Self {
        Self::new(Content::Json(serde_json::from_str(raw).unwrap()), raw)
    }

    fn new(content: Content, raw: &str) -> Self {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            content,
            raw: raw.into(),
            claims: json!({"sub": "ann", "https://x.io/roles": ["ops"]}),
            headers: vec![
                header("x-id", "h1"),
                header("accept", "a"),
                header("accept", "b"),
            ],
        }
    }

    fn vars(&self) -> Variables<'_> {
        Variables {
            body: Some(Body {
                content: &self.content,
                raw: &self.raw,
            }),
            headers: &self.headers,
            query: &self.headers,
            claims: Some(&self.claims),
            event: Some(EventFields {
                id: "e1",
                source: "shop",
                key: "k1",
                kind: "paid",
                received_at: "2026-08-01T12:00:00.000Z",
            }),
            ..Variables::default()
        }
    }
}

fn compile(text: &str) -> Expr {
    Expr::compile(text, Scope::ROUTE).unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
}

fn test(text: &str) -> Result<bool, Error> {
    compile(text).test(&Given::json(BODY).vars())
}

fn text(template: &str) -> Result<String, String> {
    let template = Template::compile(template, Scope::ROUTE).unwrap();
    let text = template.text(&Given::json(BODY).vars());
    text.map_err(|error| error.0)
}

fn json(expr: &str) -> Result<String, String> {
    let json = compile(expr).json(&Given::json(BODY).vars());
    json.map_err(|error| error.0)
}

#[test]
fn filters_read_json_as_an_operator_expects() {
    for yes in [
        "body.amount > 100",
        "body.amount == 150.0 && body.price < 1",
        "body.big > 100 && body.exp == 100",
        "body.id.startsWith('pi_') && body.id.matches('^pi_[0-9]+$')",
        "body.yes",
        "body['a-b'].c == 'd'",
        "body.items[1].sku in ['x', 'y']",
        "'b' in body.tags && 'sku' in body.items[0]",
        "body.tags == ['a', 'b'] && ['a', 'b'] == body.tags && body.tags == body.tags",
        "body.o == {'a': [1, 2], 'z': 1} && {'a': [1, 2], 'z': 1} == body.o",
        "body.tags != ['a'] && body.o != {'a': 1, 'b': 2}",
        "size(body.items) == 2 && body.items.size() == 2 && size(body.o) == 2",
        "body.items.exists(i, i.sku == 'y') && !body.items.all(i, i.n == 1)",
        "body.items.map(i, i.n) == [1, 2.5]",
        "body.items.filter(i, i.n > 1)[0].sku == 'y'",
        "body.o.exists(key, key == 'z')",
        "(body.tags + ['c']).size() == 3 && (['c'] + body.tags).size() == 3",
        "has(body.id) && !has(body.nope) && !has(body.items[0].nope)",
        "body.?nope.orValue('x') == 'x' && body.?id.orValue('x') == 'pi_1'",
        "body.none == null && type(body.id) == string && type(body.tags) == list",
        "headers['X-ID'] == 'h1' && headers.accept == 'a, b' && query.accept == 'a'",
        "claims['https://x.io/roles'][0] == 'ops' && event.type == 'paid'",
        "timestamp(event.received_at) < timestamp('2027-01-01T00:00:00Z')",
        "duration('1h') > duration('59m') && optional.of(1).hasValue()",
        "body.twice.v == 3.0",
    ] {
        assert_eq!(test(yes), Ok(true), "{yes}");
    }
}

#[test]
fn a_filter_that_cannot_tell_is_an_error() {
    for (text, expected) in [
        ("body.nope == 'x'", "`nope` is not there"),
        ("body.nope.deeper", "`body.nope` is not there"),
        ("body.id.deeper", "`body.id.deeper` is not there"),
        ("body.items[7].sku", "`body.items[7]` is not there"),
        ("body.id", "`body.id` is not true or false"),
        ("body.amount + 1", "`body.amount + 1` is not true or false"),
        ("body.id > 1", "`>` does not take string and int"),
        ("body.amount / 0 == 1", "division by zero"),
        (
            "body.amount * 9223372036854775807 == 1",
            "a number is out of range",
        ),
        // The missing key is a value of the body, and stays out of the text.
        (
            "body.o[body.id] == 1",
            "a field that the expression reads is not there",
        ),
    ] {
        assert_eq!(test(text).unwrap_err().0, expected, "{text}");
    }
}

#[test]
fn a_plain_path_gives_the_text_as_sent() {
    for (path, expected) in [
        ("body.price", "0.10"),
        ("body.exp", "1e2"),
        ("body.big", "12345678901234567890"),
        ("body.huge", "123456789012345678901234567890"),
        ("body.neg", "-0"),
        ("body.none", "null"),
        ("body.id", r#""pi_1""#),
        ("body.items[1]", r#"{"n":2.50,"sku":"y"}"#),
        ("body['o']", r#"{"z":1,"a":[ 1, 2 ]}"#),
        ("body.twice", r#"{"v":2.0,"v":3.0}"#),
        ("body.twice.v", "3.0"),
        ("body", BODY.trim()),
        ("headers['X-Id']", r#""h1""#),
        ("claims.sub", r#""ann""#),
        ("event.key", r#""k1""#),
        ("body.amount * 2", "300"),
        (
            "{'a': body.tags, 'b': [body.big]}",
            r#"{"a":["a","b"],"b":[12345678901234567890]}"#,
        ),
        (
            "timestamp('2026-08-01T12:00:00Z')",
            r#""2026-08-01T12:00:00+00:00""#,
        ),
    ] {
        assert_eq!(json(path).as_deref(), Ok(expected), "{path}");
    }
    assert!(json("b'raw'").is_err());
    assert!(json("duration('1h')").is_err());
    assert!(json("{1: 2}").is_err());
}

#[test]
fn text_in_a_longer_string_is_as_sent_too() {
    assert_eq!(text("order-${body.id}").unwrap(), "order-pi_1");
    assert_eq!(text("${body.price}/${body.exp}").unwrap(), "0.10/1e2");
    assert_eq!(
        text("n${body.huge}").unwrap(),
        "n123456789012345678901234567890"
    );
    assert_eq!(
        text("${body.yes} $${x} é${body.amount + 1}").unwrap(),
        "true ${x} é151"
    );
    assert_eq!(text("${{'}': 'ok'}['}']}").unwrap(), "ok");
}

#[test]
fn what_has_no_text_is_an_error_and_never_null() {
    for template in [
        "order-${body.none}",
        "order-${body.nope}",
        "order-${body.tags}",
        "order-${body.o}",
        "order-${body.a.b}",
        "order-${[1]}",
        "order-${claims.nope}",
        "order-${body.?nope}",
        "${headers.nope}",
    ] {
        let error = text(template).unwrap_err();
        assert!(!error.contains("pi_1"), "{template}: {error}");
    }
    assert_eq!(
        text("order-${body.none}").unwrap_err(),
        "`body.none` is null, which has no text"
    );
    let long = Given::json(&format!(r#"{{"id":"{}"}}"#, "x".repeat(70_000)));
    let template = Template::compile("${body.id}", Scope::ROUTE).unwrap();
    assert!(template.text(&long.vars()).is_err());
}

#[test]
fn a_lone_expression_may_be_a_list_of_ids() {
    let given = Given::json(BODY);
    for (template, expected) in [
        ("${body.tags}", vec!["a", "b"]),
        ("${body.nums}", vec!["1.0", "2", "1e1"]),
        (
            "${body.items.map(i, 'order-' + i.sku)}",
            vec!["order-x", "order-y"],
        ),
        ("${body.id}", vec!["pi_1"]),
        ("x-${body.id}", vec!["x-pi_1"]),
    ] {
        let template = Template::compile(template, Scope::ROUTE).unwrap();
        assert_eq!(template.list(&given.vars()).unwrap(), expected);
    }
    let maps = Template::compile("${body.items}", Scope::ROUTE).unwrap();
    assert!(maps.list(&given.vars()).is_err());
}

#[test]
fn whole_values_keep_types_and_order() {
    let at = |text: &str| Written::Text(text.to_owned(), 0..text.len());
    let written = Written::List(vec![
        Written::Map(vec![
            ("z".to_owned(), at("${body.price}")),
            ("a\"".to_owned(), at("n\"${body.amount}")),
            ("null".to_owned(), at("${body.none}")),
        ]),
        Written::Literal("1.50".to_owned()),
        at("plain $${x}"),
    ]);
    let template = JsonTemplate::compile(&written, Scope::ROUTE).unwrap();
    assert_eq!(
        template.json(&Given::json(BODY).vars()).unwrap(),
        r#"[{"z":0.10,"a\"":"n\"150","null":null},1.50,"plain ${x}"]"#
    );
    let bad = Written::List(vec![at("${nope}"), at("${body.}"), at("ok")]);
    let faults = JsonTemplate::compile(&bad, Scope::ROUTE).unwrap_err();
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0].1.at, 2);
}

#[test]
fn bodies_that_are_not_json() {
    let form = Given::new(
        Content::Form(json!({"a": "1", "b": ["x", "y"]})),
        "a=1&b=x&b=y",
    );
    assert_eq!(compile("body.a").json(&form.vars()).unwrap(), r#""1""#);
    assert_eq!(
        compile("body").json(&form.vars()).unwrap(),
        r#"{"a":"1","b":["x","y"]}"#
    );
    let plain = Given::new(Content::Text, "hello \"you\"");
    assert_eq!(
        compile("body.contains('you')").test(&plain.vars()),
        Ok(true)
    );
    assert_eq!(
        compile("body").json(&plain.vars()).unwrap(),
        r#""hello \"you\"""#
    );
    let binary = Given::new(Content::Binary, "");
    assert_eq!(
        compile("body.a").value(&binary.vars()).unwrap_err().0,
        "the body is not text"
    );
    assert_eq!(
        compile("headers.accept == 'a, b'").test(&binary.vars()),
        Ok(true)
    );
}

#[test]
fn loops_end_whatever_they_return() {
    let list: Vec<u32> = (0..300).collect();
    let given = Given::json(&json!({"l": list, "t": "x".repeat(400_000)}).to_string());
    for text in [
        "body.l.all(a, body.l.all(b, body.l.all(c, a + b + c >= 0)))",
        "body.l.exists(a, body.l.exists(b, body.l.exists(c, false))) || true",
        "[body.l.map(a, a)].all(l, l.all(a, l.all(b, true)))",
        "body.l.all(a, body.t.contains('y') || true)",
        "body.l.map(a, body.t + body.t).size() > 0",
        "body.l.all(a, body.l == body.l)",
    ] {
        let error = compile(text).test(&given.vars()).unwrap_err();
        assert!(error.0.ends_with("takes too many steps"), "{text}: {error}");
    }
    assert_eq!(
        compile("body.l.all(a, a < 300)").test(&given.vars()),
        Ok(true)
    );
}

//! Arguments against their schema: what fits, and what becomes of what does not.

use super::super::schema::{Contract, OnInvalid, Schema};
use super::*;

const SCHEMA: &str = r#"{"type":"object","required":["id","amount"],
    "properties":{"id":{"type":"string","pattern":"^pi_[a-z]+$"},"amount":{"type":"number","maximum":100}},
    "additionalProperties":false}"#;

fn schema(text: &str) -> Result<Schema, String> {
    Schema::compile("order.schema.json", &serde_json::from_str(text).unwrap())
}

fn contract(text: &str, invalid: OnInvalid) -> Contract {
    Contract {
        schema: schema(text).unwrap().into(),
        invalid,
        lone: true,
    }
}

fn checked(invalid: OnInvalid) -> Signal {
    Signal {
        contract: Some(contract(SCHEMA, invalid)),
        ..signal("order-1")
    }
}

fn faults(text: &str, body: &str) -> Vec<String> {
    let judged = contract(text, OnInvalid::Park).judge(&format!("[{body}]"));
    let faults = judged.err().into_iter().flatten();
    faults.map(|fault| fault.to_string()).collect()
}

#[test]
fn what_fits_is_sent_as_it_came() {
    let body = r#"{"id":"pi_a","amount":1e1}"#;
    let [delivery] = resolve(checked(OnInvalid::Refuse), body)
        .try_into()
        .unwrap();
    assert_eq!(delivery.state, State::Pending);
    assert_eq!(delivery.args, format!("[{body}]"));
}

#[test]
fn what_does_not_fit_is_parked_for_each_workflow() {
    let signal = Signal {
        workflow: template("${body.ids}"),
        ..checked(OnInvalid::Park)
    };
    let deliveries = resolve(signal, r#"{"ids":["a","b"]}"#);
    let ends: Vec<_> = deliveries
        .iter()
        .map(|it| (&*it.target.workflow, it.state, it.reason))
        .collect();
    let parked = (State::Parked, Some(Reason::SchemaMismatch));
    assert_eq!(ends, [("a", parked.0, parked.1), ("b", parked.0, parked.1)]);
    assert!(!deliveries[0].is_sendable());
}

#[test]
fn one_that_refuses_refuses_the_whole() {
    let routes = routes(vec![
        route("plain", &[], sends(signal("w"))),
        route("strict", &[], sends(checked(OnInvalid::Refuse))),
    ]);
    let event = event("t", r#"{"id":"hush"}"#);
    let Err(Refusal::Invalid(invalid)) = routes.resolve(&event, &[]) else {
        panic!("it is refused");
    };
    assert_eq!(&*invalid.route, "strict");
    assert_eq!(
        invalid.to_string(),
        "the arguments do not fit order.schema.json: \"amount\" is a required property; \
         /id: it does not match \"^pi_[a-z]+$\""
    );
    let kept = routes.resolve_kept(&event, &[]);
    let states: Vec<_> = kept.iter().map(|it| it.state).collect();
    assert_eq!(states, [State::Pending, State::Parked]);
}

#[test]
fn a_compensating_signal_says_what_is_wrong_and_has_the_body_as_sent() {
    let rejected = OnInvalid::Signal("payment_rejected".to_owned());
    let body = r#"{"id":"pi_a","amount":1e3}"#;
    let [delivery] = resolve(checked(rejected), body).try_into().unwrap();
    assert_eq!(delivery.state, State::Pending);
    assert_eq!(delivery.target.signal, "payment_rejected");
    assert_eq!(delivery.target.workflow, "order-1");
    assert_eq!(
        delivery.args,
        format!(
            r#"[{{"reason":"the arguments do not fit the schema","route":"r","schema":"order.schema.json","errors":[{{"path":"/amount","error":"it is greater than the maximum of 100"}}]}},{body}]"#
        )
    );
    assert_eq!(
        delivery.rules.closed,
        Closed::Drop,
        "the same lane and rules"
    );
}

#[test]
fn several_arguments_are_described_as_their_list() {
    let list = r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}]}"#;
    let several = |texts: &[&str]| Signal {
        args: Some(values(texts)),
        contract: Some(Contract {
            lone: false,
            ..contract(list, OnInvalid::Park)
        }),
        ..signal("w")
    };
    let body = r#"{"a":"x","n":7}"#;
    let fits = resolve(several(&["${body.a}", "${body.n}"]), body);
    assert_eq!(fits[0].state, State::Pending);
    let turned = resolve(several(&["${body.n}", "${body.a}"]), body);
    let error = turned[0].last_error.as_deref().unwrap();
    assert!(
        error.contains("/0: it is not of type \"string\""),
        "{error}"
    );
}

#[test]
fn no_fault_shows_what_the_sender_wrote() {
    let strange = r#"{"id":"hush","amount":"hush","hush-name":"hush"}"#;
    let nested = r#"{"properties":{"id":{"oneOf":[{"const":1},{"enum":[2]}]}},
        "propertyNames":{"maxLength":8},"unevaluatedProperties":false,"not":{"required":["amount"]}}"#;
    for text in [SCHEMA, nested, "false"] {
        let faults = faults(text, strange);
        assert!(!faults.is_empty());
        assert!(!faults.concat().contains("hush"), "{faults:?}");
    }
}

#[test]
fn faults_are_few_and_large_arguments_are_only_judged() {
    let strings = r#"{"items":{"type":"string"}}"#;
    let numbers = |count: usize| serde_json::to_string(&vec![1; count]).unwrap();
    assert_eq!(faults(strings, &numbers(1_000)).len(), 10);
    let large = faults(strings, &numbers(100_000));
    assert_eq!(large, ["does not fit, and is too large to say where"]);
}

/// The faults of each branch were looked for at each level: this test would not have come to its end.
#[test]
fn a_schema_that_leads_back_to_itself_is_judged_and_not_searched() {
    let branch = r##"{"type":"object","properties":{"n":{"$ref":"#"},"l":{"items":{"$ref":"#"}}},"required":["n"]}"##;
    let chain = format!("{}1{}", r#"{"n":"#.repeat(100), "}".repeat(100));
    let list = vec![chain.as_str(); (1 << 20) / chain.len()].join(",");
    let wide = format!(r#"{{"n":1,"l":[{list}]}}"#);
    let flat = format!(r#"{{"n":1,"l":[{}1]}}"#, "{},".repeat(300_000));
    for combined in ["anyOf", "oneOf", "allOf"] {
        let text = format!(r#"{{"{combined}":[{branch},{branch}]}}"#);
        for value in [&chain, &wide, &flat] {
            let found = faults(&text, value);
            assert_eq!(found, ["does not fit, and is too large to say where"]);
        }
        let shallow = faults(&text, r#"{"n":{"n":1}}"#);
        assert!(!shallow[0].contains("too large"), "{shallow:?}");
    }
}

#[test]
fn a_schema_is_one_file_and_its_patterns_are_linear() {
    for (text, part) in [
        (
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##,
            "",
        ),
        (r##"{"properties":{"next":{"$ref":"#"}}}"##, ""),
        (r#"{"$ref":"other.json"}"#, "other.json"),
        (r#"{"$ref":"https://example.com/s.json"}"#, "example.com"),
        (r#"{"$ref":"file:///etc/hostname"}"#, "hostname"),
        (r#"{"$schema":"https://example.com/draft"}"#, "example.com"),
        (r#"{"pattern":"^(?=a)b"}"#, "regex"),
        (r#"{"pattern":"(a)\\1"}"#, "regex"),
        (r#"{"type":"strin"}"#, "/type"),
        (
            r#"{"properties":{"a":{"maximum":"1"}}}"#,
            "/properties/a/maximum",
        ),
        ("[]", ""),
    ] {
        let compiled = schema(text).map(drop);
        match (compiled, part) {
            (Ok(()), "") => {}
            (Err(error), part) => assert!(error.contains(part), "{text}: {error}"),
            (Ok(()), _) => panic!("{text} is taken"),
        }
    }
    // Quadratic or worse on an engine that goes back.
    let evil = r#"{"pattern":"^(a+)+$"}"#;
    let text = format!("\"{}b\"", "a".repeat(50_000));
    assert_eq!(faults(evil, &text), ["it does not match \"^(a+)+$\""]);
}

#[test]
fn the_draft_is_the_one_that_is_named() {
    let old =
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}]}"#;
    assert_eq!(faults(old, "[1]"), ["/0: it is not of type \"string\""]);
    let new = r#"{"prefixItems":[{"type":"string"}]}"#;
    assert_eq!(faults(new, "[1]"), ["/0: it is not of type \"string\""]);
}

mod strangers {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "SECRET[ -~]{0,9}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map("id|amount|SECRET[a-z]{0,3}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever strangers send, it fits or there is a bounded list of faults, which shows nothing of it.
        #[test]
        fn a_misfit_has_faults_without_values(body in json()) {
            let contract = contract(SCHEMA, OnInvalid::Park);
            let judged = contract.judge(&format!("[{body}]"));
            if let Err(faults) = judged {
                prop_assert!((1..=10).contains(&faults.len()));
                for fault in faults {
                    prop_assert!(!fault.to_string().contains("SECRET"), "{}", fault);
                }
            }
        }
    }
}

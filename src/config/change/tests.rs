//! Two files side by side: what counts as a change, what does not, and how it reads.

use proptest::prelude::*;

use super::*;

const OLD: &str = r#"
[sources.stripe]
provider = "stripe"
secrets = ["env:STRIPE"]

[[routes]]
name = "paid"
source = "stripe"
workflow = "order-${body.id}"
signal = "paid"
missing = { wait = "1h", then = "park" }
args = [{ b = 1, a = "${body.id}" }]

[[routes]]
name = "refunded"
source = "stripe"
drop = true
"#;

fn lines(old: &str, new: &str) -> Vec<String> {
    let change = Change::between(old, new);
    let lines = change.rules.iter().flat_map(|rule| {
        let keys = rule.keys.iter().map(|key| {
            let or_none = |value: &Option<String>| value.clone().unwrap_or("none".to_owned());
            format!("{}: {} → {}", key.key, or_none(&key.old), or_none(&key.new))
        });
        let head = format!("{}{} {}", rule.change.sign(), rule.kind.as_str(), rule.name);
        std::iter::once(head).chain(keys)
    });
    lines.collect()
}

#[test]
fn layout_comments_and_the_order_of_tables_and_keys_change_nothing() {
    let new = r#"
# Paid by card.
[[routes]]
args     = [
  { b = 0x1, a = '${body.id}' },
]
signal   = "paid"
name     = "paid"
missing.then = "park"
missing.wait = "1h"
source   = "stripe"
workflow = "order-${body.id}"

[[routes]]
name = "refunded"
drop = true
source = "stripe"

[sources]
stripe = { secrets = ["env:STRIPE"], provider = "stripe" }
"#;
    assert_eq!(lines(OLD, new), Vec::<String>::new());
}

#[test]
fn a_change_is_said_key_by_key_and_a_secret_is_its_reference() {
    let new = OLD
        .replace("env:STRIPE", "file:/run/secrets/stripe")
        .replace("wait = \"1h\"", "wait = \"2h\"")
        .replace("drop = true", "workflow = \"w\"\nsignal = \"s\"");
    assert_eq!(
        lines(OLD, &new),
        [
            "~source stripe",
            r#"secrets: ["env:STRIPE"] → ["file:/run/secrets/stripe"]"#,
            "~route paid",
            r#"missing: { then = "park", wait = "1h" } → { then = "park", wait = "2h" }"#,
            "~route refunded",
            r#"workflow: none → "w""#,
            r#"signal: none → "s""#,
            "drop: true → none",
        ]
    );
}

#[test]
fn the_order_of_members_counts_in_arguments_alone() {
    let new = OLD.replace(
        r#"{ b = 1, a = "${body.id}" }"#,
        r#"{ a = "${body.id}", b = 1 }"#,
    );
    assert_eq!(
        lines(OLD, &new),
        [
            "~route paid",
            r#"args: [{ b = 1, a = "${body.id}" }] → [{ a = "${body.id}", b = 1 }]"#
        ]
    );
}

#[test]
fn a_renamed_rule_is_one_that_goes_and_one_that_comes() {
    let change = Change::between(OLD, &OLD.replace("\"refunded\"", "\"returned\""));
    assert_eq!(change.to_string(), "routes +1 -1 ~0: +returned -refunded");
}

#[test]
fn what_is_no_reference_is_masked_on_both_sides() {
    let with =
        |secret: &str| format!("[sources.a]\nprovider = \"hmac\"\nsigning_key = \"{secret}\"\n");
    let found = lines(&with("hush"), &with("hush-hush"));
    assert_eq!(found, ["~source a", r#"signing_key: "***" → "***""#]);
}

#[test]
fn names_in_one_line_are_bounded() {
    let routes = |count: usize| in_order(&(0..count).collect::<Vec<_>>());
    let line = Change::between("", &routes(10_000)).to_string();
    assert!(line.starts_with("routes +10000 -0 ~0: +r0 +r1 "), "{line}");
    assert!(line.ends_with("+r19 and 9980 more"), "{line}");
}

fn in_order(names: &[usize]) -> String {
    let route = |n: &usize| format!("[[routes]]\nname = \"r{n}\"\n");
    names.iter().map(route).collect::<Vec<_>>().concat()
}

#[test]
fn a_route_that_moved_says_where_from_and_where_to() {
    let found = lines(&in_order(&[0, 1, 2, 3]), &in_order(&[3, 0, 1, 9, 2]));
    assert_eq!(found, ["~route r3", "order: after r2 → first", "+route r9"]);
}

proptest! {
    #[test]
    fn a_file_compared_with_itself_is_no_change(
        text in "\\PC*",
        rules in prop::collection::btree_map("[a-z]", ("[0-9]{0,3}", any::<bool>()), 0..6),
    ) {
        prop_assert_eq!(Change::between(&text, &text), Change::default());
        let written = |gap: &str| -> String {
            let rule = |(name, (on, stop)): (&String, &(String, bool))| {
                format!("[[routes]]{gap}name = \"{name}\"{gap}on = [\"{on}\"]{gap}stop = {stop}{gap}")
            };
            rules.iter().map(rule).collect::<Vec<_>>().concat()
        };
        prop_assert_eq!(Change::between(&written("\n"), &written("  # so\n\n")), Change::default());
    }

    /// Names are moved where the order of what both have is another, and only there.
    #[test]
    fn another_order_is_always_named(
        (old, new) in Just((0..12).collect::<Vec<usize>>()).prop_flat_map(|all| {
            let sub = proptest::sample::subsequence(all, 0..=12).prop_shuffle();
            (sub.clone(), sub)
        })
    ) {
        let change = Change::between(&in_order(&old), &in_order(&new));
        let both = |list: &[usize], other: &[usize]| -> Vec<usize> {
            list.iter().copied().filter(|n| other.contains(n)).collect()
        };
        let same = both(&old, &new) == both(&new, &old);
        prop_assert_eq!(change.rules.iter().all(|rule| rule.change != How::Changed), same);
    }
}

//! How a schema leads back to itself: what bounds the search for all the places where a value does not fit.
//!
//! Whether a value fits is found in a time that grows with the value, for the library remembers what it has seen. Where it
//! does not fit is not: each branch of an `anyOf` that refers back is gone through again at each level, so that a hundred
//! bytes could take minutes.

use serde_json::Value;

/// Ways through a value that are gone for its faults; some ten microseconds each.
const MAX_WAYS: u64 = 4096;
/// More references than these are all taken to lead back.
const MAX_REFERENCES: usize = 200;

/// Of one schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recursion {
    /// References that lead back to themselves.
    loops: u64,
}

struct Reference {
    /// The place of the table that it stands in, as a JSON pointer.
    from: String,
    /// None: it may lead anywhere.
    to: Option<String>,
}

impl Recursion {
    pub(super) fn of(schema: &Value) -> Self {
        let mut references = Vec::new();
        collect(schema, "", &mut references);
        let loops = if references.len() > MAX_REFERENCES {
            references.len()
        } else {
            let all = 0..references.len();
            all.filter(|&at| leads_back(&references, at)).count()
        };
        Self {
            loops: loops.try_into().unwrap_or(u64::MAX),
        }
    }

    /// Whether all faults of a value can be looked for: each level multiplies the ways by the references that lead back.
    pub(super) fn is_cheap(self, value: &Value) -> bool {
        self.loops < 2 || self.spend(value, 1, MAX_WAYS).is_some()
    }

    /// What is left of `budget` after a value that is come to in so many ways. Goes no deeper than that lasts.
    fn spend(self, value: &Value, ways: u64, budget: u64) -> Option<u64> {
        let budget = budget.checked_sub(ways)?;
        let below = ways.saturating_mul(self.loops);
        match value {
            Value::Array(list) => list
                .iter()
                .try_fold(budget, |left, inner| self.spend(inner, below, left)),
            Value::Object(table) => table
                .values()
                .try_fold(budget, |left, inner| self.spend(inner, below, left)),
            _ => Some(budget),
        }
    }
}

fn collect(schema: &Value, place: &str, references: &mut Vec<Reference>) {
    let list: Vec<(String, &Value)> = match schema {
        Value::Object(table) => {
            for name in ["$ref", "$dynamicRef", "$recursiveRef"] {
                if let Some(Value::String(text)) = table.get(name) {
                    references.push(Reference {
                        from: place.to_owned(),
                        to: (name == "$ref").then(|| pointer(text)).flatten(),
                    });
                }
            }
            let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
            table.iter().map(|(name, it)| (escaped(name), it)).collect()
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(at, it)| (at.to_string(), it))
            .collect(),
        _ => return,
    };
    for (name, inner) in list {
        collect(inner, &format!("{place}/{name}"), references);
    }
}

/// The pointer of `#/…`; one that is written otherwise may be anything.
fn pointer(text: &str) -> Option<String> {
    let pointer = text.strip_prefix('#')?;
    let plain = pointer.is_empty() || pointer.starts_with('/');
    (plain && !pointer.contains('%')).then(|| pointer.to_owned())
}

fn leads_back(references: &[Reference], start: usize) -> bool {
    let mut seen = vec![false; references.len()];
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        let Some(to) = references.get(at).map(|it| it.to.as_deref()) else {
            continue;
        };
        for (next, (reference, seen)) in references.iter().zip(&mut seen).enumerate() {
            if *seen || !to.is_none_or(|to| is_within(&reference.from, to)) {
                continue;
            }
            if next == start {
                return true;
            }
            *seen = true;
            open.push(next);
        }
    }
    false
}

fn is_within(place: &str, whole: &str) -> bool {
    let rest = place.strip_prefix(whole);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loops(text: &str) -> u64 {
        Recursion::of(&serde_json::from_str(text).unwrap()).loops
    }

    #[test]
    fn only_what_leads_back_is_counted() {
        for (text, count) in [
            ("true", 0),
            (
                r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}}"##,
                0,
            ),
            (r##"{"properties":{"n":{"$ref":"#"}}}"##, 1),
            (
                r##"{"anyOf":[{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}]}"##,
                2,
            ),
            (
                r##"{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/b"}},"b":{"items":{"$ref":"#/$defs/a"}}}}"##,
                2,
            ),
            (
                r##"{"$defs":{"a/b":{"items":{"$ref":"#/$defs/a~1b"}},"a":{}}}"##,
                1,
            ),
            (
                r##"{"$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}"##,
                1,
            ),
            (r##"{"$anchor":"n","items":{"$ref":"#n"}}"##, 1),
        ] {
            assert_eq!(loops(text), count, "{text}");
        }
    }

    #[test]
    fn the_more_lead_back_the_less_is_looked_at() {
        let value = |depth: usize| -> Value {
            serde_json::from_str(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).unwrap()
        };
        assert!(Recursion { loops: 1 }.is_cheap(&value(100)));
        let two = Recursion { loops: 2 };
        assert!(two.is_cheap(&value(12)) && !two.is_cheap(&value(13)));
        let wide = |count: usize| Value::Array(vec![value(10); count]);
        assert!(two.is_cheap(&wide(1)) && !two.is_cheap(&wide(3)));
        let many = Recursion { loops: 10_000 };
        assert!(many.is_cheap(&value(1)) && !many.is_cheap(&value(2)));
    }
}

//! For any JSON text and any path into it: what is cut out is the text that stands there.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::exact::{Segment, cut};

/// JSON as somebody wrote it: each scalar is the text of its own.
#[derive(Clone, Debug)]
enum Written {
    Scalar(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Written {
    /// `gap` stands wherever JSON allows space.
    fn text(&self, gap: &str) -> String {
        let join = |items: Vec<String>| items.join(&format!("{gap},{gap}"));
        match self {
            Self::Scalar(text) => text.clone(),
            Self::List(items) => {
                let items = items.iter().map(|item| item.text(gap)).collect();
                format!("[{gap}{}{gap}]", join(items))
            }
            Self::Map(fields) => {
                let field = |(name, value): &(String, Self)| {
                    format!("{}{gap}:{gap}{}", quoted(name), value.text(gap))
                };
                format!("{{{gap}{}{gap}}}", join(fields.iter().map(field).collect()))
            }
        }
    }

    /// Follows the choices as far as they go; of a name that stands twice the last one counts.
    fn walk(&self, choices: &[Index], path: &mut Vec<Segment>) -> &Self {
        let Some((choice, rest)) = choices.split_first() else {
            return self;
        };
        match self {
            Self::List(items) if !items.is_empty() => {
                let at = choice.index(items.len());
                path.push(Segment::Index(at));
                items[at].walk(rest, path)
            }
            Self::Map(fields) if !fields.is_empty() => {
                let (name, _) = &fields[choice.index(fields.len())];
                path.push(Segment::Key(name.clone()));
                let last = fields.iter().rfind(|(other, _)| other == name);
                last.map_or(self, |(_, value)| value.walk(rest, path))
            }
            Self::Scalar(_) | Self::List(_) | Self::Map(_) => self,
        }
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

fn written() -> impl Strategy<Value = Written> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| quoted(&text)),
    ];
    scalar
        .prop_map(Written::Scalar)
        .prop_recursive(5, 40, 6, |inner| {
            let name = prop_oneof!["[a-c]", any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Written::List),
                prop::collection::vec((name, inner), 0..6).prop_map(Written::Map),
            ]
        })
}

proptest! {
    #[test]
    fn what_is_cut_out_is_what_was_sent(
        root in written(),
        choices in prop::collection::vec(any::<Index>(), 0..6),
        gap in "[ \t\r\n]{0,3}",
    ) {
        let mut path = Vec::new();
        let there = root.walk(&choices, &mut path);
        let raw = format!("{gap}{}{gap}", root.text(&gap));
        let expected = there.text(&gap);
        prop_assert_eq!(cut(&raw, &path), Some(expected.as_str()));
    }

    #[test]
    fn what_is_no_json_gives_nothing_and_ends(raw in any::<String>(), name in any::<String>()) {
        if serde_json::from_str::<serde_json::Value>(&raw).is_err() {
            prop_assert_eq!(cut(&raw, &[Segment::Key(name)]), None);
        }
    }
}

//! A routing file as named tables with their keys, each value as text that is the same for the same meaning.
//!
//! Keys of tables are sorted, but in `args`, where their order reaches the workflow. What must never be shown is
//! masked as it is in problems.

use std::collections::HashSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::masks;
use super::Kind;

const MASK: &str = "\"***\"";
const ARGS: &str = "args";

pub(super) struct Outline([Vec<Rule>; Kind::ALL.len()]);

/// One table with its keys in the order of the file.
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) keys: Vec<(String, Value)>,
}

pub(super) struct Value {
    /// What is compared.
    pub(super) exact: String,
    /// Where something in it is masked.
    masked: Option<String>,
}

impl Value {
    pub(super) fn shown(&self) -> &str {
        self.masked.as_deref().unwrap_or(&self.exact)
    }
}

impl Rule {
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let found = self.keys.iter().find(|(own, _)| own == key);
        found.map(|(_, value)| value)
    }
}

impl Outline {
    pub(super) fn read(text: &str) -> Self {
        let (document, _) = DeTable::parse_recoverable(text);
        let document = document.get_ref();
        let masks = masks::of_document(document).into_iter();
        let masks: HashSet<usize> = masks.map(|mask| mask.start).collect();
        Self(Kind::ALL.map(|kind| rules(document, kind, &masks)))
    }

    pub(super) fn of(&self, kind: Kind) -> &[Rule] {
        self.0.get(kind as usize).map_or(&[], Vec::as_slice)
    }
}

fn rules(document: &DeTable<'_>, kind: Kind, masks: &HashSet<usize>) -> Vec<Rule> {
    match document.get(kind.table()).map(Spanned::get_ref) {
        Some(DeValue::Table(tables)) => by_place(tables)
            .into_iter()
            .filter_map(|(name, value)| {
                let table = value.get_ref().as_table()?;
                Some(rule(name.to_owned(), table, masks))
            })
            .collect(),
        Some(DeValue::Array(items)) => items
            .iter()
            .filter_map(|item| {
                let table = item.get_ref().as_table()?;
                let name = table.get("name")?.get_ref().as_str()?;
                Some(rule(name.to_owned(), table, masks))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn rule(name: String, table: &DeTable<'_>, masks: &HashSet<usize>) -> Rule {
    // The name of a listed table is its identity.
    let keys = by_place(table)
        .into_iter()
        .filter(|(key, value)| *key != "name" || value.get_ref().as_str() != Some(&name))
        .map(|(key, value)| (key.to_owned(), written(key, value, masks)));
    let keys = keys.collect();
    Rule { name, keys }
}

fn by_place<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t str, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter();
    entries
        .map(|(key, value)| (&**key.get_ref(), value))
        .collect()
}

fn written(key: &str, value: &Spanned<DeValue<'_>>, masks: &HashSet<usize>) -> Value {
    let none = HashSet::new();
    let exact = as_toml(value, key == ARGS, &none);
    let masked = (!masks.is_empty()).then(|| as_toml(value, key == ARGS, masks));
    Value { exact, masked }
}

fn as_toml(value: &Spanned<DeValue<'_>>, in_args: bool, masks: &HashSet<usize>) -> String {
    if masks.contains(&value.span().start) {
        return MASK.to_owned();
    }
    match value.get_ref() {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| as_toml(item, in_args, masks));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let mut entries = by_place(table);
            if !in_args {
                entries.sort_by_key(|(key, _)| *key);
            }
            let entries = entries.into_iter().map(|(key, value)| {
                let value = as_toml(value, in_args || key == ARGS, masks);
                format!("{} = {value}", bare_or_quoted(key))
            });
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// JSON's escapes are TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn bare_or_quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

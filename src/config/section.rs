//! Reads one table of the file key by key, and then refuses what nobody asked for.
//!
//! Knows TOML and nothing of sources or routes: the keys of each table are `file`'s. A value of the
//! wrong type is a finding and reads as absent. Imports nothing of this crate but its neighbours.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::codes;
use super::hints;
use super::problem::{Finding, Findings};
use super::suggest;

/// A string of the file and where it stands, quotes included.
pub(super) type Text = Spanned<String>;

/// The keys that a table has, readable or not: what is there in a wrong form is no missing key.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<(String, Range<usize>)>);

impl Keys {
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(present, _)| present == key)
    }

    /// Each key and where its value stands.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.0
            .iter()
            .map(|(key, span)| (key.as_str(), span.clone()))
    }

    /// Where the value of a key stands.
    pub(super) fn span(&self, key: &str) -> Option<Range<usize>> {
        self.iter()
            .find(|(present, _)| *present == key)
            .map(|(_, span)| span)
    }
}

/// A table of the file while it is read.
pub(super) struct Section<'r, 'i> {
    /// As in "source `stripe`".
    pub(super) what: String,
    /// Where the section begins: what a missing key points at.
    pub(super) span: Range<usize>,
    table: &'r DeTable<'i>,
    asked: Vec<&'static str>,
    absent: Vec<&'static str>,
}

impl<'r, 'i> Section<'r, 'i> {
    pub(super) fn new(what: String, span: Range<usize>, table: &'r DeTable<'i>) -> Self {
        Self {
            what,
            span,
            table,
            asked: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// The value of a key, whatever its type.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'i>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    pub(super) fn text(&mut self, key: &'static str, findings: &mut Findings) -> Option<Text> {
        read_text(key, self.value(key)?, findings)
    }

    /// A date of TOML as its text, or a text.
    pub(super) fn text_or_date(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Text> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Datetime(date) => Some(Spanned::new(value.span(), date.to_string())),
            _ => read_text(key, value, findings),
        }
    }

    pub(super) fn required_text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Text> {
        self.require(key);
        self.text(key, findings)
    }

    pub(super) fn keys(&self) -> Keys {
        let entries = self.table.iter();
        let mut keys: Vec<_> = entries
            .map(|(key, value)| (key.get_ref().to_string(), value.span()))
            .collect();
        keys.sort_by_key(|(_, span)| span.start);
        Keys(keys)
    }

    pub(super) fn lacks(&self, key: &str) -> bool {
        !self.table.contains_key(key)
    }

    /// A key that must be there; `close` says so where it is not.
    pub(super) fn require(&mut self, key: &'static str) {
        if self.lacks(key) {
            self.absent.push(key);
        }
    }

    pub(super) fn flag(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Spanned<bool>> {
        let value = self.value(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            Some(Spanned::new(value.span(), *flag))
        } else {
            findings.push(wrong_type(key, value, "true or false"));
            None
        }
    }

    /// A list of text.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Spanned<Vec<Text>>> {
        let value = self.value(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            findings.push(wrong_type(key, value, "a list of text"));
            return None;
        };
        let texts: Vec<_> = items
            .iter()
            .map(|item| read_text(key, item, findings))
            .collect();
        let texts = texts.into_iter().collect::<Option<_>>()?;
        Some(Spanned::new(value.span(), texts))
    }

    /// One text, or a list of them.
    pub(super) fn text_or_texts(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Spanned<Vec<Text>>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(
                value.span(),
                vec![Spanned::new(value.span(), text.to_string())],
            )),
            DeValue::Array(_) => self.texts(key, findings),
            _ => {
                findings.push(wrong_type(key, value, "text or a list of text"));
                None
            }
        }
    }

    /// A table of texts under names that the file chooses, in its order.
    pub(super) fn pairs(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Spanned<Vec<(Text, Text)>>> {
        let value = self.value(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            findings.push(wrong_type(key, value, "a table of text"));
            return None;
        };
        let mut pairs: Vec<_> = table
            .iter()
            .filter_map(|(name, value)| {
                let text = read_text(name.get_ref(), value, findings)?;
                Some((Spanned::new(name.span(), name.get_ref().to_string()), text))
            })
            .collect();
        pairs.sort_by_key(|(name, _)| name.span().start);
        Some(Spanned::new(self.key_span(key), pairs))
    }

    /// What to write instead of an unknown key.
    fn instead_of(
        &self,
        name: &str,
        meant: Option<&str>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<String> {
        // The file as a whole begins nowhere.
        let is_file = self.span.is_empty();
        let table = match meant {
            Some(meant) if is_file => hints::heading(meant),
            _ if !is_file => hints::heading(name),
            _ => None,
        };
        if let Some(table) = table {
            return Some(format!("did you mean `{table}`?"));
        }
        if let (true, None, Some(parent)) = (is_file, meant, parent(value)) {
            return Some(format!("did you mean `[{parent}.{name}]`?"));
        }
        match meant {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None => suggest::list(&self.asked),
        }
    }

    pub(super) fn table(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Section<'r, 'i>> {
        let value = self.value(key)?;
        if let DeValue::Table(table) = value.get_ref() {
            let what = format!("`{key}` of {}", self.what);
            Some(Section::new(what, self.key_span(key), table))
        } else {
            findings.push(wrong_type(key, value, "a table"));
            None
        }
    }

    /// Where a key itself stands; the section where it does not.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table
            .get_key_value(key)
            .map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    /// Refuses every key that was not asked for. A key that is absent because its name is misspelt is one finding.
    pub(super) fn close(mut self, findings: &mut Findings) {
        for (key, value) in self.table {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let meant = hints::meant(name, &self.asked);
            self.absent.retain(|absent| Some(*absent) != meant);
            let message = format!("{} has no key `{name}`", self.what);
            findings.push(
                Finding::error(codes::UNKNOWN_KEY, key.span(), message)
                    .maybe_help(self.instead_of(name, meant, value)),
            );
        }
        for key in self.absent {
            let message = format!("{} has no `{key}`", self.what);
            findings.push(
                Finding::error(codes::MISSING_KEY, self.span.clone(), message)
                    .maybe_help(hints::example(key)),
            );
        }
    }
}

/// `[shop]` for `[sources.shop]`, judged by a key that only such tables have.
fn parent(value: &Spanned<DeValue<'_>>) -> Option<&'static str> {
    let DeValue::Table(table) = value.get_ref() else {
        return None;
    };
    let has = |key| table.contains_key(key);
    let signs = [
        ("provider", "sources"),
        ("audience", "issuers"),
        ("hash", "keys"),
    ];
    signs
        .into_iter()
        .find(|(key, _)| has(*key))
        .map(|(_, parent)| parent)
}

fn read_text(key: &str, value: &Spanned<DeValue<'_>>, findings: &mut Findings) -> Option<Text> {
    if let DeValue::String(text) = value.get_ref() {
        Some(Spanned::new(value.span(), text.to_string()))
    } else {
        findings.push(wrong_type(key, value, "text in quotes"));
        None
    }
}

pub(super) fn wrong_type(key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Finding {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("`{key}` is {wanted}, and this is {found}");
    Finding::error(codes::WRONG_TYPE, value.span(), message).maybe_help(hints::example(key))
}

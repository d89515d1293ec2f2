//! What is different between two routing files: rules added, removed and changed, key by key.
//!
//! Compares the files as written, so that a new key needs nothing here; comments, layout and the order of tables say
//! nothing, the order of routes does. A secret is the reference that the file holds. Pure.

mod outline;
mod sequence;

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use outline::{Outline, Rule};

/// Names in one line are bounded: it stands in the log.
const MAX_NAMED: usize = 20;

/// Everything that is different. Its `Display` is one line, its `Serialize` that of `diff -o json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Change {
    /// By kind, then in the order of the new file, then what has gone.
    pub rules: Vec<RuleChange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    pub kind: Kind,
    pub name: String,
    pub change: How,
    pub keys: Vec<KeyChange>,
}

/// A table of the file that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Source,
    Issuer,
    Key,
    Route,
    Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Added,
    Removed,
    Changed,
}

/// One key's values as TOML; none: it is not there. `order` is no key of the file: where a route stands among those
/// that both files have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    pub key: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Source,
        Self::Issuer,
        Self::Key,
        Self::Route,
        Self::Query,
    ];

    /// As the table of the file is called.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Issuer => "issuers",
            Self::Key => "keys",
            Self::Route => "routes",
            Self::Query => "queries",
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Route => "route",
            Self::Query => "query",
        }
    }
}

impl How {
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }
}

impl Change {
    /// From one text of a routing file to another. Of a text that is no routing file only what can be read counts.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Self {
        if old == new {
            return Self::default();
        }
        let (old, new) = (Outline::read(old), Outline::read(new));
        let rules = Kind::ALL
            .into_iter()
            .flat_map(|kind| of_kind(kind, old.of(kind), new.of(kind)));
        Self {
            rules: rules.collect(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    #[must_use]
    pub fn count(&self, kind: Kind, how: How) -> usize {
        let fits = |rule: &&RuleChange| rule.kind == kind && rule.change == how;
        self.rules.iter().filter(fits).count()
    }

    /// `sources +1 -0 ~0, routes +1 -0 ~2`: the tables in which something is different.
    #[must_use]
    pub fn summary(&self) -> String {
        let tables = Kind::ALL.into_iter().filter_map(|kind| {
            let [added, removed, changed] =
                [How::Added, How::Removed, How::Changed].map(|how| self.count(kind, how));
            (added + removed + changed > 0)
                .then(|| format!("{} +{added} -{removed} ~{changed}", kind.table()))
        });
        let tables: Vec<_> = tables.collect();
        if tables.is_empty() {
            "no rule changed".to_owned()
        } else {
            tables.join(", ")
        }
    }
}

/// The summary, and names up to a bound.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        if self.is_empty() {
            return Ok(());
        }
        let named = self.rules.iter().take(MAX_NAMED).map(|rule| {
            // A name stands in one line of a log.
            let name: String = rule.name.chars().filter(|c| !c.is_control()).collect();
            format!("{}{name}", rule.change.sign())
        });
        write!(f, ": {}", named.collect::<Vec<_>>().join(" "))?;
        match self.rules.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn of_kind(kind: Kind, old: &[Rule], new: &[Rule]) -> Vec<RuleChange> {
    let before: HashMap<&str, &Rule> = old.iter().map(|rule| (&*rule.name, rule)).collect();
    let after: HashSet<&str> = new.iter().map(|rule| &*rule.name).collect();
    // Only routes are asked in their order.
    let moves = if kind == Kind::Route {
        sequence::moves(&names(old), &names(new))
    } else {
        HashMap::new()
    };
    let change = |name: &str, change: How, keys: Vec<KeyChange>| RuleChange {
        kind,
        name: name.to_owned(),
        change,
        keys,
    };
    let mut changes = Vec::new();
    for rule in new {
        let Some(known) = before.get(&*rule.name) else {
            changes.push(change(&rule.name, How::Added, of_keys(None, Some(rule))));
            continue;
        };
        let mut keys = of_keys(Some(known), Some(rule));
        keys.extend(moves.get(&*rule.name).map(|(old, new)| KeyChange {
            key: "order".to_owned(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        }));
        if !keys.is_empty() {
            changes.push(change(&rule.name, How::Changed, keys));
        }
    }
    for rule in old.iter().filter(|rule| !after.contains(&*rule.name)) {
        changes.push(change(&rule.name, How::Removed, of_keys(Some(rule), None)));
    }
    changes
}

fn names(rules: &[Rule]) -> Vec<&str> {
    rules.iter().map(|rule| &*rule.name).collect()
}

/// In the order of the new file, then what has gone.
fn of_keys(old: Option<&Rule>, new: Option<&Rule>) -> Vec<KeyChange> {
    let mut changes = Vec::new();
    for (key, value) in new.into_iter().flat_map(|rule| &rule.keys) {
        let before = old.and_then(|rule| rule.get(key));
        if before.is_none_or(|before| before.exact != value.exact) {
            changes.push(KeyChange {
                key: key.clone(),
                old: before.map(|value| value.shown().to_owned()),
                new: Some(value.shown().to_owned()),
            });
        }
    }
    for (key, value) in old.into_iter().flat_map(|rule| &rule.keys) {
        if new.is_none_or(|rule| rule.get(key).is_none()) {
            changes.push(KeyChange {
                key: key.clone(),
                old: Some(value.shown().to_owned()),
                new: None,
            });
        }
    }
    changes
}

#[cfg(test)]
mod tests;

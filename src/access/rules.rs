//! Query rules by path: a tree of segments, so that a look-up does not grow with their number.
//!
//! Knows paths and nothing of roles. The plan keeps rules from overlapping; where two would fit all
//! the same, a literal segment goes before a parameter. May import `access` and what lies below it.

use std::collections::HashMap;

use super::Rule;
use super::path::{self, Segment};

/// All query rules, found by path.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// Which rule ends here.
    rule: Option<usize>,
}

impl Rules {
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut root = Node::default();
        for (index, rule) in rules.iter().enumerate() {
            let mut node = &mut root;
            for segment in rule.path.segments() {
                node = match segment {
                    Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                    Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                };
            }
            node.rule.get_or_insert(index);
        }
        Self { rules, root }
    }

    /// The rule for a request path, its parameters percent-decoded once.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<(&Rule, Vec<(String, String)>)> {
        let segments = path::decode(path)?;
        let rule = self.rules.get(self.root.find(&segments)?)?;
        let parameters = rule
            .path
            .segments()
            .iter()
            .zip(segments)
            .filter_map(|(pattern, value)| match pattern {
                Segment::Parameter(name) => Some((name.clone(), value)),
                Segment::Literal(_) => None,
            })
            .collect();
        Some((rule, parameters))
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

impl Node {
    fn find(&self, segments: &[String]) -> Option<usize> {
        let Some((first, rest)) = segments.split_first() else {
            return self.rule;
        };
        let literal = self.literals.get(first).and_then(|node| node.find(rest));
        literal.or_else(|| self.parameter.as_ref()?.find(rest))
    }
}

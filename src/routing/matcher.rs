//! `on` by look-up: which routes of one source an event type may take.
//!
//! The cost depends on the number of routes found and of different prefix lengths in the file,
//! not on the number of routes. Evaluates nothing: `when` is asked afterwards.

use std::collections::{BTreeMap, HashMap};

use super::On;

/// Routes by their number in the file.
type Numbers = Vec<usize>;

#[derive(Debug, Default)]
pub(super) struct Matcher {
    every: Numbers,
    exact: HashMap<String, Numbers>,
    /// By length, so that a type is cut once per length that occurs and then looked up.
    prefixes: BTreeMap<usize, HashMap<String, Numbers>>,
}

impl Matcher {
    pub(super) fn add(&mut self, number: usize, on: &On) {
        let types = match on {
            On::Every => return self.every.push(number),
            On::Types(types) => types,
        };
        for text in types {
            let numbers = match text.strip_suffix('*') {
                Some(prefix) => self
                    .prefixes
                    .entry(prefix.len())
                    .or_default()
                    .entry(prefix.to_owned()),
                None => self.exact.entry(text.clone()),
            };
            numbers.or_default().push(number);
        }
    }

    /// In the order of the file, each route once.
    pub(super) fn candidates(&self, kind: &str) -> Numbers {
        let mut found = self.every.clone();
        found.extend(self.exact.get(kind).into_iter().flatten());
        for (len, prefixes) in self.prefixes.range(..=kind.len()) {
            let prefix = kind.get(..*len);
            let numbers = prefix.and_then(|prefix| prefixes.get(prefix));
            found.extend(numbers.into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(routes: &[&[&str]]) -> Matcher {
        let mut matcher = Matcher::default();
        for (number, types) in routes.iter().enumerate() {
            let on = match *types {
                [] => On::Every,
                types => On::Types(types.iter().map(|&it| it.to_owned()).collect()),
            };
            matcher.add(number, &on);
        }
        matcher
    }

    #[test]
    fn exact_prefix_and_every_in_file_order() {
        let matcher = matcher(&[&["a.*", "a.b"], &[], &["a.b"], &["a*"], &["b"], &["*"]]);
        assert_eq!(matcher.candidates("a.b"), [0, 1, 2, 3, 5]);
        assert_eq!(matcher.candidates("a."), [0, 1, 3, 5]);
        assert_eq!(matcher.candidates("a"), [1, 3, 5]);
        assert_eq!(matcher.candidates(""), [1, 5]);
    }

    #[test]
    fn a_star_inside_is_an_ordinary_character() {
        let matcher = matcher(&[&["a*b"], &["é*"]]);
        assert_eq!(matcher.candidates("axb"), [] as [usize; 0]);
        assert_eq!(matcher.candidates("a*b"), [0]);
        // The prefix of two bytes would end inside the second character.
        assert_eq!(matcher.candidates("xé"), [] as [usize; 0]);
    }
}

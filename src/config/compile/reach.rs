//! Routes that no event can reach: earlier ones take all of their events and say `stop`.
//!
//! Judges what is written, and only where it is certain: an earlier route with a `when` or an `allow` may
//! let anything pass.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::super::file::Route;

/// A route in the shadow of another.
pub(super) struct Unreachable<'r> {
    pub(super) span: Range<usize>,
    /// The name of the route that casts it.
    pub(super) by: &'r str,
}

/// The number of a route in the file, and its name.
type Numbered<'r> = (usize, &'r str);

/// What earlier routes let nothing pass of, by source. Looked up, not scanned: a file may say `stop` thousands of times.
#[derive(Default)]
struct Stops<'r>(HashMap<&'r str, Taken<'r>>);

/// Of one source; each pattern with the first route that takes it.
#[derive(Default)]
struct Taken<'r> {
    exact: HashMap<&'r str, Numbered<'r>>,
    /// By length, so that a type is cut once per length that occurs.
    prefixes: BTreeMap<usize, HashMap<&'r str, Numbered<'r>>>,
}

pub(super) fn unreachable(routes: &[Route]) -> Vec<Unreachable<'_>> {
    let mut stops = Stops::default();
    let mut found = Vec::new();
    for (number, route) in routes.iter().enumerate() {
        if let Some(by) = stops.shadow(route) {
            let span = route
                .name
                .as_ref()
                .map_or_else(|| route.span.clone(), toml::Spanned::span);
            found.push(Unreachable { span, by });
        } else if route.stop && is_certain(route) {
            stops.add(number, route);
        }
    }
    found
}

impl<'r> Stops<'r> {
    fn add(&mut self, number: usize, route: &'r Route) {
        let name = route
            .name
            .as_ref()
            .map_or("", |name| name.get_ref().as_str());
        for source in sources(route) {
            let taken = self.0.entry(source).or_default();
            for pattern in patterns(route) {
                let first = match pattern.strip_suffix('*') {
                    Some(prefix) => {
                        let prefixes = taken.prefixes.entry(prefix.len()).or_default();
                        prefixes.entry(prefix)
                    }
                    None => taken.exact.entry(pattern),
                };
                first.or_insert((number, name));
            }
        }
    }

    /// The last of the routes that together take every source and type of this one.
    fn shadow(&self, route: &Route) -> Option<&'r str> {
        let mut by = None;
        for source in sources(route) {
            let taken = self.0.get(source)?;
            for pattern in patterns(route) {
                by = Some(taken.first(pattern)?);
            }
        }
        by
    }
}

impl<'r> Taken<'r> {
    /// The name of the first route that takes all of a pattern.
    fn first(&self, pattern: &str) -> Option<&'r str> {
        let (text, exact) = match pattern.strip_suffix('*') {
            Some(prefix) => (prefix, None),
            None => (pattern, self.exact.get(pattern)),
        };
        let prefixes = self.prefixes.range(..=text.len());
        let by_prefix = prefixes.filter_map(|(len, known)| known.get(text.get(..*len)?));
        let first = exact.into_iter().chain(by_prefix).min();
        first.map(|(_, name)| *name)
    }
}

/// Whether all events of the route's sources and types are known to fit it.
fn is_certain(route: &Route) -> bool {
    !route.keys.has("when")
        && !route.keys.has("allow")
        && (route.on.is_some() || !route.keys.has("on"))
}

fn sources(route: &Route) -> impl Iterator<Item = &str> {
    let list = route.source.as_ref().map(toml::Spanned::get_ref);
    list.into_iter()
        .flatten()
        .map(|text| text.get_ref().as_str())
}

/// The patterns of `on`; every type is `*`.
fn patterns(route: &Route) -> Vec<&str> {
    match &route.on {
        Some(list) => list
            .get_ref()
            .iter()
            .map(|text| text.get_ref().as_str())
            .collect(),
        None => vec!["*"],
    }
}

//! Routes that no event can reach: earlier ones take all of their events and say `stop`.
//!
//! Judges what is written, and only where it is certain: an earlier route with a `when` or an `allow` may
//! let anything pass.

use std::ops::Range;

use super::super::file::Route;

/// A route in the shadow of another.
pub(super) struct Unreachable<'r> {
    pub(super) span: Range<usize>,
    /// The name of the route that casts it.
    pub(super) by: &'r str,
}

/// A route that lets nothing of its sources and types pass.
struct Stop<'r> {
    route: &'r Route,
    name: &'r str,
}

pub(super) fn unreachable(routes: &[Route]) -> Vec<Unreachable<'_>> {
    let mut stops: Vec<Stop<'_>> = Vec::new();
    let mut found = Vec::new();
    for route in routes {
        if let Some(by) = shadow(route, &stops) {
            let span = route
                .name
                .as_ref()
                .map_or_else(|| route.span.clone(), toml::Spanned::span);
            found.push(Unreachable { span, by });
        } else if route.stop && is_certain(route) {
            let name = route.name.as_ref().map_or("", |name| name.get_ref());
            stops.push(Stop { route, name });
        }
    }
    found
}

/// Whether all events of the route's sources and types are known to fit it.
fn is_certain(route: &Route) -> bool {
    !route.keys.has("when")
        && !route.keys.has("allow")
        && (route.on.is_some() || !route.keys.has("on"))
}

/// The last of the routes that together take every source and type of this one.
fn shadow<'r>(route: &Route, stops: &[Stop<'r>]) -> Option<&'r str> {
    let mut by = None;
    for source in sources(route) {
        for pattern in patterns(route) {
            let stop = stops.iter().find(|stop| {
                sources(stop.route).any(|s| s == source) && takes(stop.route, pattern)
            })?;
            by = Some(stop.name);
        }
    }
    by
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

fn takes(route: &Route, pattern: &str) -> bool {
    patterns(route)
        .into_iter()
        .any(|own| match own.strip_suffix('*') {
            Some(prefix) => pattern
                .strip_suffix('*')
                .unwrap_or(pattern)
                .starts_with(prefix),
            None => own == pattern,
        })
}

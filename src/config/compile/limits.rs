//! Temporal's limits and reserved names, on what is constant in the file.
//!
//! What a template yields is checked when it is rendered, by `routing` and `access`.

use std::ops::Range;

use crate::access;
use crate::event::MAX_NAME;
use crate::expr::Scope;
use crate::expr::template::Template;
use crate::rate::Rate;

use super::super::problem::Finding;
use super::{Compiler, Text, codes};

/// Names that the server and its workers keep for themselves.
const RESERVED_PREFIX: &str = "__temporal_";

impl Compiler<'_> {
    /// A name that is no template.
    pub(super) fn constant(&mut self, key: &str, text: &Text) -> Option<String> {
        if text.get_ref().contains("${") {
            let message = format!("`{key}` is a constant: no `${{…}}` here");
            self.error(codes::EXPRESSION, text, message);
            return None;
        }
        if let Some(found) = unfilled(text.get_ref()) {
            let span = self.text.inside(&text.span(), found.start, found.len());
            let message = "this is a template of another program, and was not filled in";
            let help = "have Helm, Jinja or whatever reads `{{ }}` render the file first";
            self.findings
                .push(Finding::error(codes::EXPRESSION, span, message).help(help));
            return None;
        }
        self.within_limits(key, text, text.get_ref())
            .then(|| text.get_ref().clone())
    }

    pub(super) fn rate(&mut self, text: &Text) -> Option<Rate> {
        let rate = Rate::parse(text.get_ref());
        if rate.is_none() {
            let message = format!("`rate` cannot be `{}`", text.get_ref());
            self.findings.push(
                Finding::error(codes::BAD_VALUE, text.span(), message)
                    .help("write how many at most, as in \"500/s\", \"30/m\" or \"1000/h\""),
            );
        }
        rate
    }

    pub(super) fn namespace(&mut self, text: Option<&Text>) -> Option<String> {
        match text {
            Some(text) => self.constant("namespace", text),
            None => Some(self.options.default_namespace.clone()),
        }
    }

    /// `{body.id}`, `$body.id` and the like are plain text here, though hardly meant so.
    pub(super) fn warn_about_foreign_template(&mut self, text: &Text, scope: Scope) {
        let Some(found) = foreign_template(text.get_ref(), scope) else {
            return;
        };
        let span = self.text.inside(&text.span(), found.start, found.len());
        let message = "this is text as it stands: only `${…}` stands for a value";
        self.findings.push(
            Finding::warning(codes::EXPRESSION, span, message).help("as in \"order-${body.id}\""),
        );
    }

    /// The constant text of a template, if it is one.
    pub(super) fn limited(
        &mut self,
        key: &str,
        text: &Text,
        template: Template,
    ) -> Option<Template> {
        let fits = match template.constant() {
            Some(constant) => self.within_limits(key, text, constant),
            None => true,
        };
        fits.then_some(template)
    }

    pub(super) fn refuse_reserved_signal(&mut self, text: &Text) {
        if text.get_ref().starts_with(RESERVED_PREFIX) {
            let message = format!("signals that begin with `{RESERVED_PREFIX}` are Temporal's own");
            self.error(codes::RESERVED, text, message);
        }
    }

    pub(super) fn warn_about_built_in_query(&mut self, text: &Text) {
        if access::is_built_in_query(text.get_ref()) {
            let message = format!("`{}` is a query that is built in", text.get_ref());
            self.findings.push(
                Finding::warning(codes::RESERVED, text.span(), message)
                    .help("it shows a worker's insides to whoever is allowed: is that meant?"),
            );
        }
    }

    fn within_limits(&mut self, key: &str, text: &Text, value: &str) -> bool {
        if value.is_empty() {
            self.error(codes::LIMIT, text, format!("`{key}` is empty"));
        } else if value.len() > MAX_NAME {
            let message = format!("`{key}` is longer than {MAX_NAME} bytes");
            self.error(codes::LIMIT, text, message);
        }
        (1..=MAX_NAME).contains(&value.len())
    }
}

/// `{{ … }}`, whatever stands in it; behind a `$` it may be a map of CEL.
fn unfilled(text: &str) -> Option<Range<usize>> {
    let mut starts = text.match_indices("{{").map(|(at, _)| at);
    let start = starts.find(|at| !text.get(..*at).is_some_and(|it| it.ends_with('$')))?;
    let end = text.get(start..)?.find("}}")?;
    Some(start..start + end + 2)
}

/// The sign of another template language before a name that an expression could read, up to that name's end.
/// Else what is [`unfilled`].
fn foreign_template(text: &str, scope: Scope) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find(['{', '$']).map(|at| from + at) {
        let rest = text.get(at..)?;
        if rest.starts_with("${") {
            from = at + rest.find('}').unwrap_or(rest.len());
            continue;
        }
        let name = rest.trim_start_matches(['{', '$', '(', '%', ' ']);
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, after) = name.split_at(end.unwrap_or(name.len()));
        if scope.0.contains(&word) && after.starts_with(['.', '[']) {
            return Some(at..at + rest.len() - after.len());
        }
        from = at + 1;
    }
    unfilled(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_other_languages_are_known_and_ours_are_not() {
        for text in [
            "a-{body.id}",
            "{{ body.id }}",
            "$body.id",
            "x-${body.a}-{event.id}",
        ] {
            assert!(foreign_template(text, Scope::ROUTE).is_some(), "{text}");
        }
        for text in [
            "",
            "${body.id}",
            "{a}",
            "{",
            "$",
            "${",
            "{path.id}",
            "body.id",
            "{body}",
        ] {
            assert_eq!(foreign_template(text, Scope::ROUTE), None, "{text}");
        }
    }
}

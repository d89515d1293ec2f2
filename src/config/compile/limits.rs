//! Temporal's limits and reserved names, on what is constant in the file.
//!
//! What a template yields is checked when it is rendered, by `routing` and `access`.

use crate::access;
use crate::event::MAX_NAME;
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

//! `schema` and `invalid`: the form that a route's arguments must have.
//!
//! A file is read and compiled once, however many routes name it; a fault in it is one finding, at the first of them. Paths
//! are relative to the routing file. Makes what `routing::schema` judges by.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::expr::template::Written;
use crate::routing::schema::{Contract, OnInvalid, Schema};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, Spanned, Text, codes};

/// In bytes. Nobody writes a larger one for a webhook.
const MAX_SCHEMA: usize = 1024 * 1024;

/// The schemas of a routing file, by their names in it.
#[derive(Debug, Default)]
pub(in super::super) struct Schemas(BTreeMap<String, Read>);

/// Compiled, and as written.
type Usable = (Arc<Schema>, Value);

/// What is wrong with a file, and the help, where there is one beyond the path.
type Unusable = (String, Option<&'static str>);

/// What a file held.
#[derive(Debug)]
struct Read {
    digest: [u8; 32],
    /// None: it has its finding.
    schema: Option<Usable>,
}

impl Schemas {
    /// SHA-256 (hex) over a routing file of this text and its schemas.
    pub(in super::super) fn digest(&self, text: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(text);
        for (name, read) in &self.0 {
            // No text of TOML holds a NUL: what stands in one file cannot pass for another.
            hash.update([0]);
            hash.update(name);
            hash.update([0]);
            hash.update(read.digest);
        }
        hex::encode(hash.finalize())
    }
}

impl Compiler<'_> {
    #[expect(
        clippy::option_option,
        reason = "the outer one is for `?`, the inner one is the plan's"
    )]
    pub(super) fn contract(&mut self, written: &file::Route) -> Option<Option<Contract>> {
        let invalid = match &written.invalid {
            Some(invalid) => self.on_invalid(invalid, written.signal.as_ref()),
            None => Some(OnInvalid::Park),
        };
        let Some(text) = &written.schema else {
            if let Some(invalid) = &written.invalid
                && !written.keys.has("schema")
            {
                let message = "`invalid` says what becomes of events that do not fit a `schema`, and there is none";
                self.findings
                    .push(Finding::error(codes::CONFLICT, invalid.span(), message));
            }
            return Some(None);
        };
        let (schema, content) = self.schema(text)?;
        let lone = self.described(written, text, &content);
        Some(Some(Contract {
            schema,
            invalid: invalid?,
            lone: lone?,
        }))
    }

    fn on_invalid(
        &mut self,
        written: &Spanned<file::Invalid>,
        signal: Option<&Text>,
    ) -> Option<OnInvalid> {
        match written.get_ref() {
            file::Invalid::Word(word) => {
                let text = Spanned::new(written.span(), word.clone());
                let words = [("refuse", OnInvalid::Refuse), ("park", OnInvalid::Park)];
                let words = words.each_ref().map(|(word, rule)| (*word, rule));
                self.word("invalid", &text, &words).cloned()
            }
            file::Invalid::Signal(text) => {
                let text = text.as_ref()?;
                self.refuse_reserved_signal(text);
                let name = self.constant("signal", text)?;
                if signal.is_some_and(|signal| *signal.get_ref() == name) {
                    let message =
                        "this is the signal of the route: its handler could not tell the two apart";
                    self.error(codes::CONFLICT, text, message);
                    return None;
                }
                Some(OnInvalid::Signal(name))
            }
        }
    }

    fn schema(&mut self, text: &Text) -> Option<Usable> {
        let name = text.get_ref();
        if let Some(known) = self.schemas.0.get(name) {
            return known.schema.clone();
        }
        let folder = Path::new(self.text.file).parent();
        let path = folder.unwrap_or(Path::new("")).join(name);
        let content = self.files.read(&path);
        let digest = Sha256::digest(content.as_deref().unwrap_or_default()).into();
        let schema = match content {
            Ok(bytes) => read(name, &bytes),
            Err(error) => Err((format!("`{name}` cannot be read: {error}"), None)),
        };
        let schema = schema.map_err(|(message, help)| {
            let help = help.unwrap_or("the path is relative to the routing file");
            self.findings
                .push(Finding::error(codes::SCHEMA, text.span(), message).help(help));
        });
        let schema = schema.ok();
        self.schemas.0.insert(
            name.clone(),
            Read {
                digest,
                schema: schema.clone(),
            },
        );
        schema
    }

    /// Whether the schema describes the one argument, or else the list of them. One that can fit neither way is for the other.
    fn described(&mut self, route: &file::Route, text: &Text, schema: &Value) -> Option<bool> {
        let args = match route.args.as_ref().map(Spanned::get_ref) {
            Some(Written::List(args)) => args.as_slice(),
            // The body is the one argument.
            _ => return Some(true),
        };
        let (what, needed) = match args {
            [] => {
                let message = "this route sends no arguments that a schema could describe";
                self.error(codes::CONFLICT, text, message);
                return None;
            }
            [Written::Map(_)] => ("the one argument, a table", "object"),
            [Written::List(_)] => ("the one argument, a list", "array"),
            [_] => return Some(true),
            _ => ("the list of all arguments", "array"),
        };
        if let Some(types) = types(schema)
            && !types.contains(&needed)
        {
            let message = format!(
                "the schema describes {what}, and this one asks for {}",
                types.join(" or ")
            );
            self.findings.push(
                Finding::error(codes::CONFLICT, text.span(), message).help(
                    "with one argument a schema describes that argument, with several the list of them (`prefixItems`)",
                ),
            );
            return None;
        }
        Some(args.len() == 1)
    }
}

fn read(name: &str, bytes: &[u8]) -> Result<Usable, Unusable> {
    if bytes.len() > MAX_SCHEMA {
        let help = "keep to what the workflow needs to be true";
        return Err((format!("`{name}` is larger than 1 MiB"), Some(help)));
    }
    let content: Value = serde_json::from_slice(bytes).map_err(|error| {
        let help = "a schema is one JSON document";
        (format!("`{name}` is not JSON: {error}"), Some(help))
    })?;
    let schema = Schema::compile(name, &content).map_err(|error| {
        let help = "`$ref` leads to a place in the same file, and patterns have no look-around and no back-references";
        (format!("`{name}` is no valid schema: {error}"), Some(help))
    })?;
    Ok((Arc::new(schema), content))
}

/// The types that a schema allows at its top, where it says so there.
fn types(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

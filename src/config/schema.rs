//! The JSON Schema of routes.toml, for editors: made of the very structs that the reader fills.
//!
//! A field's doc comment is what an editor shows, its `with` what a value looks like; `Option` says that it may
//! be absent. What only `compile` knows (names that must exist, expressions) is `check`'s to say.
//! May import what `config` may.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::compile::sources;
use super::file::{File, Start};
use crate::verify::handshake;

/// Draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<File>();
    RecursiveTransform(forget_null).transform(&mut schema);
    schema.insert("title".to_owned(), "The routing file of Signalpost".into());
    schema.to_value()
}

/// TOML has no null: what may be absent is not required, and that is all.
fn forget_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let is_null = |value: &Value| value == "null" || value.is_null();
    for key in ["type", "enum"] {
        if let Some(Value::Array(values)) = object.get_mut(key) {
            values.retain(|value| !is_null(value));
            if let ("type", [only]) = (key, values.as_slice()) {
                let only = only.clone();
                object.insert(key.to_owned(), only);
            }
        }
    }
    if let Some(Value::Array(options)) = object.get_mut("anyOf") {
        options.retain(|option| *option != json!({ "type": "null" }));
        if let [Value::Object(only)] = options.as_mut_slice() {
            let only = std::mem::take(only);
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Types of values that are text of a form, or one of a few words.
macro_rules! texts {
    ($($name:ident $keyword:literal = $value:expr;)*) => {$(
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", $keyword: $value })
            }
        }
    )*};
}

texts! {
    Provider "enum" = sources::known_providers();
    Duration "pattern" = "^[0-9]+(ms|[smhd])([0-9]+(ms|[smh]))*$";
    Rate "pattern" = "^[0-9]+/[smh]$";
    Pace "pattern" = "^[0-9]+/[sm]$";
    Reference "pattern" = "^(env:[A-Za-z0-9_]+|file:/.*)$";
    KeyLocation "pattern" = "^(https?://|file:/)";
    KeyHash "pattern" = "^sha256:[0-9a-fA-F]{64}$";
    QueryPath "pattern" = "^/[^/]";
    Filled "minLength" = 1;
    HashAlgorithm "enum" = ["sha1", "sha256", "sha512"];
    Encoding "enum" = ["hex", "base64"];
    Unit "enum" = ["s", "ms", "iso"];
    SecretForm "enum" = ["text", "hex", "base64"];
    Size "pattern" = "^[0-9]+(KiB|MiB|GiB)?$";
    FileReference "pattern" = "^file:/";
    WebAddress "pattern" = "^https?://";
    InvalidWord "enum" = ["refuse", "park"];
    HandshakeName "enum" = handshake::names().collect::<Vec<_>>();
    Unrouted "enum" = ["keep", "refuse"];
    BodyForm "enum" = ["json", "form", "text"];
    TokenAlgorithm "enum" = crate::token::Algorithm::ALL.map(crate::token::Algorithm::name);
    Then "enum" = ["park", "drop"];
    AfterPark "enum" = ["continue", "hold"];
    IdReuse "enum" = ["reject_duplicate", "allow_duplicate_failed_only", "allow_duplicate"];
}

// No doc comment: it would stand in the place of the field's own.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is made")]
pub(super) enum Texts {
    One(String),
    Several(Vec<String>),
}

// The same.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is made")]
pub(super) enum Each {
    AsProvider(bool),
    Written(String),
}

/// Texts under names that the file chooses.
pub(super) type Pairs = std::collections::BTreeMap<String, String>;

/// `{ signal = "…" }` of `invalid`.
pub(super) fn invalid_signal(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "signal": {
            "type": "string",
            "minLength": 1,
            "description": "The name of the signal."
        } },
        "required": ["signal"],
        "additionalProperties": false,
    })
}

/// The names of sources are part of an address.
pub(super) fn source_names() -> Value {
    json!({ "pattern": "^[a-z0-9-]{1,64}$" })
}

pub(super) fn key_names() -> Value {
    json!({ "pattern": "^[A-Za-z0-9_-]{1,64}$" })
}

/// `{ start = { … } }` of `missing`.
pub(super) fn start(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { "start": generator.subschema_for::<Start>() },
        "required": ["start"],
        "additionalProperties": false,
    })
}

/// The same of `closed`, where `id_reuse` could mean only one thing.
pub(super) fn start_again(generator: &mut SchemaGenerator) -> Schema {
    let mut again = Start::json_schema(generator);
    if let Some(Value::Object(properties)) = again.get_mut("properties") {
        properties.remove("id_reuse");
    }
    json_schema!({
        "type": "object",
        "properties": { "start": again },
        "required": ["start"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::problem::Findings;
    use super::super::read;
    use super::super::source_text::SourceText;
    use super::*;

    /// Where the keys of a table stand in the schema, and a text in which `?` is a key of such a table.
    const TABLES: [(&str, &str); 12] = [
        ("", "?"),
        ("/$defs/Source", "[sources.a]\n?"),
        ("/$defs/Signature", "[sources.a]\nsignature = { ? }"),
        ("/$defs/List", "[sources.a]\nsignature = { list = { ? } }"),
        ("/$defs/Stamp", "[sources.a]\ntimestamp = { ? }"),
        ("/$defs/Event", "[sources.a]\nevent = { ? }"),
        ("/$defs/Issuer", "[issuers.a]\n?"),
        ("/$defs/Key", "[keys.a]\n?"),
        ("/$defs/Route", "[[routes]]\n?"),
        ("/$defs/Query", "[[queries]]\n?"),
        ("/$defs/Start", "[[routes]]\nmissing = { start = { ? } }"),
        ("/$defs/Missing", "[[routes]]\nmissing = { ? }"),
    ];

    fn properties(schema: &Value) -> BTreeSet<String> {
        let own = schema.get("properties").and_then(Value::as_object);
        let options = schema.get("anyOf").and_then(Value::as_array);
        let mut names: BTreeSet<String> = own
            .into_iter()
            .flat_map(|own| own.keys().cloned())
            .collect();
        names.extend(options.into_iter().flatten().flat_map(properties));
        names
    }

    /// The keys that the reader says are known.
    fn known(text: &str) -> BTreeSet<String> {
        let text = text.replace('?', "zzzzzzzzzz = 1");
        let document = toml::de::DeTable::parse(&text).unwrap();
        let mut findings = Findings::default();
        read::read(&document, &mut findings);
        let problems = findings.locate(&SourceText::new("f", &text));
        let unknown = problems
            .iter()
            .find(|it| it.code == "SP-C003")
            .expect("an unknown key");
        let help = unknown.help.as_deref().expect("the known ones");
        help.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_reader_asks_for_the_keys_of_the_schema_and_no_others() {
        let schema = schema();
        for (place, text) in TABLES {
            let of_schema = properties(schema.pointer(place).expect(place));
            assert_eq!(of_schema, known(text), "{place}");
        }
        let definitions = schema["$defs"].as_object().unwrap();
        for name in definitions.keys().filter(|name| *name != "Closed") {
            let place = format!("/$defs/{name}");
            assert!(TABLES.iter().any(|(known, _)| *known == place), "{place}");
        }
    }

    #[test]
    fn every_table_is_closed_and_every_key_has_a_sentence() {
        fn look(value: &Value, place: &str) {
            if let Some(properties) = value.get("properties").and_then(Value::as_object) {
                assert_eq!(value["additionalProperties"], false, "{place}");
                for (key, property) in properties {
                    let described = property.get("description").or(property.get("$ref"));
                    assert!(described.is_some(), "{place}: {key}");
                }
            }
            let below = value.as_object().into_iter().flatten();
            below.for_each(|(key, value)| look(value, &format!("{place}/{key}")));
            let items = value.as_array().into_iter().flatten();
            items.for_each(|value| look(value, place));
        }
        let schema = schema();
        look(&schema, "");
        assert!(!schema.to_string().contains("null\""), "{schema}");
    }
}

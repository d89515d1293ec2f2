//! The schema for editors takes what `check` takes, and marks unknown keys and wrong types as `check` does.

use std::path::PathBuf;

use serde_json::Value;
use signalpost::config::{self, Options, Problem, SecretPolicy};

use crate::cli::run;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// As editors read TOML: a date is text.
fn as_json(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(as_json).collect(),
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| (key, as_json(value)));
            Value::Object(entries.collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

/// What the schema says of a text; none where it is no TOML.
fn faults(validator: &jsonschema::Validator, text: &str) -> Option<Vec<String>> {
    let table: toml::Table = text.parse().ok()?;
    let json = as_json(toml::Value::Table(table));
    let faults = validator.iter_errors(&json);
    Some(faults.map(|fault| fault.to_string()).collect())
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&config::schema()).unwrap()
}

fn lenient() -> Options {
    Options {
        secrets: SecretPolicy::Warn,
        allow_unverified: true,
        ..Options::new("default")
    }
}

fn toml_blocks(page: &str) -> Vec<String> {
    let blocks = page.split("```toml\n").skip(1);
    let text = |block: &str| block.split("```").next().unwrap_or_default().to_owned();
    blocks.map(text).collect()
}

#[test]
fn every_working_example_fits_the_schema() {
    let validator = validator();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let mut texts: Vec<String> = [
        "routes.toml",
        "examples/orders/routes.toml",
        "tests/fixtures/every-key.toml",
    ]
    .map(read)
    .to_vec();
    texts.extend(toml_blocks(&read("README.md")));
    assert!(texts.len() >= 6, "{}", texts.len());
    for text in texts {
        assert_eq!(faults(&validator, &text), Some(Vec::new()), "{text}");
    }
}

#[test]
fn golden_files_fit_the_schema_or_not_as_they_fit_the_reader() {
    let validator = validator();
    let (mut fitting, mut marked) = (0, 0);
    for entry in std::fs::read_dir(root().join("tests/fixtures/config")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_toml = path.extension().is_some_and(|ext| ext == "toml");
        let Some(text) = std::fs::read_to_string(&path).ok().filter(|_| is_toml) else {
            continue;
        };
        let problems = config::compile(&text, &name, &lenient()).problems;
        let Some(faults) = faults(&validator, &text) else {
            continue;
        };
        if !problems.iter().any(Problem::is_error) {
            assert_eq!(faults, Vec::<String>::new(), "{name}");
            fitting += 1;
        }
        let of_reader = ["SP-C003", "SP-C005"];
        if problems.iter().any(|it| of_reader.contains(&it.code)) {
            assert!(!faults.is_empty(), "{name}");
            marked += 1;
        }
    }
    assert!(fitting >= 15 && marked >= 40, "{fitting} {marked}");
}

#[test]
fn every_key_is_in_the_file_that_has_every_key() {
    let path = root().join("tests/fixtures/every-key.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let schema = config::schema();
    let definitions = schema["$defs"].as_object().unwrap();
    for (table, definition) in definitions {
        let properties = definition["properties"].as_object().into_iter().flatten();
        for (key, _) in properties {
            let is_there = text.split([' ', '\n']).any(|word| word == key.as_str());
            assert!(is_there, "{table}: {key}");
        }
    }
}

#[test]
fn the_command_prints_the_schema() {
    let output = run(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, config::schema());
    assert_eq!(
        printed["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

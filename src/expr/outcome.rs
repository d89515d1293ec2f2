//! What comes out of CEL: its values as JSON, its errors as sentences.
//!
//! CEL's own error texts print the values they met; ours name types and fields of the expression
//! only, since they end in logs and in the store.

use cel::ExecutionError;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelOptional, CelString, CelTimestamp, CelUInt, Kind,
};
use cel::common::value::Val;
use serde_json::{Map, Number, Value};

use super::Error;

pub(super) fn to_json(value: &dyn Val) -> Result<Value, Error> {
    let kind = value.get_type().kind();
    let json = match kind {
        Kind::NullType => Some(Value::Null),
        Kind::Boolean => value
            .downcast_ref::<CelBool>()
            .map(|it| Value::Bool(*it.inner())),
        Kind::Int => value
            .downcast_ref::<CelInt>()
            .map(|it| Value::from(*it.inner())),
        Kind::UInt => value
            .downcast_ref::<CelUInt>()
            .map(|it| Value::from(*it.inner())),
        Kind::Double => value
            .downcast_ref::<CelDouble>()
            .and_then(|it| Number::from_f64(*it.inner()))
            .map(Value::Number),
        Kind::String => value
            .downcast_ref::<CelString<'_>>()
            .map(|it| Value::from(it.inner())),
        Kind::Timestamp => value
            .downcast_ref::<CelTimestamp>()
            .map(|it| Value::from(it.inner().to_rfc3339())),
        Kind::List => return list(value),
        Kind::Map => return map(value),
        _ => match value.downcast_ref::<CelOptional<'_>>() {
            Some(optional) => match optional.inner() {
                Some(inner) => return to_json(inner),
                None => return Err(Error::new("an optional value is not there")),
            },
            None => None,
        },
    };
    json.ok_or_else(|| {
        Error(format!(
            "a value of type {} cannot be written as JSON",
            value.get_type().name()
        ))
    })
}

fn list(value: &dyn Val) -> Result<Value, Error> {
    let mut list = Vec::new();
    if let Some(elements) = value.as_iterable() {
        let mut elements = elements.iter();
        while let Some(element) = elements.next() {
            list.push(to_json(element)?);
        }
    }
    Ok(Value::Array(list))
}

fn map(value: &dyn Val) -> Result<Value, Error> {
    let mut map = Map::new();
    if let (Some(keys), Some(fields)) = (value.as_iterable(), value.as_indexer()) {
        let mut keys = keys.iter();
        while let Some(key) = keys.next() {
            let Some(name) = key.downcast_ref::<CelString<'_>>() else {
                return Err(Error::new("only text can be the key of a JSON object"));
            };
            let field = fields.get(key).map_err(|error| sentence(&error, ""))?;
            map.insert(name.inner().to_owned(), to_json(field.as_ref())?);
        }
    }
    Ok(Value::Object(map))
}

/// A value inside a longer text.
pub(super) fn to_text(value: Value, what: &str) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Err(Error(format!("{what} is null, which has no text"))),
        Value::Array(_) => Err(Error(format!("{what} is a list, which has no text"))),
        Value::Object(_) => Err(Error(format!("{what} is a map, which has no text"))),
    }
}

/// `text` is the expression: a key is named only if it stands there, for it may be a value.
pub(super) fn sentence(error: &ExecutionError, text: &str) -> Error {
    use ExecutionError as E;
    Error(match error {
        E::NoSuchKey(name) if text.contains(name.as_str()) => format!("`{name}` is not there"),
        E::NoSuchKey(_) => "a field that the expression reads is not there".to_owned(),
        E::IndexOutOfBounds(_) => "a list is shorter than the expression expects".to_owned(),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::Overflow(..) => "a number is out of range".to_owned(),
        E::NoSuchOverload(call) => format!(
            "`{}` does not take {}",
            operator(call.function()),
            call.argument_types().join(" and ")
        ),
        E::UnexpectedType { got, want } => format!("{want} is needed, and this is {got}"),
        E::UnsupportedBinaryOperator(name, ..) => {
            format!("`{name}` does not take values of these types (`string(…)` makes text of one)")
        }
        E::ValuesNotComparable(..) => "these values cannot be compared".to_owned(),
        E::FunctionError { function, .. } => format!("`{function}` cannot read what it was given"),
        E::UndeclaredReference(name) => format!("`{name}` is not known"),
        _ => "the expression cannot be evaluated".to_owned(),
    })
}

/// `_>_` → `>`
fn operator(name: &str) -> &str {
    name.trim_matches('_').trim_start_matches('@')
}

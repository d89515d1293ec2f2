//! Values of `args` as written: TOML to the JSON that templates are compiled from.
//!
//! Keys stay in the order of the file. What JSON cannot say is a finding. Imports `expr`.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::template::Written;

use super::codes;
use super::problem::{Finding, Findings};

pub(super) fn convert(value: &Spanned<DeValue<'_>>, findings: &mut Findings) -> Option<Written> {
    let literal = |json: serde_json::Value| Some(Written::Literal(json.to_string()));
    match value.get_ref() {
        DeValue::String(text) => Some(Written::Text(text.to_string(), value.span())),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            refuse_if_none(
                parsed.ok().map(|n| Written::Literal(n.to_string())),
                value,
                findings,
            )
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse::<f64>().ok();
            let json = parsed.and_then(serde_json::Number::from_f64);
            refuse_if_none(
                json.map(|n| Written::Literal(n.to_string())),
                value,
                findings,
            )
        }
        DeValue::Boolean(flag) => literal((*flag).into()),
        DeValue::Datetime(date) => literal(date.to_string().into()),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| convert(item, findings)).collect();
            items.into_iter().collect::<Option<_>>().map(Written::List)
        }
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), convert(value, findings)?)))
                .collect();
            entries.into_iter().collect::<Option<_>>().map(Written::Map)
        }
    }
}

fn refuse_if_none(
    written: Option<Written>,
    value: &Spanned<DeValue<'_>>,
    findings: &mut Findings,
) -> Option<Written> {
    if written.is_none() {
        let message = "JSON cannot hold this number";
        findings.push(Finding::error(codes::BAD_VALUE, value.span(), message));
    }
    written
}

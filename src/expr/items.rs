//! A list taken apart: each element as a value and as JSON text.
//!
//! Where the expression is a plain path over a JSON body, texts are cut out of the body as it was sent, so that no number
//! passes through a float; else they are written anew from the value.

use std::borrow::Cow;

use serde_json::Value;

use super::{Error, Expr, Variables, exact};

/// One element of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    pub value: Value,
    /// Borrowed from the raw body where it was cut out of it.
    pub text: Cow<'a, str>,
}

impl Expr {
    /// The elements of the list that it gives; more than `most` are an error, and so is anything but a list.
    pub fn items<'a>(&self, vars: &Variables<'a>, most: usize) -> Result<Vec<Item<'a>>, Error> {
        let Value::Array(values) = self.value(vars)? else {
            return Err(Error(format!("{} is not a list", self.what())));
        };
        if values.len() > most {
            return Err(Error(format!("{} has more than {most} items", self.what())));
        }
        let sent = self.path.as_ref().and_then(|path| path.exact(vars));
        let texts = match sent.transpose()?.and_then(exact::elements) {
            Some(texts) if texts.len() == values.len() => {
                texts.into_iter().map(Cow::Borrowed).collect()
            }
            _ => values.iter().map(written).collect::<Vec<_>>(),
        };
        let both = values.into_iter().zip(texts);
        Ok(both.map(|(value, text)| Item { value, text }).collect())
    }
}

fn written<'a>(value: &Value) -> Cow<'a, str> {
    Cow::Owned(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Scope};
    use super::*;
    use crate::event::Content;

    fn texts(each: &str, raw: &str, most: usize) -> Result<Vec<(bool, String)>, Error> {
        let content = Content::Json(serde_json::from_str(raw).unwrap());
        let vars = Variables {
            body: Some(Body {
                content: &content,
                raw: raw.as_bytes(),
            }),
            ..Variables::default()
        };
        let each = Expr::compile(each, Scope::SOURCE).unwrap();
        let items = each.items(&vars, most)?;
        let cut = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        Ok(items
            .into_iter()
            .map(|item| (cut(&item.text), item.text.into_owned()))
            .collect())
    }

    #[test]
    fn a_plain_path_gives_each_item_as_it_was_sent() {
        let raw = r#" {"events":[{"n":0.10, "b":1}, 1e2 ,"\u0041"]} "#;
        let items = texts("body.events", raw, 10).unwrap();
        let expected = [r#"{"n":0.10, "b":1}"#, "1e2", r#""\u0041""#];
        assert_eq!(items, expected.map(|text| (true, text.to_owned())));
        assert_eq!(texts("request.events", raw, 10).unwrap(), items);
        let whole = texts("body", "[ 1.0,{} ]", 10).unwrap();
        assert_eq!(whole, [(true, "1.0".to_owned()), (true, "{}".to_owned())]);
    }

    #[test]
    fn what_is_computed_is_written_anew() {
        let raw = r#"{"events":[{"n":1, "ok":true},{"n":2,"ok":false}]}"#;
        let items = texts("body.events.filter(e, e.ok)", raw, 10).unwrap();
        assert_eq!(items, [(false, r#"{"n":1,"ok":true}"#.to_owned())]);
    }

    #[test]
    fn anything_but_a_short_list_is_an_error() {
        assert!(texts("body.events", r#"{"events":{}}"#, 10).is_err());
        assert!(texts("body.events", "{}", 10).is_err());
        assert!(texts("body", "[1,2,3]", 2).is_err());
        assert_eq!(texts("body", "[]", 2).unwrap(), []);
    }
}

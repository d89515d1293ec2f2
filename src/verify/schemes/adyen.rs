//! Adyen, payments: eight fields of each item are signed, and the signature stands in the item.
//!
//! One bad item refuses the whole. A colon separates the fields and is not escaped: only the merchant's
//! own reference may hold one, so that the signed text can be cut in one way alone. All other fields of an item are free
//! to forge, so the signed texts are what makes two requests equal.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::given::{Fault, Given};
use super::super::layout::base64_decode;
use super::super::spec::{Algorithm, Encoding, KeyForm};
use super::super::verifier::{Draft, Moment, Seal, Signed, Verifier};
use super::super::{Refusal, WebhookRequest};
use super::keys::Keys;
use crate::expr::json;

const SIGNATURE: &str = "hmacSignature";
const ITEMS: &str = "notificationItems";
const ITEM: &str = "NotificationRequestItem";
/// Adyen sends one, in batches up to six.
const MAX_ITEMS: usize = 100;

#[derive(Debug)]
pub(in crate::verify) struct Adyen {
    keys: Keys,
}

/// What is signed stands once: of two members with one name, another reader of the body could take the one that was not
/// proven.
#[derive(Deserialize)]
struct EachOnce {
    #[serde(rename = "notificationItems")]
    _items: Vec<ItemOnce>,
}

#[derive(Deserialize)]
struct ItemOnce {
    #[serde(rename = "NotificationRequestItem")]
    _item: FieldsOnce,
}

#[derive(Deserialize)]
struct FieldsOnce {
    #[serde(rename = "pspReference")]
    _psp_reference: Option<IgnoredAny>,
    #[serde(rename = "originalReference")]
    _original_reference: Option<IgnoredAny>,
    #[serde(rename = "merchantAccountCode")]
    _merchant_account_code: Option<IgnoredAny>,
    #[serde(rename = "merchantReference")]
    _merchant_reference: Option<IgnoredAny>,
    #[serde(rename = "amount")]
    _amount: Option<AmountOnce>,
    #[serde(rename = "eventCode")]
    _event_code: Option<IgnoredAny>,
    #[serde(rename = "success")]
    _success: Option<IgnoredAny>,
    #[serde(rename = "additionalData")]
    _additional_data: DataOnce,
}

#[derive(Deserialize)]
struct AmountOnce {
    #[serde(rename = "value")]
    _value: Option<IgnoredAny>,
    #[serde(rename = "currency")]
    _currency: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct DataOnce {
    #[serde(rename = "hmacSignature")]
    _signature: IgnoredAny,
}

impl Adyen {
    pub(in crate::verify) fn build(given: &Given) -> Result<Box<dyn Verifier>, Fault> {
        Ok(Box::new(Self {
            keys: Keys::prepare(given, Algorithm::Sha256, KeyForm::Hex)?,
        }))
    }

    /// Which secret signed the item, and what it signed.
    fn prove(&self, item: &Value) -> Result<(usize, String), Refusal> {
        let item = item.get(ITEM).ok_or(Refusal::MissingField(ITEM))?;
        let text = signed_text(item)?;
        let signature = item
            .get("additionalData")
            .and_then(|data| data.get(SIGNATURE))
            .ok_or(Refusal::MissingField(SIGNATURE))?;
        let signature = signature
            .as_str()
            .and_then(base64_decode)
            .ok_or(Refusal::MalformedField(SIGNATURE))?;
        let secret = self
            .keys
            .matching(&[text.as_bytes()], &signature)
            .ok_or(Refusal::BadSignature)?;
        Ok((secret, text))
    }
}

impl Verifier for Adyen {
    fn verify(&self, request: &WebhookRequest, _: Moment) -> Result<Seal, Refusal> {
        let body = json::read(&request.body).ok_or(Refusal::MalformedField("body"))?;
        let items = body.get(ITEMS).ok_or(Refusal::MissingField(ITEMS))?;
        let items = items
            .as_array()
            .filter(|items| !items.is_empty() && items.len() <= MAX_ITEMS)
            .ok_or(Refusal::MalformedField(ITEMS))?;
        let mut first = None;
        let mut signed = Sha256::new();
        for item in items {
            let (secret, text) = self.prove(item)?;
            first = first.or(Some(secret));
            signed.update(text.len().to_be_bytes());
            signed.update(text);
        }
        if serde_json::from_slice::<EachOnce>(&request.body).is_err() {
            return Err(Refusal::MalformedField(ITEMS));
        }
        Ok(Seal {
            secret: first,
            digest: Some(signed.finalize().into()),
            ..Seal::default()
        })
    }

    /// A body that is no notification goes out as it is.
    fn sign(&self, draft: Draft<'_>) -> Option<Signed> {
        let Ok(mut body) = serde_json::from_slice::<Value>(draft.body) else {
            return Some(Signed::default());
        };
        let items = body.get_mut(ITEMS).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            let Some(Value::Object(item)) = item.get_mut(ITEM) else {
                continue;
            };
            let Ok(text) = signed_text(&Value::Object(item.clone())) else {
                continue;
            };
            let signature = self.keys.sign(&[text.as_bytes()])?;
            let data = item
                .entry("additionalData")
                .or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Value::Object(data) = data {
                let signature = Encoding::Base64.encode("", &signature);
                data.insert(SIGNATURE.to_owned(), signature.into());
            }
        }
        Some(Signed {
            body: Some(body.to_string().into_bytes()),
            ..Signed::default()
        })
    }
}

/// The eight fields with a colon between each two; one that is missing is empty.
pub(in crate::verify) fn signed_text(item: &Value) -> Result<String, Refusal> {
    let amount = item.get("amount");
    let fields = [
        plain(item, "pspReference")?,
        plain(item, "originalReference")?,
        plain(item, "merchantAccountCode")?,
        text(item, "merchantReference")?.to_owned(),
        value(amount)?,
        match amount {
            Some(amount) => plain(amount, "currency")?,
            None => String::new(),
        },
        plain(item, "eventCode")?,
        plain(item, "success")?,
    ];
    Ok(fields.join(":"))
}

fn text<'a>(of: &'a Value, name: &'static str) -> Result<&'a str, Refusal> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Refusal::MalformedField(name)),
    }
}

/// A text that cannot be taken for two.
fn plain(of: &Value, name: &'static str) -> Result<String, Refusal> {
    let text = text(of, name)?;
    if text.contains(':') {
        return Err(Refusal::MalformedField(name));
    }
    Ok(text.to_owned())
}

/// In minor units, which are whole; the vendor's own samples write some as text.
fn value(amount: Option<&Value>) -> Result<String, Refusal> {
    match amount.and_then(|amount| amount.get("value")) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Number(number)) if number.is_i64() => Ok(number.to_string()),
        Some(Value::String(text)) if is_whole(text) => Ok(text.clone()),
        Some(_) => Err(Refusal::MalformedField("amount.value")),
    }
}

/// As a number of that value would be written.
fn is_whole(text: &str) -> bool {
    text.parse::<i64>()
        .is_ok_and(|value| value.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn missing_fields_are_empty_and_nothing_is_escaped() {
        let item = json!({
            "pspReference": "P1", "merchantAccountCode": "Shop", "merchantReference": "\\:/a:b",
            "amount": {"value": 1000, "currency": "EUR"}, "eventCode": "AUTHORISATION", "success": "true"
        });
        assert_eq!(
            signed_text(&item),
            Ok("P1::Shop:\\:/a:b:1000:EUR:AUTHORISATION:true".to_owned())
        );
        assert_eq!(signed_text(&json!({})), Ok(":::::::".to_owned()));
    }

    #[test]
    fn an_amount_that_is_written_as_text_is_signed_like_the_number() {
        let item = |value| json!({"amount": {"value": value, "currency": "EUR"}});
        for number in [0, 1130, -10000] {
            let text = signed_text(&item(json!(number.to_string())));
            assert_eq!(text, signed_text(&item(json!(number))));
            assert_eq!(text, Ok(format!("::::{number}:EUR::")));
        }
    }

    #[test]
    fn the_signed_text_can_be_cut_in_one_way_only() {
        for item in [
            json!({"pspReference": "P:1"}),
            json!({"originalReference": "a:"}),
            json!({"merchantAccountCode": ":"}),
            json!({"eventCode": "A:true"}),
            json!({"success": true}),
            json!({"amount": {"value": "1:2"}}),
            json!({"amount": {"value": 1.5}}),
            json!({"amount": {"value": "1.5"}}),
            json!({"amount": {"value": "+1"}}),
            json!({"amount": {"value": "01"}}),
            json!({"amount": {"value": ""}}),
            json!({"amount": {"currency": "EUR:"}}),
        ] {
            assert!(signed_text(&item).is_err(), "{item}");
        }
    }
}

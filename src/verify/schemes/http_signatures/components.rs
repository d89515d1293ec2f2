//! What of a request a signature may cover (RFC 9421 §2): headers, and parts of the address.
//!
//! Headers are taken as they came, copies joined; the parameters `sf`, `key`, `bs`, `tr` and `req` are not known, and what
//! carries one is no component.

use http::header::{HeaderMap, HeaderName};
use sfv::{FieldType, Item, Parser};

use super::super::super::WebhookRequest;
use super::super::address::Address;

/// One thing that is signed.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// As it stands in the signed text: `"@method"`.
    id: String,
    item: Item,
    part: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Method,
    TargetUri,
    Authority,
    Scheme,
    Path,
    Query,
    QueryParam(String),
    Field(HeaderName),
}

impl Component {
    pub(super) fn read(item: &Item) -> Option<Self> {
        let name = item.bare_item.as_string()?.as_str();
        let part = match name {
            "@query-param" => {
                let value = item.params.get("name")?.as_string()?;
                Part::QueryParam(value.as_str().to_owned())
            }
            "@method" => Part::Method,
            "@target-uri" => Part::TargetUri,
            "@authority" => Part::Authority,
            "@scheme" => Part::Scheme,
            "@path" => Part::Path,
            "@query" => Part::Query,
            name => {
                let header = HeaderName::from_bytes(name.as_bytes()).ok()?;
                // The signed text has names in lower case.
                Part::Field(header).of_name(name)?
            }
        };
        let parameters = usize::from(matches!(part, Part::QueryParam(_)));
        (item.params.len() == parameters).then(|| Self {
            id: item.serialize(),
            item: item.clone(),
            part,
        })
    }

    /// As a person writes it: `@method`, `@query-param;name="id"`.
    pub(super) fn written(text: &str) -> Option<Self> {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mark = if parameters.is_empty() { "" } else { ";" };
        let item = Parser::new(&format!("\"{name}\"{mark}{parameters}"))
            .parse::<Item>()
            .ok()?;
        Self::read(&item)
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn item(&self) -> Item {
        self.item.clone()
    }

    pub(super) fn is_digest(&self) -> bool {
        self.part == Part::Field(super::DIGEST)
    }

    /// Whether covering this covers the other: the whole address covers its parts.
    pub(super) fn stands_for(&self, other: &Self) -> bool {
        let of_address = matches!(
            other.part,
            Part::Authority | Part::Scheme | Part::Path | Part::Query
        );
        self.id == other.id || (self.part == Part::TargetUri && of_address)
    }

    /// None where the request has no such thing, or not as one text.
    pub(super) fn value(&self, request: &WebhookRequest, address: &Address) -> Option<String> {
        Some(match &self.part {
            Part::Method => request.method.to_string(),
            Part::TargetUri => address.called(&request.query),
            Part::Authority => address.host_and_port(),
            Part::Scheme => address.scheme().to_owned(),
            Part::Path => address.path().to_owned(),
            Part::Query => format!("?{}", request.query),
            Part::QueryParam(name) => parameter(&request.query, name)?,
            Part::Field(name) => field(&request.headers, name)?,
        })
    }
}

impl Part {
    fn of_name(self, name: &str) -> Option<Self> {
        match &self {
            Self::Field(header) if header.as_str() == name => Some(self),
            _ => None,
        }
    }
}

/// All copies of a header, joined.
pub(super) fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let copies: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().ok().map(str::trim))
        .collect::<Option<_>>()?;
    (!copies.is_empty()).then(|| copies.join(", "))
}

/// Decoded and encoded anew (§2.2.8); one that stands twice cannot be named.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut found = form_urlencoded::parse(query.as_bytes())
        .filter(|(written, _)| encode(written) == name)
        .map(|(_, value)| encode(&value));
    let value = found.next()?;
    found.next().is_none().then_some(value)
}

fn encode(text: &str) -> String {
    let plain: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    plain.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_written_as_a_person_would() {
        let id = |text| Component::written(text).map(|component| component.id);
        assert_eq!(id("@method").as_deref(), Some("\"@method\""));
        assert_eq!(id("content-digest").as_deref(), Some("\"content-digest\""));
        assert_eq!(
            id("@query-param;name=\"id\"").as_deref(),
            Some("\"@query-param\";name=\"id\"")
        );
        for text in [
            "",
            "@status",
            "@signature-params",
            "@query-param",
            "Content-Type",
            "date;sf",
            "a b",
            "@method;req",
            "x\"y",
        ] {
            assert_eq!(id(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_parameter_is_encoded_as_the_rfc_says() {
        // §2.2.8.
        let query = "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
        assert_eq!(
            parameter(query, "var").as_deref(),
            Some("this%20is%20a%20big%0Amultiline%20value")
        );
        assert_eq!(
            parameter(query, "bar").as_deref(),
            Some("with%20plus%20whitespace")
        );
        assert_eq!(
            parameter(query, "fa%C3%A7ade%22%3A%20").as_deref(),
            Some("something")
        );
        assert_eq!(parameter("a=1&a=2", "a"), None);
        assert_eq!(parameter("", "a"), None);
    }
}

//! What is signed, as a template: `"{timestamp}.{body}"`.
//!
//! Names are `{body}`, `{timestamp}` and `{id}`; everything else stands for itself.

/// A compiled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Body,
    Timestamp,
    Id,
}

/// What the names stand for in one request, as received.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields<'a> {
    pub(super) body: &'a [u8],
    pub(super) timestamp: &'a str,
    pub(super) id: &'a str,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    #[error("`{{{0}}}` is not one of {{body}}, {{timestamp}}, {{id}}")]
    UnknownName(String),
    #[error("a brace without its partner")]
    Unbalanced,
    #[error("`{{body}}` must be part of what is signed")]
    NoBody,
}

impl Template {
    pub(super) fn compile(text: &str) -> Result<Self, TemplateFault> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            push_literal(&mut parts, literal)?;
            let (name, tail) = after.split_once('}').ok_or(TemplateFault::Unbalanced)?;
            parts.push(match name {
                "body" => Part::Body,
                "timestamp" => Part::Timestamp,
                "id" => Part::Id,
                other => return Err(TemplateFault::UnknownName(other.to_owned())),
            });
            rest = tail;
        }
        push_literal(&mut parts, rest)?;
        let template = Self(parts);
        if template.names(&Part::Body) {
            Ok(template)
        } else {
            Err(TemplateFault::NoBody)
        }
    }

    pub(super) fn names_timestamp(&self) -> bool {
        self.names(&Part::Timestamp)
    }

    pub(super) fn names_id(&self) -> bool {
        self.names(&Part::Id)
    }

    /// No text that parts `{id}` from what stands beside it in the template occurs in the id itself; else a signed body
    /// could be cut elsewhere and still match.
    pub(super) fn bounds_id(&self, id: &str) -> bool {
        let parted = |text: &str| !id.contains(text);
        self.0.windows(3).all(|three| match three {
            [Part::Body, Part::Literal(text), Part::Id] => parted(text),
            _ => true,
        }) && self.0.windows(2).all(|pair| match pair {
            [Part::Id, Part::Literal(text)] => parted(text),
            _ => true,
        })
    }

    fn names(&self, part: &Part) -> bool {
        self.0.contains(part)
    }

    /// The signed bytes, piece by piece: the body is never copied.
    pub(super) fn render<'a>(&'a self, fields: Fields<'a>) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().map(move |part| match part {
            Part::Literal(text) => text.as_bytes(),
            Part::Body => fields.body,
            Part::Timestamp => fields.timestamp.as_bytes(),
            Part::Id => fields.id.as_bytes(),
        })
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) -> Result<(), TemplateFault> {
    if text.contains('}') {
        return Err(TemplateFault::Unbalanced);
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_in_order_with_literals() {
        let template = Template::compile("v0:{timestamp}:{body}").unwrap();
        let fields = Fields {
            body: b"{\"a\":1}",
            timestamp: "12",
            id: "",
        };
        let bytes: Vec<u8> = template.render(fields).flatten().copied().collect();
        assert_eq!(bytes, b"v0:12:{\"a\":1}");
        assert!(template.names_timestamp() && !template.names_id());
    }

    #[test]
    fn an_id_ends_where_the_template_says() {
        let bounds = |text: &str, id: &str| Template::compile(text).unwrap().bounds_id(id);
        for text in ["{id}.{body}", "{body}.{id}", "{id}.{timestamp}.{body}"] {
            assert!(bounds(text, "a-b"), "{text}");
            assert!(!bounds(text, "a.b"), "{text}");
        }
        assert!(bounds("{timestamp}.{id}:{body}", "a.b"), "a time is digits");
    }

    #[test]
    fn faults_say_what_is_wrong() {
        let fault = |text| Template::compile(text).unwrap_err();
        assert_eq!(
            fault("{ts}.{body}"),
            TemplateFault::UnknownName("ts".to_owned())
        );
        assert_eq!(fault("{body"), TemplateFault::Unbalanced);
        assert_eq!(fault("body}"), TemplateFault::Unbalanced);
        assert_eq!(fault("{timestamp}"), TemplateFault::NoBody);
        assert_eq!(fault(""), TemplateFault::NoBody);
    }
}

//! The headers that a scheme reads, under the names of one family or of another.

use http::header::HeaderName;

use super::WebhookRequest;
use super::scheme::SchemeFault;

/// The headers that the scheme reads.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) signature: HeaderName,
    pub(super) id: Option<HeaderName>,
    /// None where the time is an entry of the signature's header.
    pub(super) timestamp: Option<HeaderName>,
}

impl Names {
    pub(super) fn compile(
        signature: &str,
        id: Option<&str>,
        timestamp: Option<&str>,
    ) -> Result<Self, SchemeFault> {
        Ok(Self {
            signature: header_name(signature)?,
            id: id.map(header_name).transpose()?,
            timestamp: timestamp.map(header_name).transpose()?,
        })
    }

    pub(super) fn any_in(&self, request: &WebhookRequest) -> bool {
        self.all().any(|name| request.headers.contains_key(name))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &HeaderName> {
        let others = self.id.iter().chain(&self.timestamp);
        [&self.signature].into_iter().chain(others)
    }
}

/// The headers that count on from the first: `NAME-1`, `NAME-2`.
pub(super) fn numbered(first: &HeaderName, request: &WebhookRequest) -> Vec<HeaderName> {
    let Some(stem) = first.as_str().strip_suffix('1') else {
        return vec![first.clone()];
    };
    let number = |name: &HeaderName| {
        let digits = name.as_str().strip_prefix(stem)?;
        digits
            .parse::<u32>()
            .ok()
            .filter(|n| n.to_string() == digits)
    };
    let mut found: Vec<_> = request
        .headers
        .keys()
        .filter_map(|name| Some((number(name)?, name.clone())))
        .collect();
    found.sort_unstable_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, name)| name).collect()
}

pub(super) fn header_name(name: &str) -> Result<HeaderName, SchemeFault> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| SchemeFault::HeaderName(name.to_owned()))
}

//! Where traces go: OpenTelemetry's own variables, `OTEL_*`.
//!
//! They are not ours to name, and other programs of the pod may be told by the same ones: so they are no flags, what is unset
//! or empty is not there, and without an address there are no traces. What is given and cannot be obeyed is refused here, and
//! costs the traces alone. A value is never repeated, for a token may be in it.

use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::telemetry::trace::{Batch, Options, Sampler};

/// Where receivers of traces listen if nothing else is said.
const LOCAL: &str = "http://localhost:4318";

/// More would be memory that nobody expects to be taken.
const MAX_QUEUE: usize = 1 << 20;

/// Needs what only a certificate of the operator's own would give; it would be wrong to send without.
const UNREAD: [&str; 6] = [
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
];

/// A variable that cannot be obeyed, and what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} cannot be obeyed: {allowed}")]
pub struct Error {
    variable: String,
    allowed: &'static str,
}

/// None: no traces are wanted. `variable` gives the value of a name.
pub fn traces(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Options>, Error> {
    let variables = Variables(variable);
    if variables.disabled()? {
        return Ok(None);
    }
    let Some(endpoint) = variables.endpoint()? else {
        return Ok(None);
    };
    variables.protocol()?;
    for name in UNREAD {
        if variables.get(name).is_some() {
            let allowed = "traces go by the authorities that the system trusts; unset it";
            return Err(refused(name, allowed));
        }
    }
    Ok(Some(Options {
        endpoint,
        headers: variables.headers()?,
        gzip: variables.gzip()?,
        timeout: variables.timeout()?,
        resource: variables.resource()?,
        sampler: variables.sampler()?,
        batch: variables.batch()?,
    }))
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?.trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    }

    /// What is said of traces, or else of everything that is exported; with the name that said it.
    fn exporter(&self, what: &str) -> Option<(String, String)> {
        let names = [
            format!("OTEL_EXPORTER_OTLP_TRACES_{what}"),
            format!("OTEL_EXPORTER_OTLP_{what}"),
        ];
        let found = |name: String| self.get(&name).map(|value| (name, value));
        names.into_iter().find_map(found)
    }

    fn disabled(&self) -> Result<bool, Error> {
        let Some(value) = self.get("OTEL_SDK_DISABLED") else {
            return Ok(false);
        };
        let value = value.to_ascii_lowercase().parse();
        value.map_err(|_| refused("OTEL_SDK_DISABLED", "true or false is allowed"))
    }

    /// None where nobody asks for traces.
    fn endpoint(&self) -> Result<Option<Url>, Error> {
        let exporter = self.get("OTEL_TRACES_EXPORTER");
        let asked = match exporter.as_deref() {
            None => false,
            Some("otlp") => true,
            Some("none") => return Ok(None),
            Some(_) => return Err(refused("OTEL_TRACES_EXPORTER", "otlp or none is allowed")),
        };
        if let Some(own) = self.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            return address("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &own).map(Some);
        }
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let Some(base) = self.get(name).or_else(|| asked.then(|| LOCAL.to_owned())) else {
            return Ok(None);
        };
        let mut url = address(name, &base)?;
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Some(url))
    }

    fn protocol(&self) -> Result<(), Error> {
        match self.exporter("PROTOCOL") {
            Some((name, value)) if value != "http/protobuf" => Err(refused(
                &name,
                "http/protobuf is allowed, which receivers take on port 4318; grpc and http/json are not spoken",
            )),
            _ => Ok(()),
        }
    }

    fn headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        let Some((name, value)) = self.exporter("HEADERS") else {
            return Ok(headers);
        };
        let wrong = || {
            refused(
                &name,
                "allowed is NAME=VALUE, with commas between, values percent-encoded",
            )
        };
        for (header, value) in pairs(&value).ok_or_else(wrong)? {
            let header = HeaderName::from_str(&header).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(headers)
    }

    fn gzip(&self) -> Result<bool, Error> {
        match self.exporter("COMPRESSION") {
            None => Ok(false),
            Some((_, value)) if value == "gzip" => Ok(true),
            Some((_, value)) if value == "none" => Ok(false),
            Some((name, _)) => Err(refused(&name, "gzip or none is allowed")),
        }
    }

    fn timeout(&self) -> Result<Duration, Error> {
        let given = self.exporter("TIMEOUT");
        let given = given.or_else(|| {
            let name = "OTEL_BSP_EXPORT_TIMEOUT";
            self.get(name).map(|value| (name.to_owned(), value))
        });
        let Some((name, value)) = given else {
            return Ok(Duration::from_secs(10));
        };
        millis(&name, &value)
    }

    /// The service's name first from its own variable.
    fn resource(&self) -> Result<Vec<(String, String)>, Error> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let given = self.get(name).unwrap_or_default();
        let mut resource = pairs(&given).ok_or_else(|| {
            refused(
                name,
                "allowed is NAME=VALUE, with commas between, values percent-encoded",
            )
        })?;
        if let Some(service) = self.get("OTEL_SERVICE_NAME") {
            resource.retain(|(name, _)| name != "service.name");
            resource.push(("service.name".to_owned(), service));
        }
        for (name, value) in [
            ("service.name", "signalpost"),
            ("service.version", env!("CARGO_PKG_VERSION")),
        ] {
            if resource.iter().all(|(given, _)| given != name) {
                resource.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(resource)
    }

    fn sampler(&self) -> Result<Sampler, Error> {
        let (name, argument) = ("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG");
        let given = self.get(name);
        let given = given.as_deref().unwrap_or("parentbased_always_on");
        let (parent_based, root) = match given.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, given),
        };
        let ratio = match root {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => match self.get(argument) {
                None => 1.0,
                Some(ratio) => ratio
                    .parse()
                    .ok()
                    .filter(|ratio| (0.0..=1.0).contains(ratio))
                    .ok_or_else(|| refused(argument, "a number from 0 to 1 is allowed"))?,
            },
            _ => {
                return Err(refused(
                    name,
                    "always_on, always_off, traceidratio, or one of them after parentbased_ is allowed",
                ));
            }
        };
        Ok(Sampler {
            ratio,
            parent_based,
        })
    }

    fn batch(&self) -> Result<Batch, Error> {
        let count = |name: &str| -> Result<Option<usize>, Error> {
            let Some(value) = self.get(name) else {
                return Ok(None);
            };
            let count = value.parse().ok();
            let count = count.filter(|count| (1..=MAX_QUEUE).contains(count));
            let wrong = || refused(name, "a whole number from 1 to 1048576 is allowed");
            count.ok_or_else(wrong).map(Some)
        };
        let default = Batch::default();
        let queue = count("OTEL_BSP_MAX_QUEUE_SIZE")?.unwrap_or(default.queue);
        let size = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
        let size = match count(size)? {
            Some(given) if given > queue => {
                return Err(refused(
                    size,
                    "no more than OTEL_BSP_MAX_QUEUE_SIZE is allowed",
                ));
            }
            Some(given) => given,
            None => default.size.min(queue),
        };
        let delay = "OTEL_BSP_SCHEDULE_DELAY";
        let delay = match self.get(delay) {
            Some(value) => millis(delay, &value)?,
            None => default.delay,
        };
        Ok(Batch { queue, size, delay })
    }
}

fn refused(variable: &str, allowed: &'static str) -> Error {
    Error {
        variable: variable.to_owned(),
        allowed,
    }
}

fn address(name: &str, text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| {
        refused(
            name,
            "an address that begins with http:// or https:// is allowed",
        )
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            name,
            "it must hold no user and no password; send them by OTEL_EXPORTER_OTLP_HEADERS",
        ));
    }
    Ok(url)
}

fn millis(name: &str, text: &str) -> Result<Duration, Error> {
    let millis = text.parse().ok().filter(|millis| *millis > 0);
    let wrong = || {
        refused(
            name,
            "a whole number of milliseconds, 1 or more, is allowed",
        )
    };
    millis.map(Duration::from_millis).ok_or_else(wrong)
}

/// `a=b,c=d`, the values percent-encoded. None: it is none of that.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let written = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), value.into_owned()))
    };
    written.map(pair).collect()
}

#[cfg(test)]
mod tests;

//! Who calls: on record, through which proxies, from which pages, how often.

use std::path::PathBuf;

use clap::Args;
use http::HeaderValue;

use super::values::{self, duration, size};
use crate::rate::Rate;
use crate::server::client::{Header, Network, Proxies};
use crate::server::{cors, limits};
use crate::telemetry::audit::Target;

/// Part of the list of `serve`.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub struct CallerSettings {
    /// Where audit lines go: stderr, or file:PATH, which is made with mode 0600 and appended to. After the path may
    /// stand, with commas before each: required (no access without its line: 503 while lines cannot be written),
    /// max_size=SIZE and max_age=DURATION (then it is renamed to PATH.TIME and begun anew), keep=COUNT (of those so
    /// renamed, the newest). Unless given: max_size=100MiB,keep=10. On SIGHUP it is looked for at its path again.
    #[arg(long, env = "SIGNALPOST_AUDIT", value_name = "TARGET")]
    #[arg(default_value = "stderr", value_parser = audit)]
    pub audit: Target,

    /// Proxies that are believed about whom they speak for: addresses and networks, with commas between. The client
    /// is the rightmost address that is none of them.
    #[arg(
        long,
        env = "SIGNALPOST_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<Network>,

    /// The one header that is read from them: X-Forwarded-For or Forwarded.
    #[arg(
        long,
        env = "SIGNALPOST_TRUSTED_PROXY_HEADER",
        value_name = "HEADER",
        default_value = "X-Forwarded-For"
    )]
    pub trusted_proxy_header: Header,

    /// What providers call, without the path: `https://hooks.example.com`. Some sign the address; a source's
    /// `public_url` goes before it.
    #[arg(long, env = "SIGNALPOST_PUBLIC_URL", value_name = "URL")]
    #[arg(value_parser = values::public_url)]
    pub public_url: Option<String>,

    /// Web pages that may ask queries: their origins, with commas between. Unless given: none.
    #[arg(
        long,
        env = "SIGNALPOST_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    #[arg(value_parser = cors::origin)]
    pub cors_origins: Vec<HeaderValue>,

    /// How often one address (of IPv6: one /64) may come, whatever it wants: 100/s, 600/m, 1000/h. More are answered
    /// 429. Unless given: as often as it likes, for a provider sends everything from a few addresses, and behind a
    /// proxy that is not among --trusted-proxies everybody has one.
    #[arg(long, env = "SIGNALPOST_ADDRESS_RATE", value_name = "RATE")]
    #[arg(value_parser = values::rate)]
    pub address_rate: Option<Rate>,

    /// How many bad tokens of one address are looked at, or off. Beyond it 429 without a look, but for a token that
    /// was good in the last 15 minutes. Signatures of webhooks are not counted.
    #[arg(long, env = "SIGNALPOST_AUTH_FAILURES", value_name = "RATE")]
    #[arg(default_value = "60/m", value_parser = values::rate_or_off)]
    pub auth_failures: values::RateOrOff,

    /// How often one caller may ask, over all queries: 50/s. More are answered 429. Unless given: as often as it
    /// likes; a rule has a `rate` of its own.
    #[arg(long, env = "SIGNALPOST_QUERY_RATE", value_name = "RATE")]
    #[arg(value_parser = values::rate)]
    pub query_rate: Option<Rate>,
}

impl CallerSettings {
    pub(super) fn rates(&self) -> limits::Options {
        limits::Options {
            address: self.address_rate,
            auth_failures: self.auth_failures.0,
            query: self.query_rate,
        }
    }

    pub(super) fn proxies(&self) -> Proxies {
        Proxies {
            trusted: self.trusted_proxies.clone(),
            header: self.trusted_proxy_header,
        }
    }
}

fn audit(text: &str) -> Result<Target, String> {
    if text == "stderr" {
        return Ok(Target::Stderr);
    }
    let wrong = "allowed is stderr, or file:PATH with required, max_size=SIZE, max_age=DURATION, keep=COUNT after it";
    let mut parts = text.strip_prefix("file:").ok_or(wrong)?.split(',');
    let path = parts.next().filter(|path| !path.is_empty()).ok_or(wrong)?;
    let mut target = Target::file(PathBuf::from(path));
    if let Target::File(options) = &mut target {
        for part in parts {
            match part.split_once('=') {
                None if part == "required" => options.required = true,
                Some(("max_size", value)) => options.max_bytes = size(value)?.bytes() as u64,
                Some(("max_age", value)) => options.max_age = Some(duration(value)?),
                Some(("keep", value)) => {
                    options.keep = value.parse().map_err(|_| wrong)?;
                }
                _ => return Err(wrong.to_owned()),
            }
        }
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_audit_file_says_what_it_keeps() {
        assert_eq!(audit("stderr"), Ok(Target::Stderr));
        assert_eq!(audit("file:a.log"), Ok(Target::file("a.log".into())));
        let full = audit("file:/a/b.log,required,max_size=1KiB,max_age=1d,keep=3");
        let Ok(Target::File(options)) = full else {
            panic!("{full:?}");
        };
        assert_eq!(options.path, PathBuf::from("/a/b.log"));
        assert!(options.required);
        assert_eq!(options.max_bytes, 1024);
        assert_eq!(options.max_age, Some(Duration::from_hours(24)));
        assert_eq!(options.keep, 3);
        for text in [
            "",
            "stdout",
            "file:",
            "file:a,",
            "file:a,max_size=0",
            "file:a,keep=-1",
            "file:a,require",
            "stderr,required",
        ] {
            assert!(audit(text).is_err(), "{text}");
        }
    }
}

//! Where a trace goes on: its id, the span that caused what follows, and whether it is recorded.
//!
//! Written and read as the value of W3C's `traceparent`, 55 bytes. Kept with a delivery, so that an attempt made later, after
//! a restart or by another replica still belongs to the webhook's trace. Pure; knows no OpenTelemetry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

/// No `traceparent` of a form that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent: 00-TRACE-SPAN-FLAGS in hexadecimal digits is one")]
pub struct Malformed;

impl TraceContext {
    /// None: one of the ids is zero, which stands for no trace at all.
    #[must_use]
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: bool) -> Option<Self> {
        let valid = trace != [0; 16] && span != [0; 8];
        valid.then_some(Self {
            trace,
            span,
            sampled,
        })
    }

    #[must_use]
    pub const fn trace(&self) -> [u8; 16] {
        self.trace
    }

    #[must_use]
    pub const fn span(&self) -> [u8; 8] {
        self.span
    }

    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// 32 hexadecimal digits, as every tool for traces asks for them.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hex::encode(self.trace), hex::encode(self.span));
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

impl FromStr for TraceContext {
    type Err = Malformed;

    /// Of a later version, what this one has of it; `ff` is none.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(Malformed);
        let [version] = digits::<1>(next()?)?;
        let (trace, span) = (digits(next()?)?, digits(next()?)?);
        let [flags] = digits::<1>(next()?)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(Malformed);
        }
        Self::new(trace, span, flags & 1 == 1).ok_or(Malformed)
    }
}

/// Lower-case only, as the standard has it.
fn digits<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Malformed);
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| Malformed)?;
    Ok(bytes)
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_as_w3c_has_it() {
        let read: TraceContext = GOOD.parse().unwrap();
        assert!(read.is_sampled());
        assert_eq!(read.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.to_string(), GOOD);
        let later = format!("{}-more", GOOD.replacen("00", "01", 1));
        assert_eq!(later.parse(), Ok(read), "a later version may have more");
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(bad.parse::<TraceContext>(), Err(Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(trace: [u8; 16], span: [u8; 8], sampled: bool) {
            if let Some(context) = TraceContext::new(trace, span, sampled) {
                let text = context.to_string();
                prop_assert_eq!(text.len(), 55);
                prop_assert_eq!(text.parse(), Ok(context));
            }
        }

        #[test]
        fn nothing_that_strangers_send_does_harm(text in "\\PC{0,80}") {
            if let Ok(read) = text.parse::<TraceContext>() {
                prop_assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}

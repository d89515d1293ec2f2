//! The log: where it goes, what passes, how it looks.
//!
//! Lines go to stderr, for stdout belongs to results. To a person at a terminal they are text, to
//! anything else JSON, one object a line. The audit line is not part of the log: see `audit`.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("`text` or `json` is allowed"),
        }
    }
}

/// Which lines pass, in the syntax of tracing's directives: known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match EnvFilter::try_new(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!(
                "{error}; allowed is a level (error, warn, info, debug, trace, off) or a list \
                 such as `info,signalpost::delivery=debug`"
            )),
        }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub filter: Filter,
    /// None: text on a terminal, else JSON.
    pub format: Option<Format>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log filter is malformed: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("the log is set up already")]
    AlreadySet(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Sets up the process's log. Once, at start.
pub fn init(options: &Options) -> Result<(), Error> {
    let terminal = io::stderr().is_terminal();
    let builder = fmt()
        .with_env_filter(EnvFilter::try_new(&options.filter.0)?)
        .with_writer(io::stderr);
    let format = options
        .format
        .unwrap_or(if terminal { Format::Text } else { Format::Json });
    match format {
        Format::Text => {
            let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            tracing::subscriber::set_global_default(builder.with_ansi(colour).finish())?;
        }
        Format::Json => {
            let json = builder.json().flatten_event(true).with_span_list(false);
            tracing::subscriber::set_global_default(json.finish())?;
        }
    }
    Ok(())
}

/// An error and its causes in one line. Libraries often name only the address in the outermost text,
/// and repeat a cause in the one above it: the same text is said once.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let inner = cause.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_checked_before_it_is_used() {
        assert!("info,signalpost::delivery=debug".parse::<Filter>().is_ok());
        let error = "signalpost=loud".parse::<Filter>().unwrap_err();
        assert!(error.contains("allowed is a level"), "{error}");
    }

    #[test]
    fn causes_are_told_once_each() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect: refused")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("refused")]
        struct Inner(#[source] std::io::Error);
        let deepest = std::io::Error::other("no route");
        assert_eq!(
            causes(&Outer(Inner(deepest))),
            "cannot connect: refused: no route"
        );
    }

    #[test]
    fn a_format_is_text_or_json() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert!("xml".parse::<Format>().is_err());
    }
}

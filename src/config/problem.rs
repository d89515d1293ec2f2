//! What is wrong with a routing file, where, and what to write instead.
//!
//! A [`Finding`] is made where the fault is seen and knows its byte range; a [`Problem`] is what a
//! person or a program gets, with line, column and the line itself (secrets masked already).
//! Imports nothing of this crate but its neighbours.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::codes::Code;
use super::source_text::{Excerpt, SourceText};

/// An error refuses the file, a warning is only said. A note is no fault: what somebody chose, and ought to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// One problem. Its `Display` is the text for a terminal, its `Serialize` that of `check -o json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    pub file: String,
    /// Counted from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    #[serde(skip)]
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

impl Problem {
    /// A problem of the file as a whole, such as that it cannot be read.
    pub(super) fn of_file(file: &str, code: Code, message: String, help: &str) -> Self {
        Self {
            code: code.as_str(),
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            column: 0,
            span: 0..0,
            message,
            help: Some(help.to_owned()),
            excerpt: None,
        }
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(f, "{severity}[{}]: {}", self.code, self.message)?;
        let gutter = self.line.to_string().len();
        if let Some(excerpt) = &self.excerpt {
            let place = format!("{}:{}:{}", self.file, self.line, self.column);
            writeln!(f, "{:gutter$}--> {place}", "")?;
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(
                f,
                "{}",
                format!("{} | {}", self.line, excerpt.line).trim_end()
            )?;
            let carets = "^".repeat(excerpt.width);
            writeln!(f, "{:gutter$} | {:2$}{carets}", "", "", excerpt.caret)?;
        } else {
            writeln!(f, "{:gutter$}--> {}", "", self.file)?;
        }
        if let Some(help) = &self.help {
            writeln!(f, "{:gutter$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// A fault at a byte range of the file.
#[derive(Debug)]
pub(super) struct Finding {
    code: Code,
    severity: Severity,
    span: Range<usize>,
    message: String,
    help: Option<String>,
}

impl Finding {
    pub(super) fn error(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn warning(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    pub(super) fn note(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, span, message)
        }
    }

    pub(super) fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    fn locate(self, text: &SourceText<'_>) -> Problem {
        let (line, column) = text.position(self.span.start);
        Problem {
            code: self.code.as_str(),
            severity: self.severity,
            file: text.file.to_owned(),
            line,
            column,
            excerpt: Some(text.excerpt(&self.span)),
            span: self.span,
            message: self.message,
            help: self.help,
        }
    }
}

/// Everything found so far: no check stops at the first fault.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_error(&self) -> bool {
        self.0
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// In the order of the file.
    pub(super) fn locate(mut self, text: &SourceText<'_>) -> Vec<Problem> {
        self.0
            .sort_by_key(|finding| (finding.span.start, finding.severity));
        self.0
            .into_iter()
            .map(|finding| finding.locate(text))
            .collect()
    }
}

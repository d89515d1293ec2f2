//! The file of operators' tokens: a line for each, `name role sha256:HEX`.
//!
//! Blank lines and those that begin with `#` are comments. An error names the line and what should
//! stand there, never what does.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DEFAULT, Digest, Entry, LOCAL, Operator, Role};

/// Room for some thousand tokens.
const MAX_BYTES: u64 = 1 << 20;

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("--ops-tokens-file {path} cannot be read: {source}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("--ops-tokens-file {0} is larger than 1 MiB")]
    TooLarge(PathBuf),
    #[error("--ops-tokens-file {0} names no token; a line is `name role sha256:HEX`")]
    Empty(PathBuf),
    #[error("--ops-tokens-file {path}, line {line}: {fault}")]
    Line {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        fault: &'static str,
    },
}

pub(super) fn read(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge(path.to_owned()));
    }
    Ok(text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut names = HashSet::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = entry(line).and_then(|entry| {
            if names.insert(Arc::clone(&entry.operator.name)) {
                Ok(entry)
            } else {
                Err("an operator of this name stands above")
            }
        });
        entries.push(entry.map_err(|fault| Error::Line {
            path: path.to_owned(),
            line: at + 1,
            fault,
        })?);
    }
    if entries.is_empty() {
        return Err(Error::Empty(path.to_owned()));
    }
    Ok(entries)
}

fn entry(line: &str) -> Result<Entry, &'static str> {
    let mut words = line.split_whitespace();
    let (Some(name), Some(role), Some(digest), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a line is three words: `name role sha256:HEX`");
    };
    if name == DEFAULT || name == LOCAL {
        return Err("`default` and `local` are names of the gateway's own; choose another");
    }
    let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'@');
    if name.len() > 64 || !name.bytes().all(good) {
        return Err("a name is at most 64 letters, digits, and - _ . @");
    }
    let role = match role {
        "read" => Role::Read,
        "act" => Role::Act,
        _ => return Err("the role is `read` or `act`"),
    };
    let wrong = "the token is written `sha256:` and the 64 hex digits of its SHA-256: \
                 printf %s \"$TOKEN\" | sha256sum";
    let digits = digest.strip_prefix("sha256:").ok_or(wrong)?;
    let mut digest = [0; 32];
    hex::decode_to_slice(digits, &mut digest).map_err(|_| wrong)?;
    Ok(Entry {
        operator: Operator {
            name: Arc::from(name),
            role,
        },
        digest: Digest(digest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<usize, String> {
        parse(Path::new("tokens"), text)
            .map(|entries| entries.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let hex = "0".repeat(64);
        let good = format!("# ours\n\nann read sha256:{hex}\nbob act sha256:{hex}\n");
        assert_eq!(parsed(&good), Ok(2));
        for (line, says) in [
            ("ann read", "three words"),
            (&*format!("eve admin sha256:{hex}"), "`read` or `act`"),
            ("eve act s3cret", "64 hex digits"),
            ("eve act sha256:12", "64 hex digits"),
            (&*format!("ann act sha256:{hex}"), "stands above"),
            (&*format!("local act sha256:{hex}"), "choose another"),
            (&*format!("e/ve act sha256:{hex}"), "at most 64"),
        ] {
            let error = parsed(&format!("{good}{line}\n")).unwrap_err();
            assert!(error.contains("line 5") && error.contains(says), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_file_without_tokens_lets_nobody_in_and_is_refused() {
        assert!(parsed("# none yet\n").unwrap_err().contains("no token"));
    }
}

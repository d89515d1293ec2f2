//! The operators' tokens: from the environment or files to [`Operators`].
//!
//! The token of `--ops-token` or its file stands for the operator `default`; those of
//! `--ops-tokens-file` have names and roles of their own.

use super::{Error, ServeSettings};
use crate::secret::Secret;
use crate::server::operators::Operators;

impl ServeSettings {
    pub(super) fn operators(&self) -> Result<Operators, Error> {
        let token = self.ops_token()?;
        let file = self.ops_tokens_file.as_deref();
        Ok(Operators::open(token.as_ref(), file)?)
    }

    fn ops_token(&self) -> Result<Option<Secret>, Error> {
        let token = match (&self.ops_token, &self.ops_token_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(Error::TwoOpsTokens),
            (Some(token), None) => token.clone(),
            (None, Some(path)) => {
                let mut bytes = std::fs::read(path).map_err(|source| Error::OpsTokenFile {
                    path: path.clone(),
                    source,
                })?;
                if bytes.last() == Some(&b'\n') {
                    bytes.pop();
                }
                if bytes.is_empty() {
                    return Err(Error::EmptyOpsTokenFile(path.clone()));
                }
                Secret::new(bytes)
            }
        };
        if !token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(Error::UnsendableOpsToken);
        }
        Ok(Some(token))
    }
}

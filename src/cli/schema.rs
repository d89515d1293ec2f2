//! `signalpost schema`: the JSON Schema of routes.toml, for editors.

use clap::Args;

use super::{End, print};
use crate::config;

/// Print the JSON Schema of routing files (draft 2020-12), with which an editor completes and checks them.
///
/// `#:schema ./routes.schema.json` as the first line of a routing file tells Taplo and Even Better TOML where it is.
/// Whether names, expressions and secrets are right is for `signalpost check` to say.
#[derive(Args, Debug)]
pub(super) struct Arguments {}

pub(super) fn run() -> End {
    print(&format!("{:#}", config::schema()));
    End::Ok
}

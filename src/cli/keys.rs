//! `signalpost keys new`: an API key for a machine, and the table for routes.toml that knows it.
//!
//! The key is shown once and kept nowhere. The table goes to stdout, so that it can be appended to the
//! routing file as it is; the key goes to stderr, so that it does not end there too.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{End, Output, complain, print};
use crate::clock::{self, Timestamp};
use crate::token::api_keys;
use crate::{config, duration};

/// Make API keys for callers that are machines.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
}

/// Make a key, and print the `[keys.NAME]` table that goes into the routing file.
///
/// The table goes to stdout, the key to stderr; with `-o json` both go to stdout. The key is shown once: only
/// its hash is kept, in the table. Queries and `jwt` sources take it where their `issuer` names `keys`.
#[derive(Args, Debug)]
struct New {
    /// Whose key it is, as audit lines will say: `keys:NAME`. Default: made of the hash.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,

    /// Roles of its bearer, with commas between.
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',', value_parser = role)]
    roles: Vec<String>,

    /// When it ends: after a time (`90d`), or at a date (`2027-01-01`, or RFC 3339). Default: never.
    #[arg(long, value_name = "AGE|DATE", value_parser = end)]
    expires: Option<Timestamp>,

    /// Print for people or for programs.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

fn name(text: &str) -> Result<String, &'static str> {
    if config::is_key_name(text) {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 of a-z, A-Z, 0-9, `-` and `_`")
    }
}

fn role(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        Err("a role is empty")
    } else {
        Ok(text.to_owned())
    }
}

fn end(text: &str) -> Result<Timestamp, &'static str> {
    let now = clock::now();
    let age = duration::parse(text).ok().map(|age| now.plus(age));
    let at = age
        .or_else(|| Timestamp::parse_rfc3339(text))
        .or_else(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")))
        .ok_or(
            "write a time as in `90d`, or a date as in `2027-01-01` or `2027-01-01T12:00:00Z`",
        )?;
    if at <= now {
        return Err("this lies in the past");
    }
    Ok(at)
}

pub(super) fn run(arguments: &Arguments) -> End {
    let Command::New(new) = &arguments.command;
    let mut random = [0; api_keys::RANDOM_BYTES];
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        complain("the system gives no random numbers");
        return End::Problem;
    }
    let key = api_keys::format(&random);
    let hash = hex::encode(api_keys::hash(&key));
    let short: String = hash.chars().take(8).collect();
    let name = new.name.clone().unwrap_or_else(|| format!("key-{short}"));
    let expires = new.expires.map(Timestamp::to_rfc3339);
    match new.output {
        Output::Json => print(
            &json!({
                "name": name,
                "key": key,
                "hash": format!("sha256:{hash}"),
                "roles": new.roles,
                "expires": expires,
            })
            .to_string(),
        ),
        Output::Text => {
            print(&table(&name, &hash, &new.roles, expires.as_deref()));
            complain(&format!(
                "The key of `{name}`, shown this once:\n\n    {key}\n\nIt is sent as `Authorization: Bearer {}…`.",
                api_keys::PREFIX
            ));
        }
    }
    End::Ok
}

/// The table as TOML; JSON's strings are TOML's.
fn table(name: &str, hash: &str, roles: &[String], expires: Option<&str>) -> String {
    // An empty line first: the file that this is appended to may not end with a newline.
    let mut lines = vec![
        String::new(),
        format!("[keys.{name}]"),
        format!("hash = \"sha256:{hash}\""),
    ];
    if !roles.is_empty() {
        lines.push(format!("roles = {}", json!(roles)));
    }
    if let Some(expires) = expires {
        lines.push(format!("expires = {expires}"));
    }
    lines.join("\n")
}

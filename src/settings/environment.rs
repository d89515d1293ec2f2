//! Is every `SIGNALPOST_*` variable one of ours, and well-formed?
//!
//! A misspelt variable would otherwise leave a default in force, and nobody would know. The names
//! that Kubernetes injects into every pod beside a Service named `signalpost…` are let through, as
//! exactly as they are written there. What our names are is read off the program's own commands.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use crate::config::suggest;

const PREFIX: &str = "SIGNALPOST_";

/// The names of all variables that `program` and its commands read.
#[must_use]
pub fn names(program: &Command) -> Vec<&str> {
    let mut names: Vec<&str> = arguments(program)
        .into_iter()
        .filter_map(|arg| arg.get_env()?.to_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The first variable that is unknown, empty or malformed, as a sentence; the exit code is 2.
pub fn check(
    program: &Command,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(), String> {
    let mut ours: Vec<(String, OsString)> = variables
        .into_iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    // In the order of names, so that the same environment always gives the same sentence.
    ours.sort();
    let arguments = arguments(program);
    for (name, value) in ours {
        match arguments
            .iter()
            .find(|a| a.get_env() == Some(OsStr::new(&name)))
        {
            Some(argument) => check_value(argument, &name, &value)?,
            None if is_injected(&name, &value) => {}
            None => return Err(unknown(&name, &names(program))),
        }
    }
    Ok(())
}

fn arguments(program: &Command) -> Vec<&Arg> {
    let below = program.get_subcommands().flat_map(arguments);
    program.get_arguments().chain(below).collect()
}

fn check_value(argument: &Arg, name: &str, value: &OsStr) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("{name} is empty; give it a value, or unset it"));
    }
    // The argument alone in a command of its own, so that nothing else can be found wanting.
    let mut flag = OsString::from("--value=");
    flag.push(value);
    let alone = argument
        .clone()
        .long("value")
        .env(None::<&str>)
        .required(false);
    let Err(error) = Command::new("value")
        .arg(alone)
        .try_get_matches_from([OsString::from("value"), flag])
    else {
        return Ok(());
    };
    let allowed = std::error::Error::source(&error)
        .map_or_else(|| allowed_values(argument), ToString::to_string);
    if argument.is_hide_env_values_set() {
        return Err(format!("{name} is malformed: {allowed}"));
    }
    let value = value.to_string_lossy();
    Err(format!("{name}={value:?} is malformed: {allowed}"))
}

/// clap's own parsers of closed sets have no sentence of their own.
fn allowed_values(argument: &Arg) -> String {
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if values.is_empty() {
        return "it must be UTF-8".to_owned();
    }
    format!("allowed is {}", values.join(" or "))
}

fn unknown(name: &str, known: &[&str]) -> String {
    match suggest::nearest(name, known.iter().copied()) {
        Some(candidate) => format!("{name} is no setting; did you mean {candidate}?"),
        None => format!("{name} is no setting; allowed are {}", known.join(", ")),
    }
}

/// `…_SERVICE_HOST`, `…_SERVICE_PORT[_NAME]`, `…_PORT_<digits>_TCP|UDP[…]`, and `…_PORT` whose value
/// is an address. Kubernetes writes its values; a person's `SIGNALPOST_OPS_PORT=8081` is caught.
fn is_injected(name: &str, value: &OsStr) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") {
        return true;
    }
    if let Some((_, port_name)) = name.split_once("_SERVICE_PORT_") {
        return !port_name.is_empty();
    }
    if name.ends_with("_PORT") {
        let value = value.to_string_lossy();
        if value.starts_with("tcp://") || value.starts_with("udp://") {
            return true;
        }
    }
    name.match_indices("_PORT_").any(|(at, separator)| {
        let rest = name.get(at + separator.len()..).unwrap_or_default();
        let protocol = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        protocol.len() < rest.len()
            && ["_TCP", "_UDP"].iter().any(|p| {
                let after = protocol.strip_prefix(p);
                after.is_some_and(|after| after.is_empty() || after.starts_with('_'))
            })
    })
}

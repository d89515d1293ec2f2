//! The scripts, and how they are sent on a connection of one's own.
//!
//! By their digests; a server that does not know one (restarted, failed over, flushed) has executed nothing of it, is given it, and
//! asked again.

use std::sync::LazyLock;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, RedisResult, Script, ServerErrorKind, Value};

pub(super) static ACCEPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/accept.lua")));

pub(super) static FEED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/feed.lua")));

pub(super) static LEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/lease.lua")));

pub(super) static WORK: LazyLock<Script> = LazyLock::new(|| Script::new(&work("")));

/// The same on a server that is full, too: what is there must be delivered, or it would stay full. From Redis 7 on.
pub(super) static WORK_WHEN_FULL: LazyLock<Script> =
    LazyLock::new(|| Script::new(&work("#!lua flags=allow-oom\n")));

fn work(flags: &str) -> String {
    [
        flags,
        include_str!("lua/settle.lua"),
        include_str!("lua/claim.lua"),
        include_str!("lua/work.lua"),
    ]
    .concat()
}

/// A call of the script, to which its arguments are still to be added.
pub(super) fn call(script: &Script, base: &str) -> Cmd {
    let mut command = ::redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(1).arg(base);
    command
}

/// Sends the calls at once, and answers one value for each; `last` goes behind them, and its answer comes last.
///
/// A server's refusal of one stands in its place; an error is of the connection. Where some had to be sent again, `last` is too.
pub(super) async fn send(
    connection: &mut MultiplexedConnection,
    script: &Script,
    calls: &[Cmd],
    last: Option<&Cmd>,
) -> RedisResult<Vec<Value>> {
    let mut answers = pipe(connection, calls.iter(), last).await?;
    let again: Vec<usize> = answers
        .iter()
        .take(calls.len())
        .enumerate()
        .filter(|(_, answer)| is_unknown(answer))
        .map(|(place, _)| place)
        .collect();
    if again.is_empty() {
        return Ok(answers);
    }
    script.load_async(connection).await?;
    let calls = again.iter().filter_map(|&place| calls.get(place));
    let mut anew = pipe(connection, calls, last).await?.into_iter();
    let places = again
        .into_iter()
        .chain(last.is_some().then_some(answers.len() - 1));
    for place in places {
        if let (Some(old), Some(new)) = (answers.get_mut(place), anew.next()) {
            *old = new;
        }
    }
    Ok(answers)
}

async fn pipe<'a>(
    connection: &mut MultiplexedConnection,
    calls: impl Iterator<Item = &'a Cmd>,
    last: Option<&'a Cmd>,
) -> RedisResult<Vec<Value>> {
    let mut pipeline = Pipeline::new();
    for call in calls.chain(last) {
        pipeline.add_command(call.clone());
    }
    connection
        .send_packed_commands(&pipeline, 0, pipeline.len())
        .await
}

fn is_unknown(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}

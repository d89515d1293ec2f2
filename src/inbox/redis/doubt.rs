//! A Redis that was restored from a snapshot or an older log: what is unfinished in it may have been delivered since.
//!
//! Marked before the first replica starts, each of them is proved from its workflow's history before it is sent again.

use std::sync::LazyLock;

use ::redis::Script;

use super::connect::Connector;
use super::failure::Failure;
use super::keys::Keys;
use super::measure::SILENCE;
use super::{Error, Options};

static DOUBT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/doubt.lua")));

/// Deliveries in one call: the server does nothing else meanwhile.
const PAGE: u64 = 1_000;

/// How many are in doubt now: pending ones, parked ones. Refused while a replica lives. Done again it changes nothing.
pub async fn doubt(options: &Options) -> Result<(u64, u64), Error> {
    let connector = Connector::new(options)?;
    let keys = Keys::new(&options.prefix);
    let open = |failure: Failure| Error::Open(failure.to_string());
    let node = connector.find().await.map_err(open)?;
    let mut connection = connector.connect(&node).await.map_err(open)?;
    let mut counts = [0, 0];
    for (state, count) in ["pending", "parked"].into_iter().zip(&mut counts) {
        loop {
            let found: i64 = DOUBT
                .key(keys.base())
                .arg(state)
                .arg(*count)
                .arg(*count + PAGE - 1)
                .arg(SILENCE)
                .invoke_async(&mut connection)
                .await
                .map_err(|error| open(Failure::of(&error)))?;
            let found = match found {
                -1 => {
                    return Err(Error::Open(format!(
                        "Redis holds no store under the prefix {}; look at --redis-prefix and the database's number",
                        keys.prefix()
                    )));
                }
                -2 => {
                    return Err(Error::Open(
                        "a gateway works with this Redis, or did a moment ago: stop all of them, then try again in ten seconds"
                            .to_owned(),
                    ));
                }
                found => found.unsigned_abs(),
            };
            *count += found;
            if found < PAGE {
                break;
            }
        }
    }
    Ok((counts[0], counts[1]))
}

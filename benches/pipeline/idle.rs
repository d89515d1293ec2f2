//! The memory of a gateway that is connected and has nothing to do.

use std::time::Duration;

use super::gateway::Gateway;
use super::instant::InstantTemporal;
use super::{Failure, process};

/// What starting up has taken and given back by then.
const AT_REST: Duration = Duration::from_secs(2);

pub(crate) async fn run() -> Result<(), Failure> {
    let temporal = InstantTemporal::start().await?;
    let gateway = Gateway::start(&temporal.address.to_string()).await?;
    tokio::time::sleep(AT_REST).await;
    let resident = process::resident_mib(gateway.pid)?;
    println!("{resident:.1} MiB resident (goal 30)");
    Ok(())
}

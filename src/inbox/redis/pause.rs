//! How long to wait before a lost connection is tried again: longer each time, and never in step with others.

use std::time::Duration;

use super::link::Link;
use crate::chance;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pause {
    /// Half of it is chance.
    fn next(&mut self) -> Duration {
        let pause = self.0.mul_f64(0.5 + 0.5 * chance::fraction());
        self.0 = (self.0 * 2).min(LONGEST);
        pause
    }

    /// Pauses, and then on until there is a way to a server.
    pub(super) async fn until_open(&mut self, link: &Link) {
        tokio::time::sleep(self.next()).await;
        // Fails only where the link is gone, which the caller holds.
        drop(link.watch().wait_for(|way| way.standing.is_some()).await);
    }
}

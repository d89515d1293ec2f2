//! Which partition a lane belongs to: a 64th of all lanes, the unit of leases in Redis and of marks in the embedded store.

use sha2::{Digest, Sha256};

pub(super) const PARTITIONS: u16 = 64;

/// Stable for ever: it stands in what is kept.
pub(super) fn partition(namespace: &str, workflow: &str, partitions: u16) -> u16 {
    let mut sha = Sha256::new();
    sha.update(namespace);
    sha.update(b"\0");
    sha.update(workflow);
    let hash = sha.finalize();
    let first = hash
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    u16::try_from(first % u32::from(partitions.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_keeps_its_partition_for_ever() {
        assert_eq!(partition("default", "order-1", 64), 34);
        assert_eq!(partition("default", "order-2", 64), 54);
        assert_eq!(partition("other", "order-1", 64), 26);
    }
}

//! What dies in a run of the fleet.

use crate::support::dice::Dice;
use crate::support::plan::{Plan, small};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Killed, and started again at once.
    Replica(usize),
    /// Killed, and away until the next strike.
    Death(usize),
    /// Stopped for longer than its leases last, then let go on.
    Frozen(usize),
    Redis,
    Temporal,
    Wire,
}

impl Fault {
    /// A replica and Redis die in every run, however short.
    pub(super) fn roll(dice: &mut Dice, kill: usize, replicas: usize) -> Self {
        match kill {
            1 => Self::Redis,
            2 => Self::Death(small(dice.below(replicas as u64))),
            _ => Self::any(dice, replicas),
        }
    }

    fn any(dice: &mut Dice, replicas: usize) -> Self {
        let number = small(dice.below(replicas as u64));
        match dice.below(10) {
            0..3 => Self::Replica(number),
            3 | 4 => Self::Death(number),
            5 => Self::Frozen(number),
            6 | 7 => Self::Redis,
            8 => Self::Temporal,
            _ => Self::Wire,
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let plan = |seed| Plan {
        events: 1_500,
        kills: 6,
        seed,
    };
    let roll = |dice: &mut Dice, kill| Fault::roll(dice, kill, 3);
    assert_eq!(plan(7).choose(4, roll), plan(7).choose(4, roll));
    assert_ne!(plan(7).choose(4, roll), plan(8).choose(4, roll));
}

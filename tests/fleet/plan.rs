//! What a run of the fleet does, chosen by its seed before it begins. Pure.

use std::fmt;

use crate::support::dice::Dice;

#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) events: usize,
    pub(super) kills: usize,
    pub(super) seed: u64,
}

impl Plan {
    /// The long run's numbers are those of the ledger on one machine.
    pub(super) fn from_environment() -> Self {
        let read = |name: &str| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse().expect("a number"))
        };
        let clock = || signalpost::clock::now().millis().unsigned_abs();
        Self {
            events: small(read("LEDGER_EVENTS").unwrap_or(1_500)),
            kills: small(read("LEDGER_KILLS").unwrap_or(6)),
            seed: read("LEDGER_SEED").unwrap_or_else(clock),
        }
    }

    pub(super) fn choose(self, replicas: usize, workflows: usize) -> Choices {
        let mut dice = Dice::new(self.seed);
        let step = self.events / (self.kills + 1);
        let last = self.events.saturating_sub(workflows);
        // A replica and Redis die in every run, however short.
        let strikes = (1..=self.kills).map(|kill| {
            let jitter = small(dice.below(1 + step as u64 / 2));
            let at = (kill * step + jitter).min(last);
            let fault = match kill {
                1 => Fault::Redis,
                2 => Fault::Death(small(dice.below(replicas as u64))),
                _ => Fault::roll(&mut dice, replicas),
            };
            (at, fault)
        });
        let strikes = strikes.collect();
        let runs = (0..workflows).map(|_| 5 + small(dice.below(20))).collect();
        Choices { strikes, runs }
    }
}

/// Everything that is left to chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choices {
    /// Once so many events are answered, that happens.
    pub(super) strikes: Vec<(usize, Fault)>,
    /// After how many signals each workflow continues as new.
    pub(super) runs: Vec<usize>,
}

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
    fn roll(dice: &mut Dice, replicas: usize) -> Self {
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

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strikes")?;
        for (at, fault) in &self.strikes {
            write!(f, " {fault:?}@{at}")?;
        }
        Ok(())
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let plan = |seed| Plan {
        events: 1_500,
        kills: 6,
        seed,
    };
    assert_eq!(plan(7).choose(3, 4), plan(7).choose(3, 4));
    assert_ne!(plan(7).choose(3, 4), plan(8).choose(3, 4));
}

//! What a run of the ledger does, chosen by its seed before it begins. Pure: the same seed makes the same choices.

use std::fmt;

use crate::support::dice::Dice;

/// How large a run is; from the environment, so that one test is both the short and the long run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) events: usize,
    pub(super) kills: usize,
    pub(super) seed: u64,
}

impl Plan {
    pub(super) fn from_environment() -> Self {
        let read = |name: &str| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse().expect("a number"))
        };
        let clock = || signalpost::clock::now().millis().unsigned_abs();
        let count = |number: u64| usize::try_from(number).expect("a count");
        Self {
            events: read("LEDGER_EVENTS").map_or(2_000, count),
            kills: read("LEDGER_KILLS").map_or(8, count),
            seed: read("LEDGER_SEED").unwrap_or_else(clock),
        }
    }

    /// For so many workflows.
    pub(super) fn choose(self, workflows: usize) -> Choices {
        let mut dice = Dice::new(self.seed);
        let small = |number: u64| usize::try_from(number).expect("a small number");
        let step = self.events / (self.kills + 1);
        let last = self.events.saturating_sub(workflows);
        let strikes = (1..=self.kills).map(|kill| {
            let jitter = small(dice.below(1 + step as u64 / 2));
            Strike {
                at: (kill * step + jitter).min(last),
                fault: Fault::roll(&mut dice),
            }
        });
        let strikes = strikes.collect();
        let runs = (0..workflows).map(|_| 5 + small(dice.below(20))).collect();
        Choices { strikes, runs }
    }
}

/// Everything that is left to chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choices {
    pub(super) strikes: Vec<Strike>,
    /// After how many signals each workflow continues as new.
    pub(super) runs: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    /// Once so many events are answered.
    pub(super) at: usize,
    pub(super) fault: Fault,
}

/// What dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Gateway,
    Temporal,
    Wire,
    SlowWire,
    /// Full, until somebody has been refused for it.
    Disk,
}

impl Fault {
    fn roll(dice: &mut Dice) -> Self {
        match dice.below(12) {
            0..6 => Self::Gateway,
            6 | 7 => Self::Temporal,
            8 => Self::Wire,
            9 => Self::SlowWire,
            _ => Self::Disk,
        }
    }
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("strikes")?;
        for Strike { at, fault } in &self.strikes {
            write!(f, " {fault:?}@{at}")?;
        }
        f.write_str("; signals in a run")?;
        for length in &self.runs {
            write!(f, " {length}")?;
        }
        Ok(())
    }
}

#[test]
fn the_same_seed_makes_the_same_choices_and_another_one_others() {
    let plan = |seed| Plan {
        events: 2_000,
        kills: 8,
        seed,
    };
    let choices = plan(7).choose(4);
    eprintln!("ledger: seed 7: {choices}");
    assert_eq!(choices, plan(7).choose(4));
    assert_ne!(choices, plan(8).choose(4));
    // Written down, so that a seed of an old report still means what it meant.
    assert_eq!(
        choices.to_string(),
        "strikes Gateway@245 Gateway@542 SlowWire@692 Temporal@942 Gateway@1207 Gateway@1359 Gateway@1616 \
         Gateway@1878; signals in a run 12 16 22 5"
    );
}

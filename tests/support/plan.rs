//! What a run of a ledger does, chosen by its seed before it begins. Pure: the same seed makes the same choices.

use std::fmt;

use super::dice::Dice;

/// How large a run is; from the environment, so that one test is both the short and the long run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) events: usize,
    pub(crate) kills: usize,
    pub(crate) seed: u64,
}

impl Plan {
    /// So many events and kills unless the environment says otherwise.
    pub(crate) fn from_environment(events: usize, kills: usize) -> Self {
        let read = |name: &str| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse().expect("a number"))
        };
        let clock = || signalpost::clock::now().millis().unsigned_abs();
        Self {
            events: read("LEDGER_EVENTS").map_or(events, small),
            kills: read("LEDGER_KILLS").map_or(kills, small),
            seed: read("LEDGER_SEED").unwrap_or_else(clock),
        }
    }

    /// For so many workflows; `roll` says what dies at each strike, the first of which is 1.
    pub(crate) fn choose<F>(
        self,
        workflows: usize,
        mut roll: impl FnMut(&mut Dice, usize) -> F,
    ) -> Choices<F> {
        let mut dice = Dice::new(self.seed);
        let step = self.events / (self.kills + 1);
        let last = self.events.saturating_sub(workflows);
        let strikes = (1..=self.kills).map(|kill| {
            let jitter = small(dice.below(1 + step as u64 / 2));
            Strike {
                at: (kill * step + jitter).min(last),
                fault: roll(&mut dice, kill),
            }
        });
        let strikes = strikes.collect();
        let runs = (0..workflows).map(|_| 5 + small(dice.below(20))).collect();
        Choices { strikes, runs }
    }
}

/// Everything that is left to chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choices<F> {
    pub(crate) strikes: Vec<Strike<F>>,
    /// After how many signals each workflow continues as new.
    pub(crate) runs: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strike<F> {
    /// Once so many events are answered.
    pub(crate) at: usize,
    pub(crate) fault: F,
}

impl<F: fmt::Debug> fmt::Display for Choices<F> {
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

pub(crate) fn small(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}

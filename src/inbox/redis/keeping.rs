//! Removes settled events past their retention, oldest first, in small steps.
//!
//! Whoever works partition 0 does it, so that it is done once. What is pending or parked stays, whatever its age; a round that
//! passed such events says so in the numbers, which lie in Redis for every replica to show. A step is short and rests longer
//! than it worked, so that no accept waits for more than one of them. Dedup keys expire by themselves.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use ::redis::Script;

use super::keys::Keys;
use super::link::Link;
use crate::clock;
use crate::inbox::{Error, Overdue, Retention};

static SWEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/place.lua"),
        include_str!("lua/sweep.lua")
    ))
});

/// Events looked at in one step.
const STEP: usize = 100;
/// Bytes removed in one step; one event more than fits goes too.
const STEP_BYTES: usize = 1 << 20;
/// Rests at least so long between two steps, and four times as long as the step took.
const REST: Duration = Duration::from_millis(10);
const REST_FACTOR: u32 = 4;
/// Rests so long after a round, and before it is asked again whether the rounds are ours.
const BETWEEN_ROUNDS: Duration = Duration::from_mins(1);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What the rounds need.
#[derive(Debug)]
pub(super) struct Keeper {
    pub keys: Keys,
    pub link: Arc<Link>,
    pub replica: String,
    pub retention: Retention,
}

/// Where the round stands: everything up to this time of receipt and place has been looked at.
#[derive(Debug, Default)]
struct Round {
    after: Option<(String, String)>,
    passed: Overdue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    More,
    /// The round is over.
    End,
    /// Another replica does it.
    NotOurs,
}

/// Works until it is dropped.
pub(super) async fn run(keeper: Keeper) {
    let mut round = Round::default();
    loop {
        let began = Instant::now();
        let rest = match keeper.step(&mut round).await {
            Ok(Step::More) => REST.max(began.elapsed() * REST_FACTOR),
            Ok(Step::End) => {
                if let Err(error) = keeper.tell(round.passed).await {
                    tracing::debug!(%error, "what is overdue could not be told");
                }
                round = Round::default();
                BETWEEN_ROUNDS
            }
            Ok(Step::NotOurs) => {
                round = Round::default();
                BETWEEN_LOOKS
            }
            Err(error) => {
                tracing::debug!(%error, "events past retention could not be removed; will try again");
                round = Round::default();
                BETWEEN_LOOKS
            }
        };
        tokio::time::sleep(rest).await;
    }
}

impl Keeper {
    async fn step(&self, round: &mut Round) -> Result<Step, Error> {
        let until = clock::now().minus(self.retention.age);
        let size = self.retention.size.map(|size| size.to_string());
        let mut args = vec![
            self.replica.clone(),
            until.millis().to_string(),
            size.unwrap_or_default(),
            STEP.to_string(),
            STEP_BYTES.to_string(),
        ];
        if let Some((at, seq)) = &round.after {
            args.push(at.clone());
            args.push(seq.clone());
        }
        let answer: Vec<String> = self.link.call(&SWEEP, self.keys.base(), &args).await?;
        let [said, removed, passed, bytes, at, seq] = &*answer else {
            return Ok(Step::NotOurs);
        };
        let number = |text: &String| text.parse::<u64>().unwrap_or(0);
        round.passed.events += number(passed);
        round.passed.bytes += number(bytes);
        if number(removed) > 0 {
            tracing::debug!(events = removed, "removed past retention");
        }
        if !at.is_empty() {
            round.after = Some((at.clone(), seq.clone()));
        }
        Ok(if said == "more" {
            Step::More
        } else {
            Step::End
        })
    }

    async fn tell(&self, overdue: Overdue) -> Result<(), Error> {
        let mut connection = self.link.shared().await?;
        ::redis::cmd("HSET")
            .arg(self.keys.named("overdue"))
            .arg("events")
            .arg(overdue.events)
            .arg("bytes")
            .arg(overdue.bytes)
            .exec_async(&mut connection)
            .await
            .map_err(|error| self.link.refused(&error))
    }
}

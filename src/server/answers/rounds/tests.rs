//! Who shares with whom, and what happens to a round when callers leave it.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

/// Numbers of their own for all rounds.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

const SECOND: Duration = Duration::from_secs(1);

fn arrival(now: Instant) -> Arrival {
    Arrival {
        number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        now,
        until: now + 10 * SECOND,
        fresh: None,
    }
}

fn join(rounds: &mut Rounds<()>, now: Instant) -> u64 {
    rounds.join(arrival(now), || ()).unwrap().number
}

fn begin(rounds: &mut Rounds<()>, now: Instant) -> Option<u64> {
    rounds.begin(now).map(|round| round.number)
}

#[test]
fn who_comes_while_a_round_runs_waits_for_the_next() {
    let now = Instant::now();
    let mut rounds = Rounds::default();
    let first = join(&mut rounds, now);
    assert_eq!(begin(&mut rounds, now), Some(first));
    let second = join(&mut rounds, now);
    assert_ne!(first, second);
    assert_eq!(join(&mut rounds, now), second, "those who wait share");
    assert_eq!(begin(&mut rounds, now), None, "one at a time");

    assert!(rounds.end(first).is_some());
    assert_eq!(begin(&mut rounds, now), Some(second));
    assert!(rounds.end(first).is_none(), "it ended once");
    assert!(rounds.end(second).is_some());
    assert!(rounds.is_empty());
}

#[test]
fn a_round_is_over_when_its_last_caller_leaves_and_no_sooner() {
    let now = Instant::now();
    let mut rounds = Rounds::default();
    let first = join(&mut rounds, now);
    begin(&mut rounds, now);
    let second = join(&mut rounds, now);
    join(&mut rounds, now);
    assert!(rounds.leave(second).is_none(), "one of two");
    assert!(rounds.leave(first).is_some(), "its only one");
    assert_eq!(begin(&mut rounds, now), Some(second));
    assert!(rounds.leave(first).is_none(), "it is over");
    assert!(rounds.leave(second).is_some());
    assert!(rounds.is_empty());
}

#[test]
fn the_time_of_a_round_is_that_of_its_last_caller() {
    let now = Instant::now();
    let mut rounds = Rounds::default();
    join(&mut rounds, now);
    join(&mut rounds, now + SECOND);
    assert_eq!(rounds.begin(now).unwrap().until, now + 11 * SECOND);
}

#[test]
fn a_running_round_serves_callers_whom_its_age_does_not_trouble() {
    let now = Instant::now();
    let mut rounds = Rounds::default();
    let first = join(&mut rounds, now);
    begin(&mut rounds, now);
    let late = |after| Arrival {
        fresh: Some(SECOND),
        ..arrival(now + after)
    };
    assert_eq!(rounds.join(late(SECOND), || ()).unwrap().number, first);
    assert_ne!(rounds.join(late(2 * SECOND), || ()).unwrap().number, first);
}

#[test]
fn at_some_point_nobody_is_taken_in() {
    let now = Instant::now();
    let mut rounds = Rounds::default();
    let first = join(&mut rounds, now);
    begin(&mut rounds, now);
    for _ in 1..MOST_CALLERS {
        join(&mut rounds, now);
    }
    assert!(rounds.join(arrival(now), || ()).is_err());
    rounds.leave(first);
    assert!(rounds.join(arrival(now), || ()).is_ok());
}

#[derive(Clone, Debug)]
enum Step {
    Join,
    /// The caller at this place, of those who are there.
    Leave(usize),
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Join),
        2 => (0..8_usize).prop_map(Step::Leave),
        3 => Just(Step::End),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens: at most one runs, nobody joins what runs, and it is empty exactly when nobody waits.
    #[test]
    fn a_round_serves_those_who_came_before_it_began(steps in steps()) {
        let now = Instant::now();
        let mut rounds = Rounds::default();
        // Each by its round.
        let mut callers: Vec<u64> = Vec::new();
        let mut running = None;
        for step in steps {
            match step {
                Step::Join => {
                    let number = join(&mut rounds, now);
                    prop_assert!(Some(number) != running);
                    callers.push(number);
                }
                Step::Leave(at) if at < callers.len() => {
                    let number = callers.remove(at);
                    let over = rounds.leave(number).is_some();
                    prop_assert_eq!(over, !callers.contains(&number));
                    running = running.filter(|run| !over || *run != number);
                }
                Step::Leave(_) => {}
                Step::End => if let Some(number) = running.take() {
                    prop_assert!(rounds.end(number).is_some());
                    callers.retain(|round| *round != number);
                },
            }
            if let Some(begun) = begin(&mut rounds, now) {
                prop_assert!(running.is_none() && callers.contains(&begun));
                running = Some(begun);
            }
            let waiting = rounds.waiting().map(|round| round.number);
            prop_assert!(callers.iter().all(|round| Some(*round) == running || Some(*round) == waiting));
            prop_assert_eq!(rounds.is_empty(), callers.is_empty());
        }
    }
}

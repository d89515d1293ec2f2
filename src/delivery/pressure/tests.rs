//! Windows and pauses, by signs and time.

use super::*;

const NOON: Timestamp = Timestamp::from_seconds(1_785_585_600);
const FAST: Duration = Duration::from_millis(5);

fn later(millis: u64) -> Timestamp {
    NOON.plus(Duration::from_millis(millis))
}

/// In flight to the brim, each call answered in time, that many times.
fn busy(pressure: &mut Pressure, answers: usize) {
    for _ in 0..answers {
        while pressure.room("a", NOON) > 0 {
            pressure.begin("a", false);
        }
        pressure.observe("a", Sign::Answered, FAST, NOON);
    }
}

fn empty(pressure: &mut Pressure) {
    for _ in 0..1_000 {
        pressure.end("a", false);
    }
}

fn window(pressure: &mut Pressure, now: Timestamp) -> usize {
    empty(pressure);
    pressure.room("a", now)
}

#[test]
fn a_namespace_begins_modestly_and_grows_to_the_most_while_it_is_used() {
    let mut pressure = Pressure::new(64);
    assert_eq!(pressure.room("a", NOON), 16);
    busy(&mut pressure, 16);
    assert_eq!(
        window(&mut pressure, NOON),
        32,
        "doubled by one window of answers"
    );
    busy(&mut pressure, 10_000);
    assert_eq!(window(&mut pressure, NOON), 64);
}

#[test]
fn once_something_went_wrong_growth_is_careful() {
    let mut pressure = Pressure::new(64);
    pressure.observe("a", Sign::TimedOut, FAST, NOON);
    assert_eq!(window(&mut pressure, NOON), 8);
    busy(&mut pressure, 9);
    assert_eq!(window(&mut pressure, NOON), 9, "one more for a full window");
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut pressure = Pressure::new(64);
    for _ in 0..1_000 {
        pressure.begin("a", false);
        pressure.observe("a", Sign::Answered, FAST, NOON);
        pressure.end("a", false);
    }
    assert_eq!(window(&mut pressure, NOON), 16);
}

#[test]
fn a_throttled_namespace_pauses_alone_and_comes_back_with_half() {
    let mut pressure = Pressure::new(64);
    for _ in 0..20 {
        pressure.observe("a", Sign::NamespaceThrottled, FAST, NOON);
    }
    assert_eq!(pressure.room("a", NOON), 0);
    assert_eq!(pressure.room("b", NOON), 16);
    assert_eq!(pressure.reopens(NOON), Some(later(100)));
    assert_eq!(pressure.room("a", later(100)), 8);
}

#[test]
fn pauses_grow_while_throttling_goes_on_and_start_over_after_an_answer() {
    let mut pressure = Pressure::new(64);
    let mut now = NOON;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        pressure.observe("a", Sign::NamespaceThrottled, FAST, now);
        let until = pressure.reopens(now).unwrap();
        pauses.push(until.since(now).as_millis());
        now = until;
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(pressure.room("a", now), 1, "never given up");
    pressure.observe("a", Sign::Answered, FAST, now);
    pressure.observe("a", Sign::NamespaceThrottled, FAST, now);
    assert_eq!(
        pressure.reopens(now),
        Some(now.plus(Duration::from_millis(100)))
    );
}

#[test]
fn a_throttled_cluster_pauses_everything() {
    let mut pressure = Pressure::new(64);
    pressure.observe("a", Sign::SystemThrottled, FAST, NOON);
    assert_eq!((pressure.room("a", NOON), pressure.room("b", NOON)), (0, 0));
    let reopened = later(250);
    assert_eq!(pressure.reopens(NOON), Some(reopened));
    assert_eq!(pressure.room("a", reopened), 8);
    assert_eq!(pressure.room("b", reopened), 16);
}

#[test]
fn what_timed_out_together_halves_once() {
    let mut pressure = Pressure::new(64);
    for _ in 0..10 {
        pressure.observe("a", Sign::TimedOut, FAST, NOON);
    }
    assert_eq!(pressure.room("a", NOON), 8);
    pressure.observe("a", Sign::TimedOut, FAST, later(250));
    assert_eq!(pressure.room("a", later(250)), 4);
}

#[test]
fn answers_that_get_much_slower_halve_too() {
    let mut pressure = Pressure::new(64);
    busy(&mut pressure, 100);
    let before = window(&mut pressure, NOON);
    for n in 0..20 {
        let slow = Duration::from_secs(2);
        pressure.observe("a", Sign::Answered, slow, later(n * 10));
    }
    let after = window(&mut pressure, NOON);
    assert!(after <= before / 2, "{before} {after}");
    // A server that is always that slow is not thereby overloaded.
    let mut slow = Pressure::new(64);
    for _ in 0..100 {
        slow.observe("a", Sign::Answered, Duration::from_secs(1), NOON);
    }
    assert!(window(&mut slow, NOON) >= 16);
}

#[test]
fn what_never_reached_the_server_says_nothing() {
    let mut pressure = Pressure::new(64);
    pressure.observe("a", Sign::Nothing, FAST, NOON);
    assert_eq!(pressure.room("a", NOON), 16);
    assert_eq!(Sign::of(Some(FailureKind::Transient)), Sign::Nothing);
    assert_eq!(Sign::of(None), Sign::Answered);
}

#[test]
fn a_namespace_is_tight_while_signals_keep_it_busy() {
    let mut pressure = Pressure::new(4);
    pressure.begin("a", true);
    pressure.begin("a", true);
    pressure.begin("a", false);
    assert!(!pressure.is_tight("a"), "looks alone do not");
    pressure.begin("a", false);
    assert!(pressure.is_tight("a") && !pressure.is_tight("b"));
    pressure.end("a", false);
    assert!(!pressure.is_tight("a"));
    pressure.observe("a", Sign::NamespaceThrottled, FAST, NOON);
    assert!(pressure.is_tight("a"), "throttled a moment ago");
}

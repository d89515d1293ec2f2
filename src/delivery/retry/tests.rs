//! Each row of the table, by failure, rule and time.

use super::*;
use crate::event::{Rules, Start, samples};
use crate::inbox::SOON;

const NOON: Timestamp = Timestamp::from_seconds(1_785_585_600);

fn delivery(missing: Missing, closed: Closed) -> Delivery {
    Delivery {
        rules: Rules {
            missing,
            closed,
            ..Rules::default()
        },
        ..samples::delivery(NOON)
    }
}

fn start() -> Missing {
    Missing::Start(reusing(IdReuse::RejectDuplicate))
}

fn reusing(id_reuse: IdReuse) -> Start {
    Start {
        workflow_type: "Order".to_owned(),
        task_queue: "orders".to_owned(),
        args: "[]".to_owned(),
        id_reuse,
    }
}

fn run(state: RunState) -> Answer {
    Answer::Found(Some(Run {
        run_id: "run-1".to_owned(),
        state,
        began_at: NOON,
        began_by: vec!["somebody".to_owned()],
    }))
}

fn after(seconds: u64, tries: u32, jitter: f64) -> Moment {
    Moment {
        now: NOON.plus(Duration::from_secs(seconds)),
        tries,
        jitter,
        known_missing: false,
    }
}

fn failed(kind: FailureKind) -> Answer {
    Answer::Failed(Failure {
        kind,
        message: "words".to_owned(),
    })
}

fn on(kind: FailureKind, tries: u32, jitter: f64) -> Next {
    let delivery = delivery(Missing::Park, Closed::Park);
    next(&delivery, failed(kind), after(0, tries, jitter))
}

fn pause(next: &Next, moment: Moment) -> Duration {
    match next {
        Next::Settle(Settlement::Retry { at, .. }) | Next::Wait { at } => at.since(moment.now),
        _ => panic!("no pause: {next:?}"),
    }
}

fn parked(reason: Reason) -> impl Fn(&Next) -> bool {
    move |next| matches!(next, Next::Settle(Settlement::Parked { reason: r, .. }) if *r == reason)
}

fn dropped(reason: Reason) -> impl Fn(&Next) -> bool {
    move |next| matches!(next, Next::Settle(Settlement::Dropped { reason: r, .. }) if *r == reason)
}

#[test]
fn what_can_never_succeed_parks_with_the_servers_words() {
    for (kind, reason) in [
        (FailureKind::PayloadTooLarge, Reason::PayloadTooLarge),
        (FailureKind::SignalLimit, Reason::SignalLimit),
        (FailureKind::BadArgument, Reason::BadArgument),
        (FailureKind::Unimplemented, Reason::ServerTooOld),
    ] {
        let expected = Settlement::Parked {
            reason,
            detail: "words".to_owned(),
        };
        assert_eq!(on(kind, 0, 0.0), Next::Settle(expected));
    }
}

#[test]
fn what_may_pass_is_tried_for_ever_with_a_growing_capped_pause() {
    for kind in [
        FailureKind::Transient,
        FailureKind::Ambiguous,
        FailureKind::Other,
    ] {
        for (tries, low, high) in [
            (0, 50, 100),
            (3, 400, 800),
            (9, 15_000, 30_000),
            (u32::MAX, 15_000, 30_000),
        ] {
            let at_least = pause(&on(kind, tries, 0.0), after(0, tries, 0.0));
            let at_most = pause(&on(kind, tries, 1.0), after(0, tries, 1.0));
            assert_eq!(at_least, Duration::from_millis(low), "{kind:?} {tries}");
            assert_eq!(at_most, Duration::from_millis(high), "{kind:?} {tries}");
        }
    }
}

#[test]
fn a_busy_workflow_is_asked_again_soon() {
    let next = on(FailureKind::BusyWorkflow, u32::MAX, 1.0);
    assert_eq!(pause(&next, after(0, 0, 0.0)), Duration::from_secs(5));
}

#[test]
fn our_own_faults_and_throttles_wait_and_never_park() {
    for kind in [
        FailureKind::NamespaceNotFound,
        FailureKind::Unauthorized,
        FailureKind::NamespaceThrottled,
        FailureKind::SystemThrottled,
    ] {
        for tries in [0, 100] {
            let pause = pause(&on(kind, tries, 1.0), after(0, tries, 1.0));
            assert!(pause >= Duration::from_millis(500), "{kind:?}");
            assert!(pause <= SOON, "{kind:?}: a wake would pass it by");
        }
    }
}

#[test]
fn only_describe_tells_absent_from_closed() {
    for kind in [FailureKind::WorkflowNotFound, FailureKind::RunEnding] {
        assert_eq!(on(kind, 0, 0.0), Next::Call(Call::Describe));
    }
}

#[test]
fn a_closed_workflow_follows_the_closed_rule_whatever_missing_says() {
    for missing in [Missing::default(), Missing::Drop, start()] {
        let found = |closed| {
            let answer = run(RunState::Completed);
            next(&delivery(missing.clone(), closed), answer, after(0, 0, 0.0))
        };
        let anew = found(Closed::Start(reusing(IdReuse::AllowDuplicate)));
        assert_eq!(anew, Next::Call(Call::StartClosed));
        assert!(parked(Reason::WorkflowClosed)(&found(Closed::Park)));
        assert!(dropped(Reason::ClosedDropped)(&found(Closed::Drop)));
    }
}

#[test]
fn a_workflow_that_began_in_between_is_signalled_at_once() {
    let answer = || run(RunState::Open);
    let plain = delivery(Missing::default(), Closed::Park);
    let moment = after(0, 0, 0.0);
    assert_eq!(next(&plain, answer(), moment), Next::Call(Call::Signal));
    let started = delivery(start(), Closed::Park);
    let expected = Next::Call(Call::StartMissing);
    assert_eq!(next(&started, answer(), moment), expected);
}

#[test]
fn a_missing_workflow_parks_or_drops_where_the_rule_says_so() {
    let found = |missing| {
        let answer = Answer::Found(None);
        next(&delivery(missing, Closed::Park), answer, after(0, 0, 0.0))
    };
    assert!(parked(Reason::WorkflowMissing)(&found(Missing::Park)));
    assert!(dropped(Reason::MissingDropped)(&found(Missing::Drop)));
    assert_eq!(found(start()), Next::Call(Call::StartMissing));
}

#[test]
fn waiting_counts_from_acceptance_and_ends_on_time() {
    let wait = |then, seconds, jitter| {
        let rule = Missing::Wait {
            for_ms: 60_000,
            then,
        };
        let answer = Answer::Found(None);
        let moment = after(seconds, 0, jitter);
        (next(&delivery(rule, Closed::Park), answer, moment), moment)
    };
    let looked = |seconds, jitter| {
        let (next, moment) = wait(Then::Park, seconds, jitter);
        pause(&next, moment)
    };
    assert_eq!(looked(0, 1.0), Duration::from_millis(250));
    assert_eq!(looked(30, 1.0), Duration::from_secs(5));
    assert_eq!(looked(30, 0.0), Duration::from_secs(4));
    assert_eq!(looked(58, 1.0), Duration::from_secs(2));
    let parked_then = wait(Then::Park, 60, 0.0).0;
    assert!(parked(Reason::WorkflowMissing)(&parked_then));
    let dropped_then = wait(Then::Drop, 61, 0.0).0;
    assert!(dropped(Reason::MissingDropped)(&dropped_then));
}

#[test]
fn signal_with_start_is_once_in_effect() {
    let started = delivery(start(), Closed::Park);
    assert_eq!(first(&started), Call::StartMissing);
    let on = |ours| {
        let answer = failed(FailureKind::AlreadyStarted { ours });
        next(&started, answer, after(0, 0, 0.0))
    };
    let delivered = Settlement::Delivered { run_id: None };
    assert_eq!(on(true), Next::Settle(delivered));
    assert_eq!(on(false), Next::Call(Call::Signal));
}

#[test]
fn a_run_that_this_delivery_began_has_its_signal() {
    let closed = Closed::Start(reusing(IdReuse::AllowDuplicate));
    let sent = delivery(Missing::Park, closed);
    let began = Answer::Found(Some(Run {
        run_id: "run-1".to_owned(),
        state: RunState::Completed,
        began_at: NOON,
        began_by: vec![sent.request_id.clone()],
    }));
    let next = next(&sent, began, after(0, 0, 0.0));
    let run_id = Some("run-1".to_owned());
    assert_eq!(next, Next::Settle(Settlement::Delivered { run_id }));
}

#[test]
fn a_start_that_may_follow_a_closed_run_comes_after_signal_and_describe() {
    for id_reuse in [IdReuse::AllowDuplicate, IdReuse::AllowDuplicateFailedOnly] {
        let sent = delivery(Missing::Start(reusing(id_reuse)), Closed::Park);
        assert_eq!(first(&sent), Call::Signal);
        let on = |answer| next(&sent, answer, after(0, 0, 0.0));
        let again = Next::Call(Call::StartMissing);
        assert_eq!(on(Answer::Found(None)), again);
        assert_eq!(on(run(RunState::Failed)), again);
        assert_eq!(on(run(RunState::Open)), Next::Call(Call::Signal));
        let completed = on(run(RunState::Completed));
        match id_reuse {
            IdReuse::AllowDuplicate => assert_eq!(completed, again),
            _ => assert!(parked(Reason::WorkflowClosed)(&completed)),
        }
    }
}

#[test]
fn a_workflow_known_to_be_missing_is_not_described_until_its_wait_is_over() {
    let waiting = delivery(Missing::default(), Closed::Park);
    let on = |seconds| {
        let moment = Moment {
            known_missing: true,
            ..after(seconds, 0, 1.0)
        };
        next(&waiting, failed(FailureKind::WorkflowNotFound), moment)
    };
    assert!(matches!(on(10), Next::Wait { .. }));
    assert_eq!(on(300), Next::Call(Call::Describe));
}

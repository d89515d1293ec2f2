//! Cases about operators' actions: retry, drop, replay, erase, and the notes they leave.

use signalpost::event::{Delivery, DeliveryId, Event, EventId, Reason, State};
use signalpost::inbox::{Action, ActionError, Inbox, Note, Settlement};

use super::Home;
use super::samples::claim_all;
use super::samples::{
    DONE, accept, acceptance, assert_nothing_ready, claim, counted, delivery, in_an_hour, key_of,
    keys, park,
};

fn note(text: &str) -> Note {
    Note {
        who: "anna".to_owned(),
        text: Some(text.to_owned()),
    }
}

async fn shown(inbox: &Inbox, id: DeliveryId) -> Delivery {
    inbox.delivery(id).await.unwrap().unwrap()
}

async fn event_of(inbox: &Inbox, id: EventId) -> Event {
    inbox.event(id).await.unwrap().unwrap().event
}

/// Accepts an event for `order-1`, has it parked, and says which delivery that is.
async fn parked(inbox: &Inbox, key: &str) -> (EventId, DeliveryId) {
    let event = accept(inbox, acceptance(key, &["order-1"])).await;
    let claim = claim(inbox, 1).await.remove(0);
    let id = claim.delivery.id;
    inbox.settle(claim, park()).await.unwrap();
    (event, id)
}

pub(super) async fn a_retried_delivery_goes_next_and_keeps_its_request_id(home: impl Home) {
    let inbox = home.open().await;
    let (_, first) = parked(&inbox, "evt_1").await;
    let (_, second) = parked(&inbox, "evt_2").await;
    for key in ["evt_3", "evt_4"] {
        accept(&inbox, acceptance(key, &["order-1"])).await;
    }
    let in_flight = claim(&inbox, 1).await.remove(0);
    for id in [second, first] {
        let retried = inbox.retry(id, note("fixed")).await.unwrap();
        assert_eq!((retried.state, retried.reason), (State::Pending, None));
        assert_eq!(retried.attempts, 1);
        assert_eq!(retried.request_id, shown(&inbox, id).await.request_id);
    }
    assert_nothing_ready(&inbox).await;
    let stats = counted(&inbox).await;
    assert_eq!((stats.pending, stats.parked), (4, 0));
    inbox.settle(in_flight, DONE).await.unwrap();
    for expected in ["evt_1", "evt_2", "evt_4"] {
        let claim = claim(&inbox, 10).await.remove(0);
        assert_eq!(key_of(&claim.delivery), expected);
        inbox.settle(claim, DONE).await.unwrap();
    }
    assert_eq!(counted(&inbox).await.delivered, 4);
}

pub(super) async fn a_retry_ends_the_wait_of_a_lane(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let behind = acceptance("evt_2", &["order-1"]);
    let behind_id = behind.deliveries[0].id;
    accept(&inbox, behind).await;
    let waiting = claim(&inbox, 1).await.remove(0);
    let id = waiting.delivery.id;
    assert_eq!(
        inbox.retry(id, note("now")).await.unwrap_err(),
        ActionError::InFlight
    );
    let later = Settlement::Retry {
        at: in_an_hour(),
        error: "deadline".to_owned(),
    };
    inbox.settle(waiting, later.clone()).await.unwrap();
    assert_nothing_ready(&inbox).await;
    for hurried in [id, behind_id] {
        inbox.retry(hurried, note("now")).await.unwrap();
        let again = claim(&inbox, 10).await.remove(0);
        assert_eq!(again.delivery.id, id);
        inbox.settle(again, later.clone()).await.unwrap();
    }
}

pub(super) async fn what_has_settled_is_not_retried_or_dropped(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let claim = claim(&inbox, 1).await.remove(0);
    let id = claim.delivery.id;
    inbox.settle(claim, DONE).await.unwrap();
    let settled = ActionError::Settled(State::Delivered);
    assert_eq!(inbox.retry(id, note("")).await.unwrap_err(), settled);
    assert_eq!(
        inbox.drop_delivery(id, note("")).await.unwrap_err(),
        settled
    );
    let unknown = DeliveryId::at(signalpost::clock::now());
    for refused in [
        inbox.retry(unknown, note("")).await,
        inbox.drop_delivery(unknown, note("")).await,
    ] {
        assert_eq!(refused.unwrap_err(), ActionError::NotFound);
    }
    assert!(
        event_notes(&inbox, shown(&inbox, id).await.event)
            .await
            .is_empty()
    );
}

async fn event_notes(inbox: &Inbox, id: EventId) -> Vec<(Action, Option<DeliveryId>, String)> {
    let notes = inbox.event(id).await.unwrap().unwrap().notes;
    notes
        .into_iter()
        .map(|note| (note.action, note.delivery, note.text.unwrap_or_default()))
        .collect()
}

pub(super) async fn a_dropped_delivery_frees_its_lane(home: impl Home) {
    let inbox = home.open().await;
    let mut ids = Vec::new();
    for key in ["evt_1", "evt_2", "evt_3"] {
        let acceptance = acceptance(key, &["order-1"]);
        ids.push(acceptance.deliveries[0].id);
        accept(&inbox, acceptance).await;
    }
    let in_flight = claim(&inbox, 1).await.remove(0);
    let refused = inbox.drop_delivery(ids[0], note("")).await;
    assert_eq!(refused.unwrap_err(), ActionError::InFlight);
    let dropped = inbox.drop_delivery(ids[1], note("unwanted")).await.unwrap();
    assert_eq!(dropped.state, State::Dropped);
    assert_eq!(dropped.reason, Some(Reason::OperatorDropped));
    assert!(dropped.settled_at.is_some());
    inbox.settle(in_flight, DONE).await.unwrap();
    assert_eq!(keys(&claim(&inbox, 10).await), ["evt_3"]);
    inbox.close().await;
    let inbox = home.open().await;
    assert_eq!(keys(&claim(&inbox, 10).await), ["evt_3"]);
    let stats = counted(&inbox).await;
    assert_eq!((stats.pending, stats.dropped), (1, 1));
}

pub(super) async fn a_dropped_head_lets_the_next_one_go(home: impl Home) {
    let inbox = home.open().await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    let head = claim(&inbox, 1).await.remove(0);
    let id = head.delivery.id;
    let later = Settlement::Retry {
        at: in_an_hour(),
        error: "deadline".to_owned(),
    };
    inbox.settle(head, later).await.unwrap();
    inbox.drop_delivery(id, note("")).await.unwrap();
    assert_eq!(keys(&claim(&inbox, 10).await), ["evt_2"]);
}

pub(super) async fn what_was_never_rendered_cannot_be_retried(home: impl Home) {
    let inbox = home.open().await;
    let mut sent = acceptance("evt_1", &["order-1"]);
    sent.deliveries[0].state = State::Parked;
    sent.deliveries[0].reason = Some(Reason::TemplateFailed);
    let id = sent.deliveries[0].id;
    accept(&inbox, sent).await;
    let refused = inbox.retry(id, note("")).await;
    assert_eq!(refused.unwrap_err(), ActionError::Unsendable);
    inbox.drop_delivery(id, note("")).await.unwrap();
    let stats = counted(&inbox).await;
    assert_eq!((stats.parked, stats.dropped), (0, 1));
}

pub(super) async fn notes_stand_with_the_event(home: impl Home) {
    let inbox = home.open().await;
    let (event, id) = parked(&inbox, "evt_1").await;
    inbox.retry(id, note("is up again")).await.unwrap();
    let quiet = Note {
        who: "bert".to_owned(),
        text: None,
    };
    inbox.drop_delivery(id, quiet).await.unwrap();
    inbox
        .replay(event, Vec::new(), false, note("all"))
        .await
        .unwrap();
    inbox.close().await;
    let inbox = home.open().await;
    assert_eq!(
        event_notes(&inbox, event).await,
        [
            (Action::Retry, Some(id), "is up again".to_owned()),
            (Action::Drop, Some(id), String::new()),
            (Action::Replay, None, "all".to_owned()),
        ]
    );
    let notes = inbox.event(event).await.unwrap().unwrap().notes;
    assert_eq!(notes[1].who, "bert");
}

pub(super) async fn a_replay_takes_the_place_of_what_is_unfinished(home: impl Home) {
    let inbox = home.open().await;
    let event = accept(
        &inbox,
        acceptance("evt_1", &["order-1", "order-2", "order-3"]),
    )
    .await;
    let mut claims = claim_all(&inbox, 3).await;
    inbox.settle(claims.remove(0), DONE).await.unwrap();
    inbox.settle(claims.remove(0), park()).await.unwrap();
    let fresh = |event: &Event| -> Vec<_> {
        ["order-1", "order-2", "order-4"]
            .map(|workflow| delivery(event, workflow))
            .into()
    };
    let kept = event_of(&inbox, event).await;
    let refused = inbox.replay(event, fresh(&kept), false, note("")).await;
    assert_eq!(refused.unwrap_err(), ActionError::InFlight);
    drop(claims);
    let now = inbox
        .replay(event, fresh(&kept), false, note(""))
        .await
        .unwrap();
    let found: Vec<_> = now
        .iter()
        .map(|it| (it.target.workflow.as_str(), it.state, it.reason))
        .collect();
    assert_eq!(
        found,
        [
            ("order-1", State::Delivered, None),
            ("order-2", State::Dropped, Some(Reason::Superseded)),
            ("order-3", State::Dropped, Some(Reason::Superseded)),
            ("order-2", State::Pending, None),
            ("order-4", State::Pending, None),
        ]
    );
    assert!(now[3].accepted_at >= kept.received_at);
    let stats = counted(&inbox).await;
    assert_eq!((stats.pending, stats.parked, stats.dropped), (2, 0, 2));
    inbox.close().await;
    let inbox = home.open().await;
    let _claims = claim_all(&inbox, 2).await;
    assert_nothing_ready(&inbox).await;
}

pub(super) async fn a_replay_delivers_again_only_when_told(home: impl Home) {
    let inbox = home.open().await;
    let event = accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    let first = claim(&inbox, 1).await.remove(0);
    inbox.settle(first, DONE).await.unwrap();
    let kept = event_of(&inbox, event).await;
    let mut renamed = delivery(&kept, "order-1");
    renamed.route = "payments-too".into();
    let now = inbox
        .replay(event, vec![renamed.clone()], false, note(""))
        .await;
    assert_eq!(now.unwrap().len(), 1);
    assert_nothing_ready(&inbox).await;
    renamed.request_id = "f".repeat(32);
    let now = inbox
        .replay(event, vec![renamed.clone()], true, note(""))
        .await;
    assert_eq!(now.unwrap().len(), 2);
    let again = claim(&inbox, 1).await.remove(0);
    assert_eq!(again.delivery.request_id, renamed.request_id);
}

pub(super) async fn a_replay_routes_what_was_unrouted(home: impl Home) {
    let inbox = home.open().await;
    let event = accept(&inbox, acceptance("evt_1", &[])).await;
    let kept = event_of(&inbox, event).await;
    inbox
        .replay(event, vec![delivery(&kept, "order-1")], false, note(""))
        .await
        .unwrap();
    let counts = async |inbox: &Inbox| {
        let stats = counted(inbox).await;
        (stats.unrouted, stats.pending)
    };
    assert_eq!(counts(&inbox).await, (0, 1));
    inbox.close().await;
    assert_eq!(counts(&home.open().await).await, (0, 1));
}

pub(super) async fn an_erased_event_keeps_its_keys_only(home: impl Home) {
    let inbox = home.open().await;
    let mut sent = acceptance("evt_1", &["order-1"]);
    sent.event.claims = Some(serde_json::json!({"sub": "u1"}));
    sent.event.query = vec![("card".to_owned(), "4242".to_owned())];
    let event = accept(&inbox, sent).await;
    assert_eq!(inbox.erase(event).await, Err(ActionError::Pending));
    let head = claim(&inbox, 1).await.remove(0);
    let id = head.delivery.id;
    inbox.settle(head, park()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(inbox.erase(event).await, Ok(()));
    }
    let record = inbox.event(event).await.unwrap().unwrap();
    assert!(record.erased_at.is_some());
    let kept = record.event;
    assert_eq!(
        (kept.body.len(), kept.headers.len(), kept.query.len()),
        (0, 0, 0)
    );
    assert_eq!((kept.claims, kept.key.text.as_str()), (None, "evt_1"));
    assert_eq!(record.deliveries[0].args, "[]");
    assert_eq!(
        inbox.retry(id, note("")).await.unwrap_err(),
        ActionError::Unsendable
    );
    let refused = inbox.replay(event, Vec::new(), false, note("")).await;
    assert_eq!(refused.unwrap_err(), ActionError::Unsendable);
    let again = inbox.accept(acceptance("evt_1", &["order-1"])).await;
    assert!(matches!(
        again,
        Ok(signalpost::inbox::Receipt::Duplicate { .. })
    ));
    assert_eq!(
        inbox.erase(EventId::at(signalpost::clock::now())).await,
        Err(ActionError::NotFound)
    );
}

pub(super) async fn actions_race_with_attempts_and_nothing_is_sent_after_a_drop(home: impl Home) {
    let inbox = home.open().await;
    let mut ids = Vec::new();
    for n in 0..200 {
        let acceptance = acceptance(&n.to_string(), &["order-1", "order-2"]);
        ids.extend(acceptance.deliveries.iter().map(|it| it.id));
        accept(&inbox, acceptance).await;
    }
    let dropping = tokio::spawn({
        let inbox = inbox.clone();
        async move {
            let mut dropped = std::collections::HashSet::new();
            for id in ids.into_iter().rev() {
                if inbox.drop_delivery(id, note("")).await.is_ok() {
                    dropped.insert(id);
                }
            }
            dropped
        }
    });
    let mut sent = std::collections::HashSet::new();
    while counted(&inbox).await.pending > 0 {
        let wait = std::time::Duration::from_millis(50);
        if let Ok(claims) = tokio::time::timeout(wait, inbox.claim(2)).await {
            for claim in claims {
                assert!(sent.insert(claim.delivery.id));
                inbox.settle(claim, DONE).await.unwrap();
            }
        }
    }
    let dropped = dropping.await.unwrap();
    assert!(sent.is_disjoint(&dropped));
    assert_eq!(sent.len() + dropped.len(), 400);
}

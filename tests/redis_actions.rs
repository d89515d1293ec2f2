//! Operators' actions and the history on Redis: through any replica, and whatever the leases do meanwhile.

use bytes::Bytes;
use serde_json::json;
use signalpost::event::{Event, IdReuse, Missing, Reason, Start, State};
use signalpost::inbox::{
    Acceptance, ActionError, DeliveryFilter, EventFilter, EventState, Inbox, Overdue, Retention,
    Settlement, redis,
};

use crate::support::eventually;
use crate::support::redis::Redis;

mod gateways;
mod samples;

use samples::{
    DONE, HOUR, Pair, SECRET, accept, contents, delivery, event, later, note, open, park,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_through_another_replica_reaches_the_lane() {
    let redis = Redis::start().await;
    let pair = Pair::open(&redis).await;
    for workflow in ["order-1", "order-2", "order-3", "order-4"] {
        accept(&pair.0[0], event(&format!("{workflow} first")), &[workflow]).await;
        accept(&pair.0[1], event(&format!("{workflow} next")), &[workflow]).await;
        let (owner, head) = pair.claim().await;
        let id = head.delivery.id;
        let other = pair.other(owner);
        let refused = other.drop_delivery(id, note()).await;
        assert_eq!(refused.unwrap_err(), ActionError::InFlight);

        // A wait is ended.
        pair.0[owner].settle(head, later()).await.unwrap();
        eventually("the attempt has ended", || async {
            other.retry(id, note()).await.is_ok()
        })
        .await;
        let (by, head) = pair.claim().await;
        assert_eq!((by, head.delivery.id), (owner, id));

        // A parked one comes back into its place.
        pair.0[owner].settle(head, park()).await.unwrap();
        let (_, next) = pair.claim().await;
        assert_ne!(next.delivery.id, id);
        eventually("it is parked", || async {
            other.retry(id, note()).await.is_ok()
        })
        .await;
        let waiting = next.delivery.id;
        pair.0[owner].settle(next, later()).await.unwrap();
        let (by, head) = pair.claim().await;
        assert_eq!((by, head.delivery.id), (owner, id));
        pair.0[owner].settle(head, later()).await.unwrap();

        // A dropped head lets the next one go, here one that waits for its time.
        eventually("the attempt has ended", || async {
            other.drop_delivery(id, note()).await.is_ok()
        })
        .await;
        other.retry(waiting, note()).await.unwrap();
        let (by, head) = pair.claim().await;
        assert_eq!((by, head.delivery.id), (owner, waiting));
        pair.0[owner].settle(head, DONE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_counts_as_done_though_the_lease_changed_meanwhile() {
    let redis = Redis::start().await;
    let inbox = open(&redis).await;
    let id = accept(&inbox, event("evt_1"), &["order-1"]).await;
    let head = inbox.claim(1).await.remove(0);
    let delivery = head.delivery.id;
    let kept = inbox.event(id).await.unwrap().unwrap().event;
    // Somebody else works all of them now, and nobody knows what became of the attempt.
    for partition in 0..64 {
        let name = format!("{{signalpost}}:lease:{partition}");
        let _: String = redis
            .ask(&["SET", &name, "stranger:999", "PX", "60000"])
            .await;
    }
    let fresh = vec![samples::delivery(&kept, "order-1")];
    let refused = inbox.replay(id, fresh, false, note()).await;
    assert_eq!(refused.unwrap_err(), ActionError::InFlight);
    let dropped = inbox.drop_delivery(delivery, note()).await.unwrap();
    assert_eq!(dropped.reason, Some(Reason::OperatorDropped));
    // Whatever its former owner says of it comes too late.
    drop(inbox.settle(head, DONE).await);
    inbox.close().await;
    let inbox = open(&redis).await;
    let shown = inbox.delivery(delivery).await.unwrap().unwrap();
    assert_eq!(shown.state, State::Dropped);
    assert_eq!(inbox.count().await.unwrap().pending, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_an_erased_event_is_left_in_any_key() {
    let redis = Redis::start().await;
    let inbox = open(&redis).await;
    let with_secret = |name: &str| vec![(name.to_owned(), SECRET.to_owned())];
    let body = format!(r#"{{"card":"{SECRET}","filling":"{}"}}"#, "x".repeat(4_000));
    let sent = Event {
        headers: with_secret("x-card"),
        query: with_secret("card"),
        claims: Some(json!({ "card": SECRET })),
        body: Bytes::from(body),
        ..event("evt_1")
    };
    let mut own = delivery(&sent, "order-1");
    own.args = format!(r#"["{SECRET}"]"#);
    own.rules.missing = Missing::Start(Start {
        workflow_type: "Order".to_owned(),
        task_queue: "orders".to_owned(),
        args: format!(r#"["{SECRET}"]"#),
        id_reuse: IdReuse::default(),
    });
    let id = sent.id;
    let deliveries = vec![own, delivery(&sent, "order-2")];
    let event = sent;
    inbox
        .accept(Acceptance { event, deliveries })
        .await
        .unwrap();
    for _ in 0..2 {
        let head = inbox.claim(1).await.remove(0);
        let told = Settlement::Parked {
            reason: Reason::BadArgument,
            detail: format!("{SECRET} is refused"),
        };
        inbox.settle(head, told).await.unwrap();
    }
    eventually("both are parked", || async {
        inbox.count().await.unwrap().parked == 2
    })
    .await;
    let before = contents(&redis).await;
    assert!(before.values().any(|text| text.contains(SECRET)));
    let weighed = inbox.count().await.unwrap().bytes;
    inbox.erase(id).await.unwrap();
    for (name, text) in contents(&redis).await {
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
    assert!(inbox.count().await.unwrap().bytes < weighed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rare_is_found_in_a_long_history() {
    const EVENTS: usize = 6_000;
    let redis = Redis::with(&["--appendfsync", "everysec"]).await;
    let inbox = Inbox::open_redis(&redis::Options {
        durability: "memory".parse().unwrap(),
        ..redis::Options::new(redis.url())
    })
    .await
    .unwrap();
    let mut old = event("old");
    old.received_at = old.received_at.minus(HOUR * 3);
    let until = old.received_at.plus(HOUR);
    let old = accept(&inbox, old, &["order-old"]).await;
    let rare = Event {
        kind: "rare".to_owned(),
        ..event("rare")
    };
    let rare = accept(&inbox, rare, &[]).await;
    let writers: Vec<_> = (0..50)
        .map(|writer| {
            let inbox = inbox.clone();
            tokio::spawn(async move {
                for number in 0..EVENTS / 50 {
                    let key = format!("{writer}-{number}");
                    accept(&inbox, event(&key), &[&format!("order-{writer}")]).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // Known by its state: at once. Known by nothing but itself: in a few looks, none of which shows anything else.
    let by_state = EventFilter {
        state: Some(EventState::Unrouted),
        limit: 10,
        ..EventFilter::default()
    };
    let page = inbox.events(by_state.clone()).await.unwrap();
    assert_eq!((page.events.len(), page.next), (1, None));
    assert_eq!(inbox.count_events(&by_state).await, Ok(1));
    let mut filter = EventFilter {
        kind: Some("rare".to_owned()),
        limit: 10,
        ..EventFilter::default()
    };
    assert_eq!(inbox.count_events(&filter).await, Ok(1));
    let mut pages = 0;
    let found = loop {
        let page = inbox.events(filter.clone()).await.unwrap();
        pages += 1;
        if let Some(found) = page.events.first() {
            break found.event.id;
        }
        filter.cursor = Some(page.next.expect("it is further on"));
    };
    assert_eq!((found, pages), (rare, 2));
    let everything = inbox.count_events(&EventFilter::default()).await;
    assert_eq!(everything, Ok(EVENTS as u64 + 2));
    // So are times.
    let filter = DeliveryFilter {
        until: Some(until),
        limit: 10,
        ..DeliveryFilter::default()
    };
    let page = inbox.deliveries(filter).await.unwrap();
    assert_eq!((page.deliveries.len(), page.next), (1, None));
    assert_eq!(page.deliveries[0].event, old);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_keeps_house_and_all_tell_of_it() {
    let redis = Redis::start().await;
    let options = redis::Options {
        retention: Retention {
            age: HOUR,
            size: None,
        },
        ..redis::Options::new(redis.url())
    };
    let mut old = event("evt_1");
    old.received_at = old.received_at.minus(HOUR * 2);
    old.key.retention = HOUR * 24;
    let weight = old.body.len() as u64;
    let inbox = open(&redis).await;
    accept(&inbox, old, &["order-1"]).await;
    inbox.close().await;
    let replicas = [
        Inbox::open_redis(&options).await.unwrap(),
        Inbox::open_redis(&options).await.unwrap(),
    ];
    let told = Overdue {
        events: 1,
        bytes: weight,
    };
    for replica in &replicas {
        eventually("it is told", || async {
            replica.count().await.unwrap().overdue == told
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_show_each_other_and_what_they_serve() {
    let redis = Redis::start().await;
    let pair = Pair::open(&redis).await;
    pair.0[0].announce("aaaa");
    pair.0[1].announce("bbbb");
    for replica in &pair.0 {
        eventually("both digests are shown", || async {
            let shared = replica.count().await.unwrap().shared.unwrap();
            let mut digests: Vec<_> = shared
                .replicas
                .iter()
                .map(|it| it.about["config"].as_str().unwrap_or_default().to_owned())
                .collect();
            digests.sort();
            digests == ["aaaa", "bbbb"]
        })
        .await;
    }
}

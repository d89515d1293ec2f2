//! What several replicas on one Redis must do: share the work, take it over, and never do it twice.
//!
//! Each replica is an inbox of its own; one that dies is a process of its own.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use signalpost::event::State;
use signalpost::inbox::{Claim, Inbox, Receipt, redis};

use tokio::sync::mpsc;

use super::samples::{DONE, accept, acceptance, claim, claim_all, key_of, park};
use crate::support::redis::Redis;
use crate::support::within;

/// Names the server to a child process that claims until it is killed.
const CHILD_STORE: &str = "SIGNALPOST_TEST_CHILD_REDIS";

const PARTITIONS: usize = 64;

/// What a dead replica had is another's within this time.
pub(super) const TAKEN_OVER: Duration = Duration::from_secs(10);

/// Long enough for a machine that runs everything at once, far too short for anything that waits for a poll or a lease.
pub(super) const AT_ONCE: Duration = Duration::from_secs(2);

pub(super) async fn open(redis: &Redis) -> Inbox {
    Inbox::open_redis(&redis::Options::new(redis.url()))
        .await
        .unwrap()
}

/// How many partitions each replica owns.
async fn owners(redis: &Redis) -> Vec<usize> {
    let mut words = vec!["MGET".to_owned()];
    words.extend((0..PARTITIONS).map(|number| format!("{{signalpost}}:lease:{number}")));
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let leases: Vec<Option<String>> = redis.ask(&words).await;
    let mut owners = BTreeMap::new();
    for lease in leases.into_iter().flatten() {
        let (owner, _fence) = lease.split_once(':').unwrap();
        *owners.entry(owner.to_owned()).or_insert(0) += 1;
    }
    owners.into_values().collect()
}

/// Waits until so many replicas share all partitions as evenly as they can.
async fn shared_by(redis: &Redis, replicas: usize, patience: Duration) {
    let share = PARTITIONS.div_ceil(replicas);
    within(
        patience,
        &format!("{replicas} replicas share the work"),
        || async {
            let owners = owners(redis).await;
            owners.len() == replicas
                && owners.iter().sum::<usize>() == PARTITIONS
                && owners.iter().all(|&owned| owned <= share)
        },
    )
    .await;
}

pub(super) type Delivered = mpsc::UnboundedReceiver<(String, String)>;

/// Workflow and key of everything that these replicas claim, each told before it is settled, until the receiver is dropped.
pub(super) fn deliver<'a>(replicas: impl IntoIterator<Item = &'a Inbox>) -> Delivered {
    let (sender, receiver) = mpsc::unbounded_channel();
    for inbox in replicas {
        deliver_to(inbox, sender.clone());
    }
    receiver
}

fn deliver_to(inbox: &Inbox, sender: mpsc::UnboundedSender<(String, String)>) {
    let inbox = inbox.clone();
    tokio::spawn(async move {
        loop {
            let claimed = tokio::select! {
                claimed = inbox.claim(16) => claimed,
                () = sender.closed() => return,
            };
            for claim in claimed {
                let workflow = claim.delivery.target.workflow.clone();
                drop(sender.send((workflow, key_of(&claim.delivery))));
                inbox.settle(claim, DONE).await.unwrap();
            }
        }
    });
}

async fn hash(redis: &Redis, claim: &Claim, field: &str) -> Option<String> {
    let name = format!("{{signalpost}}:delivery:{}", claim.delivery.id);
    redis.ask(&["HGET", &name, field]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_spread_evenly_and_move_at_once_when_a_replica_closes() {
    let redis = Redis::start().await;
    let first = open(&redis).await;
    shared_by(&redis, 1, AT_ONCE).await;
    let second = open(&redis).await;
    let third = open(&redis).await;
    shared_by(&redis, 3, TAKEN_OVER).await;
    second.close().await;
    shared_by(&redis, 2, AT_ONCE).await;
    drop(third);
    shared_by(&redis, 1, AT_ONCE).await;
    first.close().await;
    assert!(owners(&redis).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_replica_accepts_and_whoever_works_the_lane_delivers_at_once() {
    const EVENTS: usize = 200;
    let redis = Redis::start().await;
    let (one, other) = (open(&redis).await, open(&redis).await);
    shared_by(&redis, 2, TAKEN_OVER).await;
    let (mut by_one, mut by_other) = (deliver([&one]), deliver([&other]));
    let (mut ones, mut others) = (0, 0);
    for n in 0..EVENTS {
        let asked = Instant::now();
        let sent = acceptance(&n.to_string(), &[&format!("order-{n}")]);
        accept(if n % 2 == 0 { &one } else { &other }, sent).await;
        tokio::select! {
            Some(_) = by_one.recv() => ones += 1,
            Some(_) = by_other.recv() => others += 1,
        }
        assert!(asked.elapsed() < AT_ONCE, "event {n}");
    }
    assert!(ones > 0 && others > 0, "{ones} and {others}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_keeps_its_order_whoever_accepts_and_whoever_works_it() {
    const EVENTS: usize = 600;
    const LANES: usize = 20;
    let redis = Redis::start().await;
    let mut replicas = vec![open(&redis).await, open(&redis).await];
    // One channel for all: what is told by one replica was settled before another could tell the next of the lane.
    let (sender, mut delivered) = mpsc::unbounded_channel();
    for inbox in &replicas {
        deliver_to(inbox, sender.clone());
    }
    for n in 0..EVENTS {
        // Partitions move amid the work, to a new replica and from one that closes.
        if n == EVENTS / 3 {
            let third = open(&redis).await;
            deliver_to(&third, sender.clone());
            replicas.push(third);
        }
        if n == 2 * EVENTS / 3 {
            replicas.remove(0).retire();
        }
        let sent = acceptance(&n.to_string(), &[&format!("order-{}", n % LANES)]);
        accept(&replicas[n % replicas.len()], sent).await;
    }
    let mut next: HashMap<String, usize> = HashMap::new();
    for _ in 0..EVENTS {
        let (workflow, key) = tokio::time::timeout(TAKEN_OVER, delivered.recv())
            .await
            .expect("all is delivered")
            .unwrap();
        let lane: usize = workflow.trim_start_matches("order-").parse().unwrap();
        let next = next.entry(workflow).or_insert(lane);
        assert_eq!(key, next.to_string());
        *next += LANES;
    }
    assert!(delivered.is_empty(), "nothing twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_duplicates_on_two_replicas_are_accepted_once() {
    let redis = Redis::start().await;
    let replicas = [open(&redis).await, open(&redis).await];
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let inbox = replicas[n % 2].clone();
            tokio::spawn(async move { inbox.accept(acceptance("evt_1", &["order-1"])).await })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        match task.await.unwrap().unwrap() {
            Receipt::Accepted { .. } => accepted += 1,
            Receipt::Duplicate { conflict, .. } => assert!(!conflict),
            unrouted @ Receipt::Unrouted { .. } => panic!("{unrouted:?}"),
        }
    }
    assert_eq!(accepted, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stale_owner_settles_is_not_written() {
    let redis = Redis::start().await;
    let inbox = open(&redis).await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    let head = claim(&inbox, 1).await.remove(0);
    let id = head.delivery.id;
    let lease = {
        let part = hash(&redis, &head, "part").await.unwrap();
        format!("{{signalpost}}:lease:{part}")
    };
    let _: () = redis.ask(&["SET", &lease, "another:1", "PX", "3000"]).await;
    inbox.settle(head, DONE).await.unwrap();
    // The other one's lease ends unrenewed, and the lane is ours again, with the head that nobody delivered.
    let mut again = claim(&inbox, 10).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].delivery.id, again[0].doubtful), (id, true));
    assert_eq!(
        hash(&redis, &again[0], "state").await.as_deref(),
        Some("pending")
    );
    assert_eq!(again[0].delivery.attempts, 0);
    inbox.settle(again.remove(0), DONE).await.unwrap();
    assert_eq!(key_of(&claim(&inbox, 1).await[0].delivery), "evt_2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_replica_gives_up_each_lane_as_its_attempt_ends() {
    let redis = Redis::start().await;
    let (one, other) = (open(&redis).await, open(&redis).await);
    shared_by(&redis, 2, TAKEN_OVER).await;
    // Lanes enough that both have some; those of the first are claimed.
    for n in 0..40 {
        accept(&one, acceptance(&format!("a{n}"), &[&format!("order-{n}")])).await;
        accept(&one, acceptance(&format!("b{n}"), &[&format!("order-{n}")])).await;
    }
    let head = claim(&one, 1).await.remove(0);
    let workflow = head.delivery.target.workflow.clone();
    one.retire();
    let mut by_other = deliver([&other]);
    let mut delivered = Vec::new();
    within(AT_ONCE, "all but one lane is worked by the other", || {
        while let Ok(one) = by_other.try_recv() {
            delivered.push(one);
        }
        std::future::ready(delivered.len() >= 70)
    })
    .await;
    assert!(delivered.iter().all(|(of, _)| *of != workflow));
    one.settle(head, DONE).await.unwrap();
    within(AT_ONCE, "the last lane is worked by the other", || {
        while let Ok(one) = by_other.try_recv() {
            delivered.push(one);
        }
        std::future::ready(delivered.len() == 79)
    })
    .await;
    // It still accepts.
    accept(&one, acceptance("late", &[&workflow])).await;
    assert_eq!(by_other.recv().await.unwrap().1, "late");
}

/// A replica in a process of its own that has claimed one delivery and holds it.
fn claiming_child(redis: &Redis) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inbox_contract::replicas::claims_until_killed"])
        .arg("--nocapture")
        .env(CHILD_STORE, redis.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("claimed")));
    child
}

/// Not a case of its own: the child process of the ones above and below, which name the server to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_until_killed() {
    let Ok(url) = std::env::var(CHILD_STORE) else {
        return;
    };
    let inbox = Inbox::open_redis(&redis::Options::new(url)).await.unwrap();
    let claims = claim(&inbox, 1).await;
    let mut out = std::io::stdout();
    writeln!(out, "claimed").unwrap();
    out.flush().unwrap();
    std::future::pending::<()>().await;
    drop(claims);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_replica_left_in_flight_is_doubtful_and_not_given_up_at_once() {
    let redis = Redis::start().await;
    let inbox = open(&redis).await;
    accept(&inbox, acceptance("evt_1", &["order-1"])).await;
    accept(&inbox, acceptance("evt_2", &["order-1"])).await;
    accept(&inbox, acceptance("evt_3", &["order-2"])).await;
    inbox.close().await;
    let mut child = claiming_child(&redis);
    let inbox = open(&redis).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();

    let heads = tokio::time::timeout(TAKEN_OVER + AT_ONCE, claim_all(&inbox, 2))
        .await
        .expect("taken over");
    assert!(killed.elapsed() < TAKEN_OVER, "{:?}", killed.elapsed());
    let taken = Instant::now();
    let (mut inherited, mut others): (Vec<_>, Vec<_>) =
        heads.into_iter().partition(|head| head.doubtful);
    assert_eq!((inherited.len(), others.len()), (1, 1));
    let inherited = inherited.remove(0);
    let id = inherited.delivery.id;
    assert!(inherited.delivery.first_attempt_at.is_some());
    // Nothing in flight was inherited here: it may be given up.
    inbox.settle(others.remove(0), park()).await.unwrap();
    inbox.settle(inherited, park()).await.unwrap();

    let again = loop {
        // The lane of the one that was parked goes on meanwhile.
        let head = claim(&inbox, 1).await.remove(0);
        if head.delivery.id == id {
            break head;
        }
        inbox.settle(head, DONE).await.unwrap();
    };
    let waited = taken.elapsed();
    assert!(waited > Duration::from_secs(2), "{waited:?}");
    assert_eq!(
        (again.delivery.state, again.delivery.attempts),
        (State::Pending, 1)
    );
    inbox.settle(again, park()).await.unwrap();
    inbox.close().await;
    let inbox = open(&redis).await;
    let parked = inbox.delivery(id).await.unwrap().unwrap();
    assert_eq!(parked.state, State::Parked);
}

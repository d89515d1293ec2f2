//! A Redis that was put back to an earlier moment: what is unfinished in it is proved before it is sent again.

use std::path::PathBuf;

use super::*;
use crate::support::redis::Redis;
use crate::support::within;

fn replica(redis: &Redis, temporal: &str) -> Setup {
    Setup::new(ledger::ROUTES, temporal)
        .env("SECRET", sender::STRIPE_SECRET)
        .store(PathBuf::from(redis.url()))
}

/// Its file of append-only pieces, as a snapshot of the disk has it.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &name);
        } else {
            std::fs::copy(entry.path(), name).expect("a copy");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_put_back_to_an_earlier_moment_repeats_nothing_once_it_is_marked() {
    let server = PrivateServer::quick().await;
    let _worker = LiveWorker::start(server.address());
    let workflows = server.workflows().await;
    let order = unique("rb");
    workflows
        .start_all_live(std::slice::from_ref(&order), &[3])
        .await;
    let mut redis = Redis::start().await;
    // Accepted while Temporal is away: nothing is delivered, and nothing claimed, when the snapshot is made.
    let mut gateway = replica(&redis, "127.0.0.1:1").start().await;
    for number in 0..10 {
        let body = sender::payment(&order, &provider::event(&order, number), 1);
        eventually("it is kept", || async {
            sender::stripe(gateway.public(), sender::STRIPE_SECRET, &body)
                .await
                .is_ok_and(|answer| answer.status == 200)
        })
        .await;
    }
    gateway.kill();
    redis.kill();
    let snapshot = tempfile::tempdir().expect("a folder");
    copy_folder(redis.folder(), snapshot.path());
    redis.restart().await;
    let gateway = replica(&redis, server.address()).start().await;
    gateway.settled().await;
    // A worker that is late finds all of them in the first run, and ends that only then.
    eventually("what was delivered lies in a run that is over", || async {
        workflows
            .live_runs(&format!("order-{order}"), 10)
            .await
            .len()
            > 1
    })
    .await;

    let url = PathBuf::from(redis.url());
    let refused = refusal(&store(&url, &["doubt"]).await);
    assert!(refused.contains("stop all of them"), "{refused}");
    drop(gateway);
    redis.kill();
    copy_folder(snapshot.path(), redis.folder());
    redis.restart().await;
    let doubted = std::sync::Mutex::new(Value::Null);
    within(
        Duration::from_mins(1),
        "the dead replica counts no more",
        || async {
            let output = store(&url, &["doubt"]).await;
            let done = output.status.success();
            if done {
                *doubted.lock().expect("the answer") = json(&output);
            }
            done
        },
    )
    .await;
    let doubted = doubted.into_inner().expect("the answer");
    assert_eq!(doubted["pending"], 10, "{doubted}");
    // Not known when a first attempt was: the acceptance stands for it, whenever and however often it is claimed.
    for name in redis.names().await {
        if name.contains(":delivery:") {
            let first: String = redis.ask(&["HGET", &name, "first"]).await;
            let doc: String = redis.ask(&["HGET", &name, "doc"]).await;
            assert!(doc.contains(&format!("\"accepted_at\":{first}")), "{doc}");
        }
    }
    let gateway = replica(&redis, server.address()).start().await;
    gateway.settled().await;
    assert_eq!(kept(&gateway, &order).await, 10);
    let runs = workflows.live_runs(&format!("order-{order}"), 10).await;
    let signals: usize = runs.iter().map(|run| run.signals.len()).sum();
    assert_eq!(signals, 10, "each once");
}

#[tokio::test]
async fn what_a_redis_needs_is_said_on_either_side_of_the_command() {
    let redis = Redis::start().await;
    redis
        .ask::<()>(&["CONFIG", "SET", "requirepass", "sesame"])
        .await;
    let url = redis.url();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("password"), "sesame\n").expect("a file");
    let password = folder.path().join("password").display().to_string();
    let flags = [
        "--store",
        &url,
        "--redis-password-file",
        &password,
        "--redis-prefix",
        "p",
    ];
    let flags = [&flags[..], &["-o", "json"]].concat();
    for arguments in [
        [&["store"][..], &flags, &["doubt"]].concat(),
        [&["store", "doubt"][..], &flags].concat(),
    ] {
        let mut command = signalpost(&arguments);
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.expect("a thread").expect("the binary runs");
        let said = refusal(&output);
        assert!(said.contains("holds no store"), "it was let in: {said}");
    }
}

#[tokio::test]
async fn an_empty_redis_is_told_from_a_restored_one() {
    let redis = Redis::start().await;
    let refused = refusal(&store(Path::new(&redis.url()), &["doubt"]).await);
    assert!(refused.contains("holds no store"), "{refused}");
}

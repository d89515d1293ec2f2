//! `signalpost healthcheck`, against a real gateway and against what is none.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;

use crate::cli::signalpost;
use crate::drain::setup;
use crate::support::eventually;
use crate::support::exchange::stripe;

/// With a proxy in the environment, which must not be asked.
async fn healthcheck(url: &str, flags: &[&str]) -> Output {
    let mut command = signalpost(&["healthcheck"]);
    command
        .args(flags)
        .env("SIGNALPOST_OPS_URL", url)
        .env("HTTP_PROXY", "http://127.0.0.1:1");
    tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("a thread")
        .expect("the binary runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_address_every_command_asks_where_serve_was_told_to_listen() {
    let gateway = setup().start().await;
    let event = stripe(&gateway, r#"{"id":"evt_1"}"#).await;
    let port = gateway.ops().rsplit(':').next().expect("a port").to_owned();
    let routes = gateway.folder().join("routes.toml").display().to_string();
    let run = async |arguments: &[&str], listen: &str, url: Option<&str>| {
        let mut command = signalpost(arguments);
        command
            .env("SIGNALPOST_ROUTES", &routes)
            .env("SIGNALPOST_OPS_LISTEN", format!("{listen}:{port}"))
            .env_remove("SIGNALPOST_OPS_URL")
            .envs(url.map(|url| ("SIGNALPOST_OPS_URL", url)));
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        output.expect("a thread").expect("the binary runs")
    };
    for arguments in [
        &["healthcheck", "--live"][..],
        &["events", "list"],
        &["events", "drop", "--state", "parked", "--dry-run"],
        &["explain", event.event()],
        &["diff", &routes, &routes, "--events", "last:1"],
    ] {
        for listen in ["127.0.0.1", "0.0.0.0"] {
            let output = run(arguments, listen, None).await;
            assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        }
        let output = run(arguments, "127.0.0.1", Some("http://127.0.0.1:1")).await;
        assert_eq!(output.status.code(), Some(1), "the address given wins");
        assert!(said(&output).contains("127.0.0.1:1"), "{}", said(&output));
    }
    let output = run(&["handshake", "open", "stripe"], "0.0.0.0", None).await;
    assert!(!said(&output).contains("reached"), "{}", said(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_an_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let sending = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let _request = stream.read(&mut [0; 4096]).expect("a request");
        write!(stream, "HTTP/1.1 200 OK\r\n\r\n").expect("a head");
        // Until nobody listens.
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let output = healthcheck(&url, &["--timeout", "1h"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("but not as the ops listener"));
    sending.join().expect("it has ended");
}

/// Answers one request with 200 and this; gives its address.
fn something_healthy(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let _request = stream.read(&mut [0; 4096]).expect("a request");
        let length = answer.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}"
        )
        .expect("an answer");
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_is_ready_without_temporal_and_not_while_it_drains() {
    let mut gateway = setup().flag("--drain-delay", "1h").start().await;
    eventually("it is ready, and says that Temporal is away", async || {
        let output = healthcheck(gateway.ops(), &[]).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        said(&output).starts_with("ready; temporal: ")
    })
    .await;
    let output = healthcheck(gateway.ops(), &["-o", "json"]).await;
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["ready"], true);

    gateway.terminate();
    eventually("it says that it drains", async || {
        let output = healthcheck(gateway.ops(), &[]).await;
        output.status.code() == Some(1) && said(&output).starts_with("not ready; it drains")
    })
    .await;
    let output = healthcheck(gateway.ops(), &["--live"]).await;
    assert_eq!(output.status.code(), Some(0), "alive all the same");
    assert_eq!(said(&output), "alive\n");
    gateway.terminate();
    assert!(gateway.exited().await.success());
    for flags in [&[][..], &["--live"]] {
        let output = healthcheck(gateway.ops(), flags).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(&output).contains("does not answer"),
            "{}",
            said(&output)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_that_is_healthy_is_no_gateway() {
    for (answer, flags) in [
        ("{\"status\":\"ok\"}", &[][..]),
        ("ok", &["--live"]),
        ("{\"ready\":false}", &[]),
    ] {
        let url = something_healthy(answer);
        let output = healthcheck(&url, flags).await;
        assert_eq!(output.status.code(), Some(1), "{answer}");
        assert!(said(&output).contains("but not as the ops listener"));
    }
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let output = healthcheck(&url, &["--timeout", "100ms"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("does not answer"),
        "{}",
        said(&output)
    );
}

//! A load generator that costs little: prepared bytes over keep-alive connections, answers read by their length.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failure;

/// What came of the requests.
#[derive(Default)]
pub(crate) struct Sent {
    /// How long each took that was answered 200, in milliseconds.
    pub(crate) took: Vec<f64>,
    /// How many were answered 504.
    pub(crate) late: usize,
}

/// Sends each request once over so many connections. Anything but 200 is an error: a bench of refusals would measure
/// nothing. Only 504 is counted, for it is the server behind that was late.
pub(crate) async fn send(
    address: &str,
    connections: usize,
    requests: Vec<Vec<u8>>,
) -> Result<Sent, Failure> {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            tokio::spawn(one_connection(address.to_owned(), requests, next))
        })
        .collect();
    let mut sent = Sent::default();
    for task in tasks {
        let one = task.await??;
        sent.took.extend(one.took);
        sent.late += one.late;
    }
    Ok(sent)
}

/// How many connections of [`paced`] there are: enough that a slow answer holds up no other request.
const PACED_CONNECTIONS: usize = 64;

/// Posts so many requests a second, whatever the answers take, and returns what each took in milliseconds, from when it
/// was due. On a thread of its own, so that nothing else of this program is in its way.
pub(crate) async fn paced(
    address: &str,
    per_second: u32,
    requests: Vec<Vec<u8>>,
) -> Result<Vec<f64>, Failure> {
    let address = address.to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(paced_here(&address, per_second, requests))
    });
    running.await?
}

async fn paced_here(
    address: &str,
    per_second: u32,
    requests: Vec<Vec<u8>>,
) -> Result<Vec<f64>, Failure> {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let (begin, step) = (Instant::now(), Duration::from_secs(1) / per_second);
    let tasks: Vec<_> = (0..PACED_CONNECTIONS)
        .map(|_| {
            let (address, requests) = (address.to_owned(), Arc::clone(&requests));
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                let mut took = Vec::new();
                let mut stream = connect(&address).await?;
                let mut answer = Vec::with_capacity(4096);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(number) else {
                        return Ok::<_, Failure>(took);
                    };
                    let due = begin + step * u32::try_from(number)?;
                    let mut asked = due;
                    if Instant::now() < due {
                        tokio::time::sleep_until(due.into()).await;
                        // The timer is late by up to a millisecond, which is not the gateway's doing.
                        asked = Instant::now();
                    }
                    exchange(&mut stream, request, &mut answer).await?;
                    took.push(asked.elapsed().as_secs_f64() * 1_000.0);
                }
            })
        })
        .collect();
    let mut all = Vec::with_capacity(requests.len());
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

async fn connect(address: &str) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    answer: &mut Vec<u8>,
) -> Result<(), Failure> {
    stream.write_all(request).await?;
    read_answer(stream, answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(answer).into())
    }
}

async fn one_connection(
    address: String,
    requests: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
) -> Result<Sent, Failure> {
    let mut sent = Sent::default();
    let mut stream = connect(&address).await?;
    let mut answer = Vec::with_capacity(4096);
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let start = Instant::now();
        stream.write_all(request).await?;
        read_answer(&mut stream, &mut answer).await?;
        if answer.starts_with(b"HTTP/1.1 200 ") {
            sent.took.push(start.elapsed().as_secs_f64() * 1e3);
        } else if answer.starts_with(b"HTTP/1.1 504 ") {
            sent.late += 1;
        } else {
            return Err(String::from_utf8_lossy(&answer).into());
        }
    }
    Ok(sent)
}

/// Reads one answer that has a `content-length`.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<(), Failure> {
    answer.clear();
    let mut whole = None;
    while whole.is_none_or(|whole| answer.len() < whole) {
        if stream.read_buf(answer).await? == 0 {
            return Err("the connection ended before the answer did".into());
        }
        whole = whole.or_else(|| length(answer));
    }
    Ok(())
}

/// The length of head and body together, once the head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(answer.get(..head)?).ok()?;
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    Some(head + body)
}

//! A load generator that costs little: prepared bytes over keep-alive connections, answers read by their length.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Posts events 0..`total` over `connections` connections; `request` makes the bytes of one. Panics on anything
/// but 200: a bench of refusals would measure nothing.
pub async fn post<R>(address: &str, total: usize, connections: usize, request: R)
where
    R: Fn(usize) -> Vec<u8> + Send + Sync + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let request = Arc::new(request);
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (address, next, request) = (address.to_owned(), Arc::clone(&next), Arc::clone(&request));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(&address).await.expect("the gateway listens");
                stream.set_nodelay(true).expect("nodelay");
                let mut buffer = Vec::with_capacity(4096);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return;
                    }
                    stream.write_all(&request(number)).await.expect("written");
                    let status = answer(&mut stream, &mut buffer).await.expect("an answer");
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&buffer));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a connection");
    }
}

/// Reads one answer with a `content-length`; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<u16> {
    buffer.clear();
    let head = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0);
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
}

/// CPU seconds (user and system) of a process so far, from /proc.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let after = stat.rsplit(')').next().expect("fields");
    let fields: Vec<&str> = after.split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in ticks of 1/100 s.
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    ticks as f64 / 100.0
}

/// Resident memory of a process in MiB.
pub fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("KiB");
    kib / 1024.0
}

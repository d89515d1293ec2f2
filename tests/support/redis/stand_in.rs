//! A server at the wire in front of a real Redis: it answers some commands itself, in RESP, and passes the others on.
//!
//! For what a real one cannot be brought to say: an older version, commands that it lacks, failures of its disk.

use std::sync::{Arc, Mutex};

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Redis;

type Answer = Box<dyn Fn(&[String]) -> Option<String> + Send>;

/// Serves until dropped.
pub(crate) struct StandIn {
    address: String,
    answer: Arc<Mutex<Answer>>,
    serving: JoinHandle<()>,
}

impl StandIn {
    /// `answer` sees each command in words and says, in RESP, what is answered in Redis's stead: `"-LOADING wait\r\n"`.
    pub(crate) async fn before(
        redis: &Redis,
        answer: impl Fn(&[String]) -> Option<String> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(answer)));
        let (url, shared) = (redis.url(), Arc::clone(&answer));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let behind = super::connect(&url).await;
                tokio::spawn(serve(stream, behind, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            answer,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on, for all connections.
    pub(crate) fn answers(&self, answer: impl Fn(&[String]) -> Option<String> + Send + 'static) {
        *self.answer.lock().expect("the answer") = Box::new(answer);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream, mut behind: MultiplexedConnection, answer: Arc<Mutex<Answer>>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(words) = command(&mut read).await {
        let own = answer.lock().expect("the answer")(&words);
        let answer = match own {
            Some(own) => own.into_bytes(),
            None => pass_on(&mut behind, &words).await,
        };
        if write.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn pass_on(behind: &mut MultiplexedConnection, words: &[String]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    command.arg(words);
    let mut out = Vec::new();
    match behind.send_packed_command(&command).await {
        Ok(value) => encode(&value, &mut out),
        Err(error) => encode_error(&error, &mut out),
    }
    out
}

/// One command: an array of bulk strings.
async fn command(read: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Vec<String>> {
    let count = number(read, '*').await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = number(read, '$').await?;
        let mut word = vec![0; length + 2];
        read.read_exact(&mut word).await.ok()?;
        word.truncate(length);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(words)
}

async fn number(read: &mut (impl AsyncBufReadExt + Unpin), kind: char) -> Option<usize> {
    let mut line = String::new();
    read.read_line(&mut line).await.ok()?;
    line.strip_prefix(kind)?.trim_end().parse().ok()
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend(b"$-1\r\n"),
        Value::Okay => out.extend(b"+OK\r\n"),
        Value::Int(number) => out.extend(format!(":{number}\r\n").bytes()),
        Value::SimpleString(text) => out.extend(format!("+{text}\r\n").bytes()),
        Value::BulkString(bytes) => {
            out.extend(format!("${}\r\n", bytes.len()).bytes());
            out.extend(bytes);
            out.extend(b"\r\n");
        }
        Value::Array(values) => {
            out.extend(format!("*{}\r\n", values.len()).bytes());
            for value in values {
                encode(value, out);
            }
        }
        Value::ServerError(error) => encode_error(&RedisError::from(error.clone()), out),
        other => panic!("no value of RESP 2: {other:?}"),
    }
}

fn encode_error(error: &RedisError, out: &mut Vec<u8>) {
    let code = error.code().unwrap_or("ERR");
    let detail = error.detail().unwrap_or_default();
    out.extend(format!("-{code} {detail}\r\n").bytes());
}

//! scratch
mod worker;
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = worker::client("127.0.0.1:7233", "default").await?;
    worker::run(client).await
}

//! Providers that repeat each event until it is answered 2xx, one for each workflow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::sender;

/// Where the gateway is, or its replicas are, at present.
pub(crate) type Bases = watch::Sender<Vec<String>>;

pub(crate) fn bases<'a>(at: impl IntoIterator<Item = &'a str>) -> Bases {
    watch::Sender::new(at.into_iter().map(str::to_owned).collect())
}

/// They have come up at other ports.
pub(crate) fn moved<'a>(bases: &Bases, to: impl IntoIterator<Item = &'a str>) {
    bases.send_replace(to.into_iter().map(str::to_owned).collect());
}

/// What the providers have seen.
#[derive(Default)]
pub(crate) struct Progress {
    /// Answered 2xx.
    pub(crate) answered: AtomicUsize,
    /// Answered 503: to be repeated.
    pub(crate) refused: AtomicUsize,
}

/// The id of an order's event of that number.
pub(crate) fn event(order: &str, number: usize) -> String {
    format!("{order}_{number:05}")
}

/// A provider for each order, all at once.
pub(crate) fn provide_all(
    orders: &[String],
    each: usize,
    bases: &Bases,
    progress: &Arc<Progress>,
) -> JoinSet<()> {
    let order =
        |order: &String| provide(order.clone(), each, bases.subscribe(), Arc::clone(progress));
    orders.iter().map(order).collect()
}

/// One workflow's provider: the next event goes out once the one before was answered 2xx, however often that takes. Each try
/// goes to another replica.
async fn provide(
    order: String,
    each: usize,
    bases: watch::Receiver<Vec<String>>,
    progress: Arc<Progress>,
) {
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    let mut turn = order.len();
    for number in 0..each {
        let body = sender::payment(&order, &event(&order, number), 1);
        loop {
            let base = {
                let bases = bases.borrow();
                turn += 1;
                bases[turn % bases.len()].clone()
            };
            let answer = sender::stripe(&base, sender::STRIPE_SECRET, &body).await;
            match answer.map(|answer| answer.status).unwrap_or_default() {
                200 => break,
                503 => {
                    progress.refused.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
            pause.tick().await;
        }
        progress.answered.fetch_add(1, Ordering::Relaxed);
    }
}

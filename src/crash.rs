//! Places where a test makes the process die, to see what the next one finds.
//!
//! Debug builds only: a released program has none of it. `CRASH_AT=NAME:N` in the environment aborts the process
//! when it comes to the place NAME for the Nth time. Imports nothing of this crate.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Bomb {
        name: String,
        left: AtomicU64,
    }

    static BOMB: LazyLock<Option<Bomb>> = LazyLock::new(|| {
        let text = std::env::var("CRASH_AT").ok()?;
        let (name, count) = text.split_once(':')?;
        Some(Bomb {
            name: name.to_owned(),
            left: AtomicU64::new(count.parse().ok()?),
        })
    });

    pub(super) fn point(name: &str) {
        let Some(bomb) = BOMB.as_ref().filter(|bomb| bomb.name == name) else {
            return;
        };
        if bomb.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}

/// All places, in the order in which a webhook comes to them. `tests/crashes.rs` dies at each.
pub const POINTS: [&str; 6] = [
    "store.written",
    "store.committed",
    "claim.taken",
    "attempt.begun",
    "attempt.answered",
    "settle.asked",
];

/// Dies here if a test wants it.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    armed::point(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

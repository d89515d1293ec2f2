//! Answers that a rule lets be repeated for a while. Pure; bounded by number and by bytes.
//!
//! Kept under the key of their question and found under no other. Failures are never kept. When there is no more room
//! the oldest goes, whatever time it had left: it can be asked for again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::Answer;

const MOST_ANSWERS: usize = 10_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// One answer may have this share of all the room.
const SHARE: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Cache {
    kept: HashMap<Arc<str>, Kept>,
    /// As they came, with the number under which each came; those that have been replaced are still in it.
    order: VecDeque<(Arc<str>, u64)>,
    bytes: usize,
    count: u64,
}

#[derive(Debug)]
struct Kept {
    answer: Answer,
    until: Instant,
    number: u64,
}

impl Cache {
    pub(super) fn get(&self, key: &str, now: Instant) -> Option<Answer> {
        let kept = self.kept.get(key)?;
        (now <= kept.until).then(|| kept.answer.clone())
    }

    pub(super) fn put(&mut self, key: &Arc<str>, answer: Answer, until: Instant, now: Instant) {
        let size = key.len() + answer.json.len();
        if until < now || size > MOST_BYTES / SHARE {
            return;
        }
        self.count += 1;
        self.bytes += size;
        self.order.push_back((Arc::clone(key), self.count));
        let kept = Kept {
            answer,
            until,
            number: self.count,
        };
        if let Some(before) = self.kept.insert(Arc::clone(key), kept) {
            self.bytes -= key.len() + before.answer.json.len();
        }
        self.trim(now);
    }

    /// Drops from the front what has been replaced or is too old, and then what there is no room for.
    fn trim(&mut self, now: Instant) {
        while let Some((key, number)) = self.order.front() {
            let current = self.kept.get(key).filter(|kept| kept.number == *number);
            let good = current.is_some_and(|kept| now <= kept.until);
            let full = self.order.len() > MOST_ANSWERS || self.bytes > MOST_BYTES;
            if good && !full {
                return;
            }
            let size = current.map(|kept| key.len() + kept.answer.json.len());
            if let Some(size) = size {
                self.bytes -= size;
                self.kept.remove(key);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;

//! How long an answer is found, and how many there can be.

use std::time::Duration;

use bytes::Bytes;

use super::*;

fn answer(size: usize, asked: Instant) -> Answer {
    Answer {
        json: Bytes::from(vec![b'7'; size]),
        asked,
    }
}

fn key(number: usize) -> Arc<str> {
    format!("{number:08}").into()
}

#[test]
fn an_answer_is_found_until_its_time_and_under_its_own_key() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    let until = now + Duration::from_secs(2);
    cache.put(&key(1), answer(1, now), until, now);
    assert!(cache.get("00000001", until).is_some());
    assert!(cache.get("00000002", now).is_none());
    let late = until + Duration::from_millis(1);
    assert!(cache.get("00000001", late).is_none());
    cache.put(&key(2), answer(1, late), late, late);
    assert_eq!(cache.kept.len(), 1, "what is too old goes");
    cache.put(&key(3), answer(1, now), until, late);
    assert!(cache.get("00000003", now).is_none(), "too old when it came");
}

#[test]
fn neither_number_nor_bytes_grow_beyond_their_bounds() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    let until = now + Duration::from_hours(1);
    // Half of them under one key: what is replaced takes no room.
    for number in 0..3 * MOST_ANSWERS {
        let key = key(if number % 2 == 0 { 0 } else { number });
        cache.put(&key, answer(10, now), until, now);
    }
    assert!(cache.order.len() <= MOST_ANSWERS);
    assert!(cache.kept.len() <= MOST_ANSWERS);
    assert_eq!(cache.bytes, cache.kept.len() * 18);

    for number in 0..40 {
        let key = key(number);
        cache.put(&key, answer(MOST_BYTES / SHARE - 8, now), until, now);
    }
    assert!(cache.bytes <= MOST_BYTES);
    assert_eq!(cache.kept.len(), SHARE);
    cache.put(&key(99), answer(MOST_BYTES / SHARE, now), until, now);
    assert!(cache.get("00000099", now).is_none(), "too large to keep");
}

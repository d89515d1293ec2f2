//! What is left in the place of an event that was erased from a body which others share.

/// `null` and blanks, of the same length: the places of the others stay, and what was JSON still is.
pub(super) fn overwrite(part: &mut [u8]) {
    part.fill(b' ');
    let null = b"null";
    match part.get_mut(..null.len()) {
        Some(start) => start.copy_from_slice(null),
        None => part.iter_mut().take(1).for_each(|byte| *byte = b'0'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_json() {
        for item in ["1", "{}", "1e9", "null", "\"a b\"", r#"{"a":[1,2]}"#] {
            let mut body = format!("[0,{item},2]").into_bytes();
            overwrite(&mut body[3..3 + item.len()]);
            let read: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
            assert_eq!(read.len(), 3);
            assert!(read[1].is_null() || read[1] == 0, "{item}");
        }
        overwrite(&mut []);
    }
}

//! `64KiB`: sizes as people write them, in routes.toml and settings.
//!
//! A whole number of bytes, or one with `KiB`, `MiB` or `GiB`; never zero. Imports nothing of this crate.

const UNITS: [(&str, usize); 4] = [
    ("", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// In bytes; none for anything else, zero included.
#[must_use]
pub fn parse(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let bytes = number.parse::<usize>().ok()?.checked_mul(scale)?;
    (bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        for (text, bytes) in [
            ("1", 1),
            ("2KiB", 2048),
            ("1MiB", 1 << 20),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "0",
            "0KiB",
            "1MB",
            "1 MiB",
            "-1",
            "1.5MiB",
            "MiB",
            "99999999999GiB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

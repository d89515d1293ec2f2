//! "Did you mean …?": the nearest known name to one that is not known.
//!
//! For names in routes.toml and of settings. Imports nothing of this crate.

/// The nearest of `known`, if it is near enough to be a slip of the fingers: a letter too many or too few,
/// another one, or two neighbours swapped. Case, `-` and `_` make no difference.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

fn distance(name: &str, candidate: &str) -> usize {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    strsim::osa_distance(&plain(name), &plain(candidate))
}

/// `did you mean "x"?`, else the names there are.
pub(super) fn among(name: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    list(known)
}

/// The names there are, if a person can take them in.
pub(super) fn list(known: &[&str]) -> Option<String> {
    match known {
        [only] => Some(format!("only `{only}` is known here")),
        [first @ .., last] if first.len() < 40 => {
            let first: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("known here: {} and `{last}`", first.join(", ")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_finds_none() {
        let known = ["source", "signal", "workflow"];
        assert_eq!(nearest("sorce", known), Some("source"));
        assert_eq!(nearest("singal", known), Some("signal"));
        assert_eq!(nearest("workflwo", known), Some("workflow"));
        assert_eq!(nearest("SHA-256", ["sha1", "sha256"]), Some("sha256"));
        assert_eq!(nearest("banana", known), None);
    }
}

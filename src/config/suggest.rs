//! "Did you mean …?": the nearest known name to one that is not known.
//!
//! Imports nothing of this crate.

/// The nearest of `known`, if it is near enough to be a slip of the fingers.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"?`, else the names there are.
pub(super) fn among(name: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match known {
        [only] => Some(format!("only `{only}` is known here")),
        [first @ .., last] if first.len() < 12 => {
            let first: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("known here: {} and `{last}`", first.join(", ")))
        }
        _ => None,
    }
}

/// Edits (insert, delete, replace, swap of neighbours) from one to the other.
fn distance(one: &str, two: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let two: Vec<char> = two.chars().collect();
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=two.len() {
            let replaced = last[j - 1] + usize::from(one[i - 1] != two[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == two[j - 2] && one[i - 2] == two[j - 1] {
                let before: &Vec<usize> = &before_last;
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[two.len()]
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
        assert_eq!(nearest("banana", known), None);
    }
}

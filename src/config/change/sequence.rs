//! Which names have moved between two lists: as few as explain the new order.

use std::collections::{HashMap, HashSet};

/// Each name that has moved, with where it stood and where it stands, said by its neighbour before it. Names that only
/// one list has are left out of account; no name stands twice.
pub(super) fn moves<'n>(old: &[&'n str], new: &[&'n str]) -> HashMap<&'n str, (String, String)> {
    let known: HashSet<&str> = new.iter().copied().collect();
    let old = before_each(old.iter().copied().filter(|name| known.contains(name)));
    let places: HashMap<&str, usize> = old.iter().map(|(name, _)| *name).zip(0..).collect();
    let new = before_each(new.iter().copied().filter(|name| places.contains_key(name)));
    let order: Vec<usize> = new
        .iter()
        .filter_map(|(name, _)| places.get(name).copied())
        .collect();
    let stayed = longest_rise(&order);
    let neighbours: HashMap<&str, String> = old.into_iter().collect();
    new.into_iter()
        .zip(order)
        .filter(|(_, place)| !stayed.contains(place))
        .filter_map(|((name, after), _)| {
            let before = neighbours.get(name)?;
            (*before != after).then(|| (name, (before.clone(), after)))
        })
        .collect()
}

/// Each name with the words for where it stands.
fn before_each<'n>(names: impl Iterator<Item = &'n str>) -> Vec<(&'n str, String)> {
    let mut place = "first".to_owned();
    names
        .map(|name| (name, std::mem::replace(&mut place, format!("after {name}"))))
        .collect()
}

/// The members of a longest rising subsequence of different numbers.
fn longest_rise(numbers: &[usize]) -> HashSet<usize> {
    // The smallest number that a rise of each length ends with, and what comes before each number in its rise.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: HashMap<usize, usize> = HashMap::new();
    for &number in numbers {
        let length = ends.partition_point(|&end| end < number);
        if let Some(&previous) = length.checked_sub(1).and_then(|at| ends.get(at)) {
            before.insert(number, previous);
        }
        match ends.get_mut(length) {
            Some(end) => *end = number,
            None => ends.push(number),
        }
    }
    std::iter::successors(ends.last().copied(), |number| before.get(number).copied()).collect()
}

//! Any text as a pattern, any bytes as a path: no panic, and one rule for each path.

use proptest::prelude::*;

use super::*;

/// Few names, so that patterns and paths meet.
fn segment() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]", Just("{x}".to_owned()), Just("{y}".to_owned())]
}

fn pattern() -> impl Strategy<Value = String> {
    prop::collection::vec(segment(), 1..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn fits(pattern: &str, path: &str) -> bool {
    let rule = Rule {
        path: PathPattern::parse(pattern).unwrap(),
        ..rule("/{id}")
    };
    Rules::new(vec![rule]).find(path).is_some()
}

proptest! {
    #[test]
    fn nothing_that_is_written_or_asked_ends_in_a_panic(text in any::<String>(), path in any::<String>()) {
        if let Ok(pattern) = PathPattern::parse(&text) {
            prop_assert!(pattern.overlaps(&pattern));
        }
        let found = Rules::new(vec![rule("/orders/{id}/status")]).find(&path).is_some();
        prop_assert!(!found || path.ends_with("/status"));
    }

    /// What the load of a routing file relies on: rules that do not overlap never meet.
    #[test]
    fn a_path_that_fits_two_patterns_shows_that_they_overlap(
        one in pattern(),
        two in pattern(),
        path in "(/[abc]){1,3}",
    ) {
        let parsed = (PathPattern::parse(&one), PathPattern::parse(&two));
        if let (Ok(first), Ok(second)) = parsed
            && fits(&one, &path)
            && fits(&two, &path)
        {
            prop_assert!(first.overlaps(&second) && second.overlaps(&first));
        }
    }

    #[test]
    fn a_parameter_is_decoded_once_whatever_it_holds(value in "\\PC{1,20}") {
        let encoded = hex::encode_upper(&value);
        let encoded: String = encoded
            .as_bytes()
            .chunks(2)
            .flat_map(|digits| ['%', char::from(digits[0]), char::from(digits[1])])
            .collect();
        let rules = Rules::new(vec![rule("/orders/{id}")]);
        let (_, found) = rules.find(&format!("/orders/{encoded}")).unwrap();
        prop_assert_eq!(found, [("id".to_owned(), value)]);
    }
}

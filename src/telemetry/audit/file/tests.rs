//! What the audit file looks like after rotations, moves and faults.

use std::os::unix::fs::PermissionsExt;

use super::*;

const LINE: &[u8] = b"{\"target\":\"audit\"}\n";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

fn options(folder: &Path) -> Options {
    Options {
        path: folder.join("audit.log"),
        required: false,
        max_bytes: 1024,
        max_age: None,
        keep: 2,
    }
}

fn archives(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "audit.log")
        .collect();
    names.sort();
    names
}

#[test]
fn it_is_the_owners_alone_and_what_it_held_stays() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let mut file = AuditFile::open(options.clone(), at(0)).unwrap();
    file.write(LINE, at(0)).unwrap();
    let mode = fs::metadata(&options.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        AuditFile::open(options.clone(), at(0)).is_err(),
        "one writer at a time"
    );
    drop(file);
    let mut file = AuditFile::open(options.clone(), at(1)).unwrap();
    file.write(LINE, at(1)).unwrap();
    assert_eq!(fs::read(&options.path).unwrap(), LINE.repeat(2));
}

#[test]
fn by_size_it_is_begun_anew_and_the_newest_few_stay() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        max_bytes: LINE.len() as u64,
        ..options(folder.path())
    };
    fs::write(folder.path().join("audit.log.bak"), "not ours").unwrap();
    let mut file = AuditFile::open(options.clone(), at(0)).unwrap();
    for second in 0..10 {
        file.write(LINE, at(second)).unwrap();
    }
    assert_eq!(file.trouble(), None);
    let names = archives(folder.path());
    assert_eq!(
        names,
        [
            "audit.log.2023-11-14T22-13-28.000Z",
            "audit.log.2023-11-14T22-13-29.000Z",
            "audit.log.bak"
        ]
    );
    assert_eq!(fs::read(&options.path).unwrap(), LINE);
}

#[test]
fn by_age_it_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        max_age: Some(Duration::from_mins(1)),
        ..options(folder.path())
    };
    let mut file = AuditFile::open(options, at(0)).unwrap();
    file.write(LINE, at(0)).unwrap();
    file.write(LINE, at(59)).unwrap();
    assert!(archives(folder.path()).is_empty());
    file.write(LINE, at(60)).unwrap();
    assert_eq!(archives(folder.path()).len(), 1);
}

#[test]
fn a_file_moved_away_is_left_and_another_begun() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let moved = folder.path().join("moved");
    let mut file = AuditFile::open(options.clone(), at(0)).unwrap();
    file.write(LINE, at(0)).unwrap();
    fs::rename(&options.path, &moved).unwrap();
    file.write(LINE, at(0)).unwrap();
    file.reopen(at(0)).unwrap();
    file.write(LINE, at(0)).unwrap();
    assert_eq!(fs::read(&moved).unwrap(), LINE.repeat(2));
    assert_eq!(fs::read(&options.path).unwrap(), LINE);
    // Without being told it is noticed within a second.
    fs::remove_file(&options.path).unwrap();
    file.write(LINE, at(2)).unwrap();
    assert_eq!(fs::read(&options.path).unwrap(), LINE);
}

#[test]
fn a_rotation_that_fails_loses_nothing_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let options = options(&inner);
    let mut file = AuditFile::open(options, at(0)).unwrap();
    let moved = folder.path().join("moved");
    fs::rename(&inner, &moved).unwrap();
    file.write(LINE, at(5)).unwrap();
    assert!(file.trouble().unwrap().contains("cannot be opened"));
    assert_eq!(fs::read(moved.join("audit.log")).unwrap(), LINE);
    fs::rename(&moved, &inner).unwrap();
    file.write(LINE, at(7)).unwrap();
    assert_eq!(file.trouble(), None);
}

#[test]
fn half_a_line_that_was_found_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    fs::write(&options.path, "{\"target\":\"au").unwrap();
    let mut file = AuditFile::open(options.clone(), at(0)).unwrap();
    file.write(LINE, at(0)).unwrap();
    let text = fs::read_to_string(&options.path).unwrap();
    assert_eq!(text.lines().nth(1), Some(r#"{"target":"audit"}"#));
}

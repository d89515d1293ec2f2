//! What is written down is true: README commands, the settings table, error codes and their headings.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::cli::signalpost;

fn page(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name))
        .expect("a page of the project")
}

/// The commands of README's `sh` blocks, a line each.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in page.lines().map(str::trim) {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside && !line.is_empty() => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

/// Every command of README, and the test that runs it.
const RUN_BY: [(&str, &str); 25] = [
    (
        "cargo run --example orders",
        "docs::the_demo_ends_with_a_paid_and_shipped_order",
    ),
    ("tests/run", "runs this suite"),
    (
        "signalpost check routes.toml",
        "cli::the_root_routes_file_passes_check",
    ),
    ("cp routes.toml new.toml", "a copy"),
    (
        "signalpost check new.toml --secrets",
        "cli::the_root_routes_file_passes_check",
    ),
    (
        "signalpost diff routes.toml new.toml --events last:",
        "diff::the_last_events_of_a_running_gateway_are_judged_and_each_body_read_is_on_record",
    ),
    (
        "mv new.toml routes.toml",
        "reload::a_saved_file_is_taken_by_itself_renamed_over_or_behind_a_swapped_link",
    ),
    (
        "signalpost serve --listen 0.0.0.0:8080",
        "support::gateway starts it for every test",
    ),
    (
        "signalpost send stripe payment.json",
        "cli::send_signs_like_the_provider_and_prints_the_answer",
    ),
    (
        "signalpost providers",
        "catalogue::one_provider_is_shown_whole_and_an_unconfirmed_one_says_so",
    ),
    (
        "signalpost dev --routes routes.toml",
        "dev::dev_brings_up_everything_and_reads_the_routes_again_on_save",
    ),
    (
        "signalpost events tail",
        "cli_events::tail_shows_an_event_when_it_comes_and_when_its_state_changes",
    ),
    (
        "signalpost events list --state parked",
        "cli_events::a_list_is_a_table_for_people_and_the_apis_json_for_programs",
    ),
    (
        "signalpost events show",
        "cli_events::show_says_what_became_of_an_event_why_and_what_to_do",
    ),
    (
        "signalpost events retry --state parked --route",
        "cli_events::what_is_parked_is_retried_in_bulk_after_a_look_and_a_yes",
    ),
    (
        "signalpost events replay --state unrouted",
        "cli_events::unrouted_events_are_replayed_in_bulk",
    ),
    (
        "signalpost events drop",
        "cli_events::one_is_dropped_and_one_erased_by_their_ids",
    ),
    (
        "signalpost explain --request",
        "explain::webhooks::a_capture_is_followed_to_its_signals_step_by_step",
    ),
    (
        "signalpost explain 0",
        "explain::webhooks::a_kept_event_is_explained_by_its_id",
    ),
    (
        "signalpost test examples/orders/tests.toml",
        "cases::the_cases_of_the_demo_hold",
    ),
    (
        "signalpost explain --query",
        "explain::a_caller_without_a_token_is_told_in_json",
    ),
    (
        "signalpost routes -o md",
        "explain::routes_names_every_signal_and_query_and_no_secret",
    ),
    (
        "curl http://127.0.0.1:8081/v1/config",
        "reload::projected::what_a_reload_changed_is_in_the_log_and_shown",
    ),
    ("signalpost schema", "schema::the_command_prints_the_schema"),
    ("curl", "webhooks and queries"),
];

#[test]
fn every_readme_command_is_run_by_a_test() {
    for command in commands(&page("README.md")) {
        assert!(
            RUN_BY.iter().any(|(known, _)| command.starts_with(known)),
            "no test is named for the README's `{command}`"
        );
    }
}

#[test]
fn the_readmes_routes_pass_check() {
    let readme = page("README.md");
    let mut file = String::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.trim() {
            "```toml" => inside = true,
            "```" => inside = false,
            line if inside => {
                file.push_str(line);
                file.push('\n');
            }
            _ => {}
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("routes.toml");
    std::fs::write(&path, file).expect("routes.toml");
    let output = signalpost(&["check", path.to_str().expect("a path")])
        .output()
        .expect("the binary runs");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_demo_ends_with_a_paid_and_shipped_order() {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_signalpost"))
        .with_file_name("examples")
        .join("orders");
    let output = Command::new(&binary)
        .arg("--once")
        .output()
        .expect("the demo is built with the tests");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("All as it should be."), "{said}");
}

#[test]
fn every_code_has_its_heading_and_every_heading_its_code() {
    let runbook = page("deploy/runbook.md");
    let headings: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### SP-"))
        .map(|rest| format!("SP-{}", rest.split_whitespace().next().expect("a code")))
        .collect();
    let mut codes: BTreeSet<String> = BTreeSet::new();
    codes.extend(
        signalpost::event::Reason::ALL
            .iter()
            .map(|reason| reason.code().to_owned()),
    );
    codes.extend(
        signalpost::config::codes::ALL
            .iter()
            .map(|(code, _)| code.as_str().to_owned()),
    );
    codes.extend(
        signalpost::server::error::Failure::ALL
            .iter()
            .map(|failure| failure.problem().code.to_owned()),
    );
    for (code, title) in signalpost::config::codes::ALL {
        let heading = format!("\n### {} {title}\n", code.as_str());
        assert!(runbook.contains(&heading), "{heading}");
    }
    assert_eq!(
        codes.difference(&headings).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "codes without a heading"
    );
    assert_eq!(
        headings.difference(&codes).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "headings without a code"
    );
}

#[test]
fn one_crypto_backend_and_no_system_tls() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--prefix",
            "none",
            "--target",
            "all",
            "--edges",
            "normal,build",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(
        tree.contains("aws-lc-rs v"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for banned in ["openssl-sys v", "native-tls v", "ring v"] {
        assert!(
            !tree.lines().any(|line| line.starts_with(banned)),
            "{banned} is in the tree"
        );
    }
}

/// Words in backticks, without what stands in blocks.
fn quoted(page: &str) -> Vec<String> {
    let words = page.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[test]
fn the_tests_flags_and_files_that_the_security_page_names_are_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let help = signalpost(&["serve", "--help"]).output().expect("help");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let of_check = signalpost(&["check", "--help"]).output().expect("help");
    let flags = help + &String::from_utf8_lossy(&of_check.stdout);
    let page = page("deploy/security.md");
    let mut tests = 0;
    for word in quoted(&page) {
        if let Some((module, name)) = word.rsplit_once("::").filter(|(m, _)| *m != "secret") {
            let module = module.replace("::", "/");
            let files = [format!("tests/{module}.rs"), format!("src/{module}.rs")];
            let has = |file: &String| {
                let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                text.contains(&format!("fn {name}("))
            };
            assert!(files.iter().any(has), "no test {word}");
            tests += 1;
        }
        let ours = ["--", "signalpost check", "signalpost serve"];
        if !ours.iter().any(|begin| word.starts_with(begin)) {
            continue;
        }
        for flag in word.split(' ').filter(|part| part.starts_with("--")) {
            assert!(flags.contains(flag), "no flag {flag}");
        }
    }
    assert!(tests > 20, "{tests}");
    for link in page.split("](").skip(1) {
        let target = link.split(')').next().expect("a link");
        assert!(root.join("deploy").join(target).exists(), "{target}");
    }
}

#[test]
fn a_word_stands_in_the_glossary_once() {
    let page = page("ARCHITECTURE.md");
    let (_, glossary) = page.split_once("## Glossary").expect("a glossary");
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| "));
    let mut seen = BTreeSet::new();
    for word in rows.filter_map(|row| row.split(" |").next()) {
        assert!(seen.insert(word), "`{word}` stands there twice");
    }
    assert!(seen.contains("view"));
}

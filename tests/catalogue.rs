//! The catalogue of providers as a whole: who is in it, what `signalpost providers` and README say of it, and that
//! each example can be pasted.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;
use signalpost::expr::{Expr, Scope};
use signalpost::verify::providers::{self, SchemeSpec, Words};

use crate::cli::signalpost;

/// Every provider that Signalpost is to know.
const NAMES: &str = "adyen adyen-platform aftership asana atlassian-connect auth0 aws-sns azure-event-grid bitbucket \
    braintree calcom calendly chargebee checkout clerk cloudevents coinbase-commerce contentful datadog dhl discord \
    docusign dropbox easypost easyship fedex flutterwave fusionauth github gitlab gitlab-signing gocardless \
    google-pubsub heroku http-signatures hubspot intercom jira klarna lemonsqueezy line linear mailgun meta \
    microsoft-graph mollie okta pagerduty paddle paypal paystack plaid postmark razorpay resend sendgrid sentry \
    shipengine shippo shopify slack square standard-webhooks stripe svix telegram twilio twilio-sharedkey typeform \
    ups vercel webflow wise woocommerce x zendesk zoom";

#[test]
fn everybody_of_the_list_is_in_the_catalogue() {
    let wanted: BTreeSet<&str> = NAMES.split_whitespace().collect();
    let there: BTreeSet<&str> = providers::ALL.iter().map(|preset| preset.name).collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    let sorted: Vec<_> = there.iter().copied().collect();
    let order: Vec<_> = providers::ALL.iter().map(|preset| preset.name).collect();
    assert_eq!(order, sorted, "in alphabetical order, each once");
}

#[test]
fn a_preset_says_all_that_a_person_needs() {
    for preset in providers::ALL {
        let name = preset.name;
        for text in [preset.title, preset.setup] {
            assert!(!text.is_empty(), "{name}");
        }
        assert!(preset.source.starts_with("https://"), "{name}");
        let code = matches!(preset.scheme, SchemeSpec::Code { .. });
        if !code {
            assert_eq!(
                preset.words,
                Words::NONE,
                "{name}: the data speaks for itself"
            );
        }
        let batch = preset.batch.iter();
        let in_batch = batch.flat_map(|batch| [Some(batch.each), batch.key, batch.kind]);
        for text in in_batch.chain([preset.key, preset.kind]).flatten() {
            assert!(Expr::compile(text, Scope::SOURCE).is_ok(), "{name}: {text}");
        }
    }
}

fn run(arguments: &[&str]) -> Output {
    signalpost(arguments).output().expect("the binary runs")
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_examples_of_all_providers_pass_check() {
    let all: Value = serde_json::from_str(&stdout(&["providers", "-o", "json"])).expect("JSON");
    let all = all["providers"].as_array().expect("a list");
    assert_eq!(all.len(), providers::ALL.len());
    let folder = tempfile::tempdir().expect("a folder");
    for shown in all {
        let path = folder.path().join("routes.toml");
        std::fs::write(&path, shown["example"].as_str().expect("text")).expect("a file");
        let output = signalpost(&["check", path.to_str().expect("a path")])
            .env("SIGNALPOST_PUBLIC_URL", "https://hooks.example.com")
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}: {said}", shown["name"]);
        assert!(shown["dedup"].is_string(), "{}", shown["name"]);
    }
}

#[test]
fn a_page_says_in_words_what_is_asked_and_answered() {
    for (name, words) in [
        ("asana", "signalpost handshake open SOURCE"),
        ("asana", "secrets = [\"file:/"),
        ("meta", "verify_token = \"env:META_VERIFY_TOKEN\""),
        ("slack", "a signed POST of type `url_verification`"),
        ("slack", "200 with an empty body; not proven: 401"),
        ("adyen", "200 with `[accepted]`"),
        ("gocardless", "not proven: 498"),
        ("stripe", "nothing is decoded"),
        ("discord", "the vendor states none"),
        ("twilio", "no time is signed"),
        ("svix", "it is decoded"),
    ] {
        let page = stdout(&["providers", name]);
        assert!(page.contains(words), "{words} in\n{page}");
    }
    for handshake in signalpost::verify::handshake::names() {
        let page = stdout(&["providers", handshake]);
        let line = page.lines().find(|line| line.starts_with("  handshake"));
        assert!(
            line.is_some_and(|line| line.split_whitespace().count() > 3),
            "{page}"
        );
    }
}

#[test]
fn one_provider_is_shown_whole_and_an_unconfirmed_one_says_so() {
    let slack = stdout(&["providers", "slack"]);
    for line in [
        "Slack (slack)",
        "x-slack-signature, x-slack-request-timestamp",
        "HMAC-SHA-256",
        "v0:{timestamp}:{body}",
        "hex behind `v0=`",
        "5m both ways",
        "Signing Secret",
        "[sources.slack]\nprovider = \"slack\"\nsecrets = [\"env:SLACK_SECRET\"]",
    ] {
        assert!(slack.contains(line), "{line} in\n{slack}");
    }
    let telegram = stdout(&["providers", "telegram"]);
    assert!(telegram.contains("UNCONFIRMED") && telegram.contains("not bound"));
    let list = stdout(&["providers"]);
    for preset in providers::ALL {
        let row = list
            .lines()
            .find(|line| line.split(' ').next() == Some(preset.name));
        assert!(
            row.is_some_and(|row| row.ends_with(preset.source)),
            "{}",
            preset.name
        );
    }
    let unknown = run(&["providers", "slak"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(unknown.stdout.is_empty());
}

const PRINT_IT: &str = "put the output of `signalpost providers -o md` between README's markers";

#[test]
fn it_is_said_that_graph_without_resource_data_rests_on_the_client_state_alone() {
    let page = stdout(&["providers", "microsoft-graph"]);
    let said = "Requests without resource data carry no token and rest on the client state alone.";
    assert!(page.contains(said), "{page}");
}

#[test]
fn readmes_table_is_the_catalogue() {
    let table = stdout(&["providers", "-o", "md"]);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let (_, rest) = readme
        .split_once("<!-- providers -->\n")
        .expect("the marker");
    let (written, _) = rest
        .split_once("<!-- /providers -->")
        .expect("the other marker");
    let differs = table
        .lines()
        .find(|line| !written.lines().any(|row| row == *line));
    assert_eq!(differs, None, "{PRINT_IT}");
    assert!(written.trim() == table.trim(), "{PRINT_IT}");
}

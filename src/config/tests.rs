//! Reloading, on real files: what replaces a plan, what does not, and what is lent to the next one.
//!
//! What a single file means is tested by the golden files; here a file changes under a running plan.
//! The watch is waited for by its status, never by time.

mod mutations;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::*;

const ROUTES: &str = r#"
[sources.shop]
provider = "hmac"
secrets = ["file:SECRET"]
signature = { header = "X-Sig", algorithm = "sha256", encoding = "hex" }
event = { key = "body.id" }

[sources.people]
provider = "jwt"
issuer = "corp"
event = { key = "body.id" }

[issuers.corp]
issuer = "https://idp.example.com/"
audience = "signalpost"
jwks = "https://idp.example.com/jwks.json"
"#;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("signalpost-{}", Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let this = Self(folder);
        this.write("secret", "0123456789abcdef-first\n");
        this.write("routes.toml", &this.routes());
        this
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
    fn routes(&self) -> String {
        ROUTES.replace("SECRET", self.path("secret").to_str().unwrap())
    }
    fn open(&self) -> Arc<PlanHandle> {
        PlanHandle::open(self.path("routes.toml"), options())
            .unwrap()
            .0
    }
}

fn options() -> Options {
    Options {
        env: Arc::new(|_| None),
        ..Options::new("default")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn signature(plan: &Plan) -> Vec<(String, String)> {
    let draft = crate::verify::verifier::Draft {
        body: b"{}",
        id: "",
        now: crate::clock::Timestamp::default(),
    };
    let signed = crate::verify::sign(&plan.sources["shop"], draft);
    signed.expect("the source signs").headers
}

#[test]
fn a_bad_file_keeps_the_old_plan_and_says_why() {
    let folder = Folder::new();
    let handle = folder.open();
    let before = handle.current();
    folder.write("routes.toml", "[sources.shop]\nprovider = \"nonsense\"\n");
    let problems = handle.reload().unwrap_err();
    assert_eq!(problems[0].code, "SP-C010");
    assert!(Arc::ptr_eq(&before, &handle.current()));
    assert_eq!(handle.status().generation, 1);
    let said = handle.status().last_problem.unwrap();
    assert!(said.contains("nonsense"), "{said}");

    fs::remove_file(folder.path("routes.toml")).unwrap();
    assert_eq!(handle.reload().unwrap_err()[0].code, "SP-C001");

    folder.write("routes.toml", &folder.routes());
    handle.reload().unwrap();
    assert_eq!(handle.status().generation, 2);
    assert_eq!(handle.status().last_problem, None);
}

#[test]
fn a_secret_file_that_goes_keeps_its_last_value() {
    let folder = Folder::new();
    let handle = folder.open();
    let signed = signature(&handle.current());
    fs::remove_file(folder.path("secret")).unwrap();
    for _ in 0..2 {
        let warnings = handle.reload().unwrap();
        assert_eq!(warnings[0].code, "SP-C029");
        assert_eq!(signature(&handle.current()), signed);
        assert_eq!(
            *handle.current().stale_secrets,
            [std::sync::Arc::from("shop")]
        );
    }
    folder.write("secret", "0123456789abcdef-second");
    assert!(handle.reload().unwrap().is_empty());
    assert_ne!(signature(&handle.current()), signed);
    assert!(handle.current().stale_secrets.is_empty());
}

#[test]
fn a_secret_that_loses_its_form_keeps_its_last_value() {
    let folder = Folder::new();
    let own = folder.routes();
    let end = own.find("[sources.people]").unwrap();
    let standard = format!(
        "[sources.shop]\nprovider = \"standard-webhooks\"\nsecrets = [\"file:{}\"]\n{}",
        folder.path("secret").display(),
        own.get(end..).unwrap()
    );
    folder.write("routes.toml", &standard);
    folder.write("secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZg==");
    let handle = folder.open();
    let signed = signature(&handle.current());
    folder.write("secret", "not base64 at all!");
    for _ in 0..2 {
        assert_eq!(handle.reload().unwrap()[0].code, "SP-C029");
        assert_eq!(signature(&handle.current()), signed);
    }
}

#[test]
fn a_shared_secret_that_becomes_too_short_keeps_its_last_value() {
    let folder = Folder::new();
    let issuer = format!(
        "{}\n[issuers.own]\nissuer = \"own\"\naudience = \"signalpost\"\nsecrets = [\"file:{}\"]\n",
        folder.routes(),
        folder.path("shared").display()
    );
    folder.write("routes.toml", &issuer);
    folder.write("shared", "0123456789abcdef0123456789abcdef\n");
    let handle = folder.open();
    let holders = || {
        let mut holders: Vec<_> = handle.current().secret_holders().collect();
        holders.sort();
        holders
    };
    assert_eq!(
        holders(),
        [("issuer:own", false), ("people", false), ("shop", false)].map(|(n, s)| (n.into(), s))
    );
    folder.write("shared", "short");
    for _ in 0..2 {
        assert_eq!(handle.reload().unwrap()[0].code, "SP-C029");
        assert_eq!(holders()[0], ("issuer:own".into(), true));
    }
    folder.write("shared", "another-0123456789abcdef-0123456789abcdef");
    assert!(handle.reload().unwrap().is_empty());
    assert_eq!(holders()[0], ("issuer:own".into(), false));
}

#[test]
fn an_unset_variable_refuses_a_reload_and_names_the_way_out() {
    let folder = Folder::new();
    let handle = folder.open();
    let env = folder.routes().replace(
        &format!("file:{}", folder.path("secret").display()),
        "env:ABSENT",
    );
    folder.write("routes.toml", &env);
    let problems = handle.reload().unwrap_err();
    let text = problems[0].to_string();
    assert!(text.contains("needs a restart, or use file:"), "{text}");
}

#[test]
fn keys_that_are_held_stay_in_use() {
    let folder = Folder::new();
    let handle = folder.open();
    let keys = crate::token::KeySet::default();
    handle.current().issuers["corp"]
        .ring
        .replace(Arc::new(keys));
    handle.reload().unwrap();
    assert!(handle.current().issuers["corp"].ring.current().is_some());

    let elsewhere = folder.routes().replace("jwks.json", "other.json");
    folder.write("routes.toml", &elsewhere);
    handle.reload().unwrap();
    assert!(handle.current().issuers["corp"].ring.current().is_none());
}

#[test]
fn keys_and_certificates_of_a_provider_stay_in_use() {
    let folder = Folder::new();
    let parcels = format!(
        "{}\n[sources.parcels]\nprovider = \"shipengine\"\n",
        folder.routes()
    );
    folder.write("routes.toml", &parcels);
    let handle = folder.open();
    let held = |plan: &Plan| plan.sources["parcels"].published_keys().unwrap().clone();
    let keys = held(&handle.current());
    assert_eq!(
        keys.location.to_string(),
        "https://api.shipengine.com/jwks",
        "the vendor's own"
    );
    keys.ring.replace(Arc::new(crate::token::KeySet::default()));
    let pem = include_bytes!("../../tests/fixtures/providers/aws-sns/certificate.pem");
    let certificate = crate::verify::certificates::Certificate::from_pem(pem).unwrap();
    let url = "https://sns.us-west-2.amazonaws.com/a.pem";
    handle.current().fetched.put(url, &Arc::new(certificate));
    folder.write("routes.toml", &format!("{parcels}# a comment\n"));
    handle.reload().unwrap();
    assert!(held(&handle.current()).ring.current().is_some());
    assert!(handle.current().fetched.get(url).is_some());
    let rings: Vec<_> = handle
        .current()
        .key_rings()
        .map(|(at, _)| at.to_string())
        .collect();
    assert_eq!(rings.len(), 2, "{rings:?}");
}

/// Runs the watch beside `act`, and waits until the status is as wanted.
async fn watched(handle: &Arc<PlanHandle>, act: impl FnOnce(), wanted: fn(&Status) -> bool) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(Arc::clone(handle).watch(async {
        stopped.await.ok();
    }));
    let mut status = handle.subscribe();
    act();
    tokio::time::timeout(Duration::from_secs(20), status.wait_for(wanted))
        .await
        .expect("seen in time")
        .unwrap();
    stop.send(()).unwrap();
    watching.await.unwrap();
}

fn swap_link(folder: &Folder, to: &str) {
    let fresh = folder.path("..data_tmp");
    std::os::unix::fs::symlink(to, &fresh).unwrap();
    fs::rename(&fresh, folder.path("..data")).unwrap();
}

#[tokio::test]
async fn the_watch_sees_writes_in_place_and_renames() {
    let folder = Folder::new();
    let handle = folder.open();
    watched(
        &handle,
        || folder.write("routes.toml", &format!("{}# more\n", folder.routes())),
        |status| status.generation == 2,
    )
    .await;
    let rename = || {
        folder.write("fresh", &folder.routes());
        fs::rename(folder.path("fresh"), folder.path("routes.toml")).unwrap();
    };
    watched(&handle, rename, |status| status.generation == 3).await;
}

#[tokio::test]
async fn the_watch_sees_a_swapped_symlink() {
    let folder = Folder::new();
    for (name, tail) in [("one", ""), ("two", "# two\n")] {
        fs::create_dir(folder.path(name)).unwrap();
        folder.write(
            &format!("{name}/routes.toml"),
            &format!("{}{tail}", folder.routes()),
        );
    }
    swap_link(&folder, "one");
    fs::remove_file(folder.path("routes.toml")).unwrap();
    let link = Path::new("..data/routes.toml");
    std::os::unix::fs::symlink(link, folder.path("routes.toml")).unwrap();
    let handle = folder.open();
    watched(
        &handle,
        || swap_link(&folder, "two"),
        |status| status.generation == 2,
    )
    .await;
}

#[tokio::test]
async fn a_refused_file_is_tried_again_when_a_file_that_it_names_appears() {
    let folder = Folder::new();
    let handle = folder.open();
    let later = folder.routes().replace(
        folder.path("secret").to_str().unwrap(),
        folder.path("later").to_str().unwrap(),
    );
    watched(
        &handle,
        || folder.write("routes.toml", &later),
        |status| status.last_problem.is_some(),
    )
    .await;
    watched(
        &handle,
        || folder.write("later", "0123456789abcdef-later"),
        |status| status.generation == 2,
    )
    .await;
}

#[test]
fn a_schema_is_watched_counted_in_the_digest_and_kept_while_its_file_is_bad() {
    let folder = Folder::new();
    let route = r#"
[[routes]]
name = "r"
source = "shop"
workflow = "w-${body.id}"
signal = "s"
schema = "order.json"
"#;
    folder.write("order.json", r#"{"type":"object"}"#);
    folder.write("routes.toml", &format!("{}{route}", folder.routes()));
    let handle = folder.open();
    let first = handle.current().digest.clone();
    let watched = load(&folder.path("routes.toml"), &options()).files;
    assert!(
        watched
            .paths()
            .any(|path| path == folder.path("order.json"))
    );

    folder.write("order.json", r#"{"type":"thing"}"#);
    assert!(watched.look_again() != watched);
    let problems = handle.reload().unwrap_err();
    assert_eq!(problems[0].code, "SP-C034");
    assert_eq!(handle.current().digest, first);

    folder.write(
        "order.json",
        &format!(r#"{{"title":"{}"}}"#, "x".repeat(1 << 20)),
    );
    let problems = handle.reload().unwrap_err();
    assert!(problems[0].message.contains("larger than 1 MiB"));

    folder.write("order.json", r#"{"type":"array"}"#);
    handle.reload().unwrap();
    assert_ne!(handle.current().digest, first);
    folder.write("order.json", r#"{"type":"object"}"#);
    handle.reload().unwrap();
    assert_eq!(handle.current().digest, first);
}

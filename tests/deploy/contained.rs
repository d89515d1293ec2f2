//! The container's contract, kept by the real binary: the image's files, the pod's settings, mounts and user as they are written,
//! a root that cannot be written, no capabilities, a network of its own, and the variables that Kubernetes injects.
//!
//! Namespaces of another user need root; without it these tests are skipped, and say so.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::image;
use super::pods::{container, pod};
use super::{list, resource, text};
use crate::support::{eventually, sender, within};

const BINARY: &str = "/usr/local/bin/signalpost";

/// What Kubernetes puts into every pod beside Services named `signalpost` and `signalpost-ops`.
const INJECTED: [(&str, &str); 9] = [
    ("SIGNALPOST_SERVICE_HOST", "10.96.7.1"),
    ("SIGNALPOST_SERVICE_PORT", "80"),
    ("SIGNALPOST_SERVICE_PORT_PUBLIC", "80"),
    ("SIGNALPOST_PORT", "tcp://10.96.7.1:80"),
    ("SIGNALPOST_PORT_80_TCP", "tcp://10.96.7.1:80"),
    ("SIGNALPOST_PORT_80_TCP_ADDR", "10.96.7.1"),
    ("SIGNALPOST_OPS_SERVICE_HOST", "10.96.7.2"),
    ("SIGNALPOST_OPS_PORT", "tcp://10.96.7.2:8081"),
    ("SIGNALPOST_OPS_PORT_8081_TCP_PROTO", "tcp"),
];

/// A pod as it would be run: its root, and what is mounted where.
struct Pod {
    folder: TempDir,
    spec: Value,
    mounts: Vec<String>,
}

/// None where this user may not do what a container runtime does.
fn may_contain() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    let is_root = id.stdout.trim_ascii() == b"0";
    if !is_root {
        eprintln!("skipped: only root can run a program as another user in a root of its own");
    }
    is_root
}

fn made(path: &Path, mode: u32) {
    fs::create_dir_all(path).expect("a folder");
    chown(path, Some(0), Some(65532)).expect("fsGroup's");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

impl Pod {
    /// With `routes` for the routing file, and what the Secrets would hold.
    fn new(spec: Value, routes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        for below in ["usr/local/bin", "etc", "var/lib/signalpost"] {
            fs::create_dir_all(root.join(below)).expect("a folder");
        }
        fs::copy(
            env!("CARGO_BIN_EXE_signalpost"),
            root.join(BINARY.trim_start_matches('/')),
        )
        .expect("the binary");
        image::furnish(&root);
        // The kubelet writes this file; a cluster's DNS would know the others.
        let hosts = "127.0.0.1 localhost redis temporal-frontend.temporal\n";
        fs::write(root.join("etc/hosts"), hosts).expect("hosts");
        let mut pod = Self {
            folder,
            spec,
            mounts: Vec::new(),
        };
        let mounts = list(&container(&pod.spec)["volumeMounts"]).to_vec();
        for mount in &mounts {
            let (name, path) = (text(&mount["name"]), text(&mount["mountPath"]));
            let access = if mount["readOnly"] == true {
                "ro"
            } else {
                "rw"
            };
            let from = pod.volume(name, routes);
            pod.mounts
                .push(format!("{}:{path}:{access}", from.display()));
        }
        pod
    }

    /// The content of a volume, owned as the kubelet would with this fsGroup.
    fn volume(&self, name: &str, routes: &str) -> PathBuf {
        let folder = self.folder.path().join("volumes").join(name);
        let volumes = list(&self.spec["volumes"]);
        let volume = volumes.iter().find(|volume| volume["name"] == name);
        let files: Vec<(&str, String)> = match name {
            "routes" => vec![
                ("routes.toml", routes.to_owned()),
                ("payment.json", sender::payment("1", "evt_1", 1)),
            ],
            "webhooks" => vec![("stripe", sender::STRIPE_SECRET.to_owned())],
            "ops" => vec![("tokens", format!("ann act sha256:{}\n", "0".repeat(64)))],
            "redis" => vec![("password", "letmein".to_owned())],
            _ => Vec::new(),
        };
        // A claim or an empty folder is the group's to write.
        made(&folder, if files.is_empty() { 0o2777 } else { 0o755 });
        let is_secret = volume.is_some_and(|it| it["configMap"].is_null());
        let mode = if is_secret { 0o440 } else { 0o644 };
        for (name, content) in files {
            let path = folder.join(name);
            fs::write(&path, content).expect("a file");
            chown(&path, Some(0), Some(65532)).expect("fsGroup's");
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        folder
    }

    fn variables(&self) -> Vec<(String, String)> {
        let of_pod = list(&container(&self.spec)["env"]).iter().map(|one| {
            let value = text(&one["value"]).to_owned();
            (text(&one["name"]).to_owned(), value)
        });
        let injected = INJECTED.map(|(name, value)| (name.to_owned(), value.to_owned()));
        of_pod.chain(injected).collect()
    }

    /// The container's own command, with further variables.
    fn command(&self, more: &[(&str, &str)]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/contained.sh");
        let security = &self.spec["securityContext"];
        let user = format!("{}:{}", security["runAsUser"], security["runAsGroup"]);
        assert_eq!(user, image::user());
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--net"])
            .arg(script)
            .arg(self.folder.path().join("root"))
            .arg(user)
            .args(&self.mounts)
            .args(["--", BINARY])
            .args(list(&container(&self.spec)["args"]).iter().map(text))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("PATH"))
            .envs(self.variables())
            .envs(more.iter().copied())
            .current_dir("/");
        command
    }

    fn start(&self) -> Running<'_> {
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        let child = self
            .command(&[])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("unshare is util-linux's");
        Running { pod: self, child }
    }
}

/// Killed when dropped; all its namespaces go with it.
struct Running<'a> {
    pod: &'a Pod,
    child: Child,
}

impl Running<'_> {
    fn log(&self) -> String {
        fs::read_to_string(self.pod.folder.path().join("log")).unwrap_or_default()
    }

    /// As `kubectl exec` would: in its root and network, as its user.
    fn exec(&self, arguments: &[&str]) -> Output {
        let pid = self.child.id().to_string();
        Command::new("nsenter")
            .args(["--target", &pid, "--mount", "--net", "--root"])
            .args(["--setuid", "65532", "--setgid", "65532", BINARY])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("PATH"))
            .envs(self.pod.variables())
            .output()
            .expect("nsenter is util-linux's")
    }

    /// What the test of the chart asks, and compose.yaml.
    fn is_ready(&self) -> bool {
        self.exec(&["healthcheck"]).status.success()
    }

    async fn becomes_ready(&mut self) {
        eventually("it is ready", || {
            let ended = self.child.try_wait().expect("try_wait");
            assert_eq!(ended, None, "{}", self.log());
            std::future::ready(self.is_ready())
        })
        .await;
    }

    /// A line of `/proc/PID/status`.
    fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line of its status")
            .trim_start_matches(':')
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn is_nobody_special(&self) {
        assert_eq!(self.status("Uid"), "65532 65532 65532 65532");
        assert_eq!(self.status("Groups"), "65532");
        assert_eq!(self.status("NoNewPrivs"), "1");
        assert_eq!(self.status("CapPrm"), "0000000000000000");
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", self.child.id()));
        let mounts = mounts.expect("its mounts");
        let root = mounts.lines().find(|line| line.contains("/root /"));
        let root = root.unwrap_or_else(|| panic!("{mounts}"));
        assert!(root.split(' ').nth(5).expect("options").starts_with("ro"));
    }

    /// Sends the same webhook each time; what it is answered.
    fn takes_a_webhook(&self) -> String {
        let body = "/etc/signalpost/payment.json";
        let to = "http://127.0.0.1:8080/hooks/stripe";
        let output = self.exec(&["send", "stripe", body, "--to", to]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said} {}", self.log());
        said
    }

    /// SIGTERM, as the kubelet sends it: it must have ended before the kill.
    async fn drains_before_it_is_killed(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill").success());
        eventually("it says that it drains", || {
            let output = self.exec(&["healthcheck"]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            std::future::ready(said.contains("not ready; it drains"))
        })
        .await;
        let said = self.takes_a_webhook();
        assert!(said.contains("duplicate"), "still accepting: {said}");
        let grace = self.pod.spec["terminationGracePeriodSeconds"].as_u64();
        let grace = Duration::from_secs(grace.expect("a number"));
        let mut status = None;
        within(grace, "it ends before the kill", || {
            status = self.child.try_wait().expect("try_wait");
            std::future::ready(status.is_some())
        })
        .await;
        assert!(status.expect("ended").success(), "{}", self.log());
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.child.kill();
        let _ended: Result<_, _> = self.child.wait();
    }
}

#[tokio::test]
async fn the_pod_with_a_volume_runs_as_its_manifest_says() {
    if !may_contain() {
        return;
    }
    let spec = pod("one-machine.yaml", "StatefulSet");
    let pod = Pod::new(spec, &super::routes("one-machine.yaml"));
    let mut running = pod.start();
    running.becomes_ready().await;
    running.is_nobody_special();
    let said = running.takes_a_webhook();
    assert!(said.contains("accepted"), "{said}");
    // Whoever asks which file is served finds it in the cluster.
    let map = resource("one-machine.yaml", "ConfigMap");
    let digest = text(&map["metadata"]["annotations"]["signalpost/routes-sha256"]);
    assert!(running.log().contains(digest), "{}", running.log());
    running.drains_before_it_is_killed().await;
}

#[tokio::test]
async fn a_pod_on_redis_runs_as_its_manifest_says() {
    if !may_contain() {
        return;
    }
    let spec = pod("replicas.yaml", "Deployment");
    let pod = Pod::new(spec, &super::routes("replicas.yaml"));
    let mut running = pod.start();
    eventually("it is alive before there is a Redis", || {
        std::future::ready(running.exec(&["healthcheck", "--live"]).status.success())
    })
    .await;
    let output = running.exec(&["healthcheck"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("not ready; store: "), "{said}");
    let redis = Redis::start(&running);
    running.becomes_ready().await;
    running.is_nobody_special();
    let said = running.takes_a_webhook();
    assert!(said.contains("accepted"), "{said}");
    running.drains_before_it_is_killed().await;
    drop(redis);
}

/// In the network of the pod, at the address that its settings name.
struct Redis {
    child: Child,
    _folder: TempDir,
}

impl Redis {
    fn start(beside: &Running<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = beside.child.id().to_string();
        let child = Command::new("nsenter")
            .args(["--target", &pid, "--net", "redis-server"])
            .args(["--port", "6379", "--requirepass", "letmein"])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server: tests/run installs it");
        Self {
            child,
            _folder: folder,
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _killed: Result<_, _> = self.child.kill();
        let _ended: Result<_, _> = self.child.wait();
    }
}

#[test]
fn the_check_says_no_to_what_would_not_be_served() {
    if !may_contain() {
        return;
    }
    let spec = resource("check.yaml", "Job")["spec"]["template"]["spec"].clone();
    let good = super::routes("check.yaml");
    let check = |routes: &str, more: &[(&str, &str)]| {
        let pod = Pod::new(spec.clone(), routes);
        let output = pod.command(more).output().expect("unshare");
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    };
    let (code, said) = check(&good, &[]);
    assert_eq!(code, Some(0), "{said}");
    for (wrong, sentence) in [
        (good.replace("\"stripe\"", "\"strype\""), "SP-C010"),
        (good.replace("/stripe\"", "/absent\""), "SP-C013"),
        (good.replace("signal ", "sginal "), "SP-C003"),
    ] {
        let (code, said) = check(&wrong, &[]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(sentence), "{said}");
    }
    // A setting that is misspelt would keep the pods from starting.
    let (code, said) = check(&good, &[("SIGNALPOST_MAX_BDOY", "2MiB")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean SIGNALPOST_MAX_BODY?"), "{said}");
}

//! One `.http` file: a request as it comes over the wire, behind comment lines that say how it is judged.
//!
//! `# expect: accepted`, or the reason of a refusal · `# now: RFC 3339` · `# secret: TEXT`, once for each · `# set: KEY = VALUE`, a
//! line of the source as in routes.toml, `{folder}` in it being the fixture's folder · `# url: https://…`, the process's PUBLIC_URL ·
//! `# matched: N`, which secret · `# key: KEY`, or `sha256` for a digest · `# kind: TYPE` ·
//! `# item: TYPE | KEY`, for each event of a list, which the source then takes apart (`each = true`). The body is exactly what
//! follows the empty line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use signalpost::clock::Timestamp;
use signalpost::config::{self, Options};
use signalpost::event::Event;
use signalpost::token::{KeySet, Location};
use signalpost::verify::providers::Preset;
use signalpost::verify::{Arrived, Refusal, Source, authenticate, receive};

pub(super) struct Fixture {
    pub(super) path: PathBuf,
    pub(super) expect: String,
    pub(super) now: Timestamp,
    pub(super) secrets: Vec<String>,
    settings: Vec<String>,
    url: Option<String>,
    pub(super) matched: Option<usize>,
    pub(super) key: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) items: Vec<String>,
    pub(super) method: Method,
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Fixture {
    pub(super) fn read(path: &Path) -> Self {
        let bytes =
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let notes: Vec<(&str, &str)> = head
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
            .collect();
        let all = |name: &str| -> Vec<String> {
            let named = notes.iter().filter(|note| note.0 == name);
            named.map(|note| note.1.to_owned()).collect()
        };
        let note = |name: &str| all(name).into_iter().next();
        let mut lines = head.lines().filter(|line| !line.starts_with('#'));
        let mut request = lines.next().unwrap().split(' ');
        let (method, target) = (request.next().unwrap(), request.next().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.trim().as_bytes()).unwrap(),
            );
        }
        Self {
            path: path.to_owned(),
            expect: note("expect").unwrap(),
            now: Timestamp::parse_rfc3339(&note("now").unwrap()).unwrap(),
            secrets: all("secret"),
            settings: all("set"),
            url: note("url"),
            matched: note("matched").map(|text| text.parse().unwrap()),
            key: note("key"),
            kind: note("kind"),
            items: all("item"),
            method: method.parse().unwrap(),
            target: target.parse().unwrap(),
            headers,
            body: Bytes::copy_from_slice(&bytes[end + 2..]),
        }
    }

    /// The source that the fixture describes, compiled from a routing file like any other.
    pub(super) fn source(&self, preset: &Preset) -> Arc<Source> {
        self.compiled(preset, &self.settings)
    }

    /// The same, with each request taken apart as the preset says.
    pub(super) fn source_of_items(&self, preset: &Preset) -> Arc<Source> {
        let other = self
            .settings
            .iter()
            .filter(|line| !line.starts_with("event"));
        let settings: Vec<String> = other.cloned().chain(["each = true".to_owned()]).collect();
        self.compiled(preset, &settings)
    }

    fn compiled(&self, preset: &Preset, settings: &[String]) -> Arc<Source> {
        let folder = self.path.parent().unwrap().display().to_string();
        let references: Vec<String> = (0..self.secrets.len())
            .map(|number| format!("\"env:SECRET_{number}\""))
            .collect();
        let mut text = format!("[sources.{}]\nprovider = \"{0}\"\n", preset.name);
        if !references.is_empty() {
            text.extend(["secrets = [", &references.join(", "), "]\n"]);
        }
        for line in settings {
            text.push_str(&line.replace("{folder}", &folder));
            text.push('\n');
        }
        if !self.items.is_empty() {
            text.push_str("each = true\n");
        }
        let held: HashMap<String, String> = self
            .secrets
            .iter()
            .enumerate()
            .map(|(number, secret)| (format!("SECRET_{number}"), secret.clone()))
            .collect();
        let options = Options {
            env: Arc::new(move |name| held.get(name).cloned()),
            public_url: self.url.clone(),
            ..Options::new("default")
        };
        let loaded = config::compile(&text, "fixture.toml", &options);
        let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        let plan = loaded
            .plan
            .unwrap_or_else(|| panic!("{}: {}", self.path.display(), problems.join("\n")));
        // What `serve` would have fetched, from files alone.
        for (location, ring) in plan.key_rings() {
            if let Location::File(path) = location {
                let keys = KeySet::from_jwks(&std::fs::read(path).unwrap()).unwrap();
                ring.replace(Arc::new(keys));
            }
        }
        Arc::clone(&plan.sources[preset.name])
    }

    pub(super) fn judge(&self, source: &Source) -> Result<Event, Refusal> {
        self.judge_as(source, self.headers.clone(), self.body.clone())
    }

    /// As in the notes, of each event in the list.
    pub(super) fn apart(&self, source: &Source) -> Vec<String> {
        let request = super::request(
            &self.method,
            &self.target,
            self.headers.clone(),
            self.body.clone(),
        );
        let arrived = receive(source, &request, self.now)
            .unwrap_or_else(|refusal| panic!("{}: {refusal:?}", self.path.display()));
        let Arrived::Several(events) = arrived else {
            panic!("{}: {arrived:?}", self.path.display());
        };
        let shown = |event: &Event| {
            let key = if event.key.digest {
                "sha256"
            } else {
                &event.key.text
            };
            format!("{} | {key}", event.kind)
        };
        events.iter().map(shown).collect()
    }

    /// The same request with other headers and another body.
    pub(super) fn judge_as(
        &self,
        source: &Source,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Event, Refusal> {
        let request = super::request(&self.method, &self.target, headers, body);
        authenticate(source, &request, self.now)
    }
}

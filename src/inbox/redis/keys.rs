//! The names of everything kept in Redis.

/// Of the names above; raised with every change of them.
pub(super) const SCHEMA: u32 = 1;

/// Makes the names.
///
/// All names begin with `{PREFIX}:`: the braces are Redis Cluster's hash tag, so that one deployment lies in one slot and one
/// Lua call may touch all of it. Scripts are given the base (`{PREFIX}`) as their only key and make the names themselves.
///
/// | name | kind | what |
/// |---|---|---|
/// | `meta` | hash | `program` = `signalpost`, `schema` (of these names), `partitions` (written once, never derived anew), `created_at` |
/// | `seq` | counter | the last place in the order of acceptance: each event takes one, each delivery takes one |
/// | `fence` | counter | the last lease granted |
/// | `key:<32 hex>` | text | a dedup key (`inbox::dedup`): `<event id> <body digest> <expires at, ms>`; expires with its retention |
/// | `event:<id>` | hash | `seq`, `at` (received, ms), `doc` (JSON, `rows`), `body`, `packed` (size before compression, absent: as sent), `ids` (of its deliveries, separated by spaces, in order), `duplicates`, `conflicts`, `erased_at`, `bytes` (what it and its deliveries weigh); of one among several `request` (id of what they share), `from` and `length` (its part of that; absent: `body` is a copy of its own) |
/// | `request:<id>` | text | the body that several events share, as sent |
/// | `shared:<id>` | hash | `content` and `form` of that body, `left` (its events), `whole` (those of them that are not erased) |
/// | `notes:<id>` | list | what operators did about the event, JSON each (`rows`); the last 1,000 |
/// | `delivery:<id>` | hash | `seq`, `part`, `doc` (JSON, `rows`: all that never changes), `args` (absent: the body of its event as the only argument), `state`, `reason`, `attempts`, `first`, `next`, `settled` (ms), `run`, `error`, `flight` |
/// | `events` | sorted set | score: received at (ms); member: `seq` as 14 digits, then the event's id. All events |
/// | `unrouted` | sorted set | score: `seq`; member: event id. Events without a delivery |
/// | `deliveries` | sorted set | score: `seq`; member: delivery id. All deliveries |
/// | `state:pending`, `state:parked`, `state:dropped` | sorted set | the same, by state; delivered ones are the rest |
/// | `part:<n>` | sorted set | score: `seq`; member: delivery id. What stands in the lanes of the partition: pending, or parked with `after_park = hold` |
/// | `log:<n>` | list | the last 1,000 things that happened to lanes of the partition besides arrivals and settlements: `<version> <what> <seq> <delivery id>` |
/// | `version:<n>` | counter | version of the last line of `log:<n>` |
/// | `lease:<n>` | text | `<replica id>:<fence>`, expires: who works the partition |
/// | `backlog` | hash | pending deliveries: by source, and of all under `*` |
/// | `bytes` | counter | what all events weigh |
/// | `probe` | text | written now and then to see that writes are taken; expires |
/// | `overdue` | hash | `events`, `bytes` (of their bodies, as received): past retention and kept, as the last round found them |
/// | `replicas` | sorted set | score: last sign of life (ms, the store's clock); member: replica id |
/// | `replica:<id>` | text | JSON about a living replica (schema, host, config digest), expires |
///
/// `flight` of a delivery says whether it may have been sent: absent: never, or every attempt's end was seen; `?`: an end was not
/// seen; else the lease (`<replica id>:<fence>`) under which an attempt was begun. It is in flight while that is the lease of its
/// partition; afterwards nobody saw the end. A parked one has `?` where the store is a copy: what happened since is not known (`doubt`).
///
/// Channels: `news:<replica id>` carries partition numbers whose feed or log has grown; `free` carries partitions given up.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    base: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            base: format!("{{{prefix}}}"),
        }
    }

    /// What scripts are given.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The base without its braces.
    pub(super) fn prefix(&self) -> &str {
        self.base.trim_start_matches('{').trim_end_matches('}')
    }

    /// Fits all names under the prefix, as SCAN takes it.
    pub(super) fn pattern(&self) -> String {
        format!("{}:*", self.base)
    }

    /// Whether a name under the prefix is one of the table above.
    pub(super) fn is_ours(&self, name: &[u8]) -> bool {
        const WHOLE: [&str; 11] = [
            "meta",
            "overdue",
            "seq",
            "fence",
            "events",
            "unrouted",
            "deliveries",
            "backlog",
            "bytes",
            "probe",
            "replicas",
        ];
        const BEFORE_COLON: [&str; 12] = [
            "request", "shared", "key", "event", "notes", "delivery", "state", "part", "log",
            "version", "lease", "replica",
        ];
        let rest = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.strip_prefix(&self.base)?.strip_prefix(':'));
        rest.is_some_and(|rest| match rest.split_once(':') {
            None => WHOLE.contains(&rest),
            Some((kind, _)) => BEFORE_COLON.contains(&kind),
        })
    }

    pub(super) fn event(&self, id: &str) -> String {
        format!("{}:event:{id}", self.base)
    }

    pub(super) fn notes(&self, id: &str) -> String {
        format!("{}:notes:{id}", self.base)
    }

    pub(super) fn delivery(&self, id: &str) -> String {
        format!("{}:delivery:{id}", self.base)
    }

    pub(super) fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_known() {
        let keys = Keys::new("signalpost");
        assert_eq!(
            (keys.prefix(), keys.pattern().as_str()),
            ("signalpost", "{signalpost}:*")
        );
        for name in ["meta", "seq", "event:1", "state:pending", "lease:63"] {
            assert!(keys.is_ours(keys.named(name).as_bytes()), "{name}");
        }
        for name in ["cart", "cart:1", "", "meta:1"] {
            assert!(!keys.is_ours(keys.named(name).as_bytes()), "{name}");
        }
        assert!(!keys.is_ours(b"signalpost:meta"));
        assert!(!keys.is_ours(b"{signalpost}:\xff"));
    }
}

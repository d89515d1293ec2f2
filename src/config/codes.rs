//! The codes of configuration problems, each a heading in `deploy/runbook.md`.
//!
//! A code, once given out, keeps its meaning. Imports nothing of this crate.

/// A code such as `SP-C003`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(&'static str);

impl Code {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(pub(super) const $name: Code = Code($code);)*

        /// Every code with its heading, in order.
        pub const ALL: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    UNREADABLE = "SP-C001", "The routing file cannot be read";
    SYNTAX = "SP-C002", "The file is not TOML";
    UNKNOWN_KEY = "SP-C003", "Unknown key";
    WRONG_TYPE = "SP-C005", "A value of the wrong type";
    MISSING_KEY = "SP-C006", "A required key is missing";
    BAD_VALUE = "SP-C007", "A value that is not allowed";
    DURATION = "SP-C008", "Not a duration";
    NAME = "SP-C009", "A bad name, or one that stands twice";
    UNKNOWN_NAME = "SP-C010", "An unknown provider, source or issuer";
    EXPRESSION = "SP-C011", "A bad expression or template";
    LITERAL_SECRET = "SP-C012", "A secret stands in the file";
    SECRET = "SP-C013", "A secret cannot be read";
    SHORT_SECRET = "SP-C014", "A short secret";
    CONFLICT = "SP-C015", "Keys that do not go together";
    UNVERIFIED = "SP-C016", "A source without proof";
    JWKS = "SP-C017", "A bad address of keys";
    JWKS_FILE = "SP-C018", "A file of keys cannot be read";
    PATH = "SP-C019", "A bad query path, or two that overlap";
    UNREACHABLE = "SP-C020", "A route that no event can reach";
    RESERVED = "SP-C021", "A reserved signal or built-in query";
    LIMIT = "SP-C022", "Beyond Temporal's limits";
    ANY_WORKFLOW = "SP-C023", "The sender chooses the workflow freely";
    HORIZON = "SP-C024", "Keys are forgotten before the provider stops trying";
    NO_KEY = "SP-C025", "No event key";
    UNSIGNED_KEY = "SP-C026", "The event key is not signed";
    CONSTANT_WHEN = "SP-C027", "A `when` that never changes";
    NO_SOURCES = "SP-C028", "No sources";
    STALE_SECRET = "SP-C029", "A secret keeps its last value";
    ID_REUSE = "SP-C030", "A closed workflow is started anew";
    NOBODY = "SP-C031", "Nobody can ever be allowed";
    API_KEY = "SP-C032", "An API key that cannot be one, or stands twice";
    KEY_EXPIRED = "SP-C033", "An API key that has expired";
    SCHEMA = "SP-C034", "A schema that cannot be used";
    MAX_BODY = "SP-C035", "A body larger than the process takes";
    UNBOUND = "SP-C036", "The proof does not cover the body";
    TOLD_SECRET = "SP-C037", "A secret with which anybody can have text signed";
    COMPARISON = "SP-C038", "A comparison that can hardly be meant so";
}

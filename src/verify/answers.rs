//! What a provider expects to be answered, where that is not our default.
//!
//! Data of a preset; `server` turns it into HTTP.

/// How the answers to one provider differ from the default of DESIGN §7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The body of a yes, as text; none: our JSON. An empty text is an empty body.
    pub accepted: Option<&'static str>,
    /// The status of a request that is not proven.
    pub unproven: u16,
    /// A 4xx ends redelivery, or in the end the endpoint: what is no fault of the sender is 503 instead.
    pub client_errors_are_final: bool,
}

impl Answers {
    pub const DEFAULT: Self = Self {
        accepted: None,
        unproven: 401,
        client_errors_are_final: false,
    };
}

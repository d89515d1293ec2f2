//! What a provider expects to be answered, where that is not our default.
//!
//! Data by the provider's name, in one place; `server` turns it into HTTP. Providers that end redelivery at one status alone
//! which we never send (406 at Mailgun, 410 at senders of Standard Webhooks) need nothing here.

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

/// Of the provider with this name.
#[must_use]
pub fn of(provider: &str) -> Answers {
    const DEFAULT: Answers = Answers::DEFAULT;
    match provider {
        "adyen" => Answers {
            accepted: Some("[accepted]"),
            ..DEFAULT
        },
        // Slack shows what a command is answered; Twilio takes a body for instructions, unless it is empty.
        "slack" | "twilio" | "twilio-sharedkey" => Answers {
            accepted: Some(""),
            ..DEFAULT
        },
        "gocardless" => Answers {
            unproven: 498,
            ..DEFAULT
        },
        // They repeat after 5xx and silence and after no 4xx, or end the endpoint after several.
        "aws-sns" | "calendly" | "gitlab" | "gitlab-signing" | "okta" | "pagerduty"
        | "razorpay" | "zoom" => Answers {
            client_errors_are_final: true,
            ..DEFAULT
        },
        _ => DEFAULT,
    }
}

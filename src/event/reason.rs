//! Why a delivery is parked or dropped: one table of codes.
//!
//! A code, once given out, keeps its meaning; each is a heading in `deploy/runbook.md`, where a person
//! reads what to do. Imports nothing of this crate.

macro_rules! reasons {
    ($($name:ident = $code:literal)*) => {
        /// Why a delivery is parked or dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($name),* }

        impl Reason {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    TemplateFailed   = "SP-D101"
    BadWorkflowId    = "SP-D102"
    NoWorkflowId     = "SP-D103"
    TooManyWorkflows = "SP-D104"
    SchemaMismatch   = "SP-D105"

    WorkflowMissing  = "SP-D201"
    WorkflowClosed   = "SP-D202"
    PayloadTooLarge  = "SP-D203"
    SignalLimit      = "SP-D204"
    BadArgument      = "SP-D205"
    ServerTooOld     = "SP-D206"
    OutcomeUnknown   = "SP-D207"

    RouteDrops       = "SP-D301"
    MissingDropped   = "SP-D302"
    ClosedDropped    = "SP-D303"
    OperatorDropped  = "SP-D304"
    Superseded       = "SP-D305"
}

impl Reason {
    /// The delivery was parked before there was anything to send, or anything that may be sent.
    #[must_use]
    pub const fn is_of_rendering(self) -> bool {
        matches!(
            self,
            Self::TemplateFailed
                | Self::BadWorkflowId
                | Self::NoWorkflowId
                | Self::TooManyWorkflows
                | Self::SchemaMismatch
        )
    }
}

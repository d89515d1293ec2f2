//! What is no single event: the answer to a provider's question, and a request that holds several.

use super::webhook::{Explanation, Ground, Refused, Verdict};
use crate::event::Event;
use crate::server::error::Failure;
use crate::verify::Source;
use crate::verify::handshake::{Reply, Unanswered};

impl Explanation {
    /// A question to the endpoint is answered and is no event.
    pub(super) fn shake(&mut self, reply: &Result<Reply, Unanswered>) -> Result<Verdict, Refused> {
        match reply {
            Ok(_) => {
                self.well(
                    "handshake",
                    "the provider asks whether the endpoint is ours: answered, and no event",
                );
                Ok(Verdict::Accepted)
            }
            Err(why) => {
                self.failed("handshake", why.to_string());
                Err((why.reason(), Failure::from(*why)))
            }
        }
    }

    /// Each item is routed by itself; the first one that is refused refuses all.
    pub(super) fn several(
        &mut self,
        ground: Ground<'_>,
        source: &Source,
        events: &[Event],
        roles: Option<&[String]>,
    ) -> Result<Verdict, Refused> {
        self.well("each", format!("{} events in one request", events.len()));
        let (mut verdict, mut deliveries) = (Verdict::Unrouted, Vec::new());
        for event in events {
            if self.route(ground, source, event, roles)? == Verdict::Accepted {
                verdict = Verdict::Accepted;
            }
            deliveries.append(&mut self.deliveries);
        }
        self.deliveries = deliveries;
        Ok(verdict)
    }
}

//! What is no single event: the answer to a provider's question, and a request that holds several.

use super::webhook::{Explanation, Ground, Refused, Verdict};
use crate::event::Event;
use crate::server::error::Failure;
use crate::server::webhooks::MAX_DELIVERIES;
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

    /// Each item is routed by itself; the first one that is refused refuses all, and so does that none has a route.
    pub(super) fn several(
        &mut self,
        ground: Ground<'_>,
        source: &Source,
        events: &[Event],
        roles: Option<&[String]>,
    ) -> Result<Verdict, Refused> {
        self.well("each", format!("{} events in one request", events.len()));
        if events.is_empty() {
            return Ok(Verdict::Accepted);
        }
        let mut deliveries = Vec::new();
        for event in events {
            self.resolve(ground, source, event, roles)?;
            deliveries.append(&mut self.deliveries);
        }
        self.deliveries = deliveries;
        if events.len() > 1 && self.deliveries.len() > MAX_DELIVERIES {
            let text = format!(
                "{} deliveries, and one request may have {MAX_DELIVERIES}",
                self.deliveries.len()
            );
            self.failed("each", text);
            return Err(("too_many_deliveries", Failure::NoItems));
        }
        self.routed(source)
    }
}

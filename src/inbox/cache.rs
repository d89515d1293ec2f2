//! The freshest pending deliveries, so that most claims need no read from disk.
//!
//! Bounded by number and by bytes; what does not fit is read from the database when its turn comes.

use std::collections::BTreeMap;

use super::lanes::Seq;
use crate::event::{Closed, Delivery, Missing};

const MAX_DELIVERIES: usize = 4_096;
const MAX_BYTES: usize = 16 << 20;

/// What a delivery weighs beside its texts, about.
const FIXED_BYTES: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Cache {
    deliveries: BTreeMap<Seq, Delivery>,
    bytes: usize,
}

impl Cache {
    /// The oldest make room for the newest.
    pub(super) fn insert(&mut self, seq: Seq, delivery: Delivery) {
        self.bytes += weight(&delivery);
        if let Some(replaced) = self.deliveries.insert(seq, delivery) {
            self.bytes -= weight(&replaced);
        }
        while (self.deliveries.len() > MAX_DELIVERIES || self.bytes > MAX_BYTES)
            && let Some((_, oldest)) = self.deliveries.pop_first()
        {
            self.bytes -= weight(&oldest);
        }
    }

    pub(super) fn take(&mut self, seq: Seq) -> Option<Delivery> {
        let delivery = self.deliveries.remove(&seq)?;
        self.bytes -= weight(&delivery);
        Some(delivery)
    }
}

fn weight(delivery: &Delivery) -> usize {
    let start = match &delivery.rules.missing {
        Missing::Start(start) => start.args.len(),
        Missing::Park | Missing::Drop | Missing::Wait { .. } => 0,
    } + match &delivery.rules.closed {
        Closed::Start(start) => start.args.len(),
        Closed::Park | Closed::Drop => 0,
    };
    let error = delivery.last_error.as_ref().map_or(0, String::len);
    FIXED_BYTES + delivery.args.len() + start + error + delivery.target.workflow.len()
}

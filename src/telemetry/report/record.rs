//! The audit lines: written, missing, and what the log says of that.

use super::super::Telemetry;
use super::super::audit::{Change, Entry, Standing, Written};
use crate::clock;

impl Telemetry {
    /// Puts an access or an action on record. False: there is no line, and none may go without
    /// (`AUDIT=file:…,required`); whoever asked is to be told that, and nothing else.
    pub fn audit(&self, entry: Entry<'_>) -> bool {
        let written = self.audit.write(entry, clock::now());
        if !written.ok {
            self.metrics.audit_failures.inc();
        }
        settle(written) || !self.audit.is_required()
    }

    /// Whether an access may begin: with `required`, only while lines can be written.
    pub fn may_be_recorded(&self) -> bool {
        if !self.audit.is_required() {
            return true;
        }
        let ok = settle(self.audit.holds(clock::now()));
        if !ok {
            self.metrics.audit_failures.inc();
        }
        ok
    }

    /// The audit file is looked for at its path: somebody may have moved it.
    pub fn reopen_audit(&self) {
        for change in self.audit.reopen(clock::now()) {
            tell(change);
        }
    }

    /// For `/ready`. Asks anew whether lines can be written, where they could not.
    #[must_use]
    pub fn audit_standing(&self) -> Standing {
        settle(self.audit.holds(clock::now()));
        self.audit.standing()
    }
}

fn settle(written: Written) -> bool {
    written.changes.into_iter().for_each(tell);
    written.ok
}

fn tell(change: Change) {
    match change {
        Change::Broken(error) => tracing::error!(error, "audit lines cannot be written"),
        Change::Resumed(missing) => tracing::warn!(missing, "audit lines are written again"),
        Change::Trouble(error) => tracing::error!(error, "the audit file needs a person"),
        Change::TroubleOver => tracing::info!("the audit file is well again"),
    }
}

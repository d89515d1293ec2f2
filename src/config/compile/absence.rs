//! `missing` and `closed`: what a route does where no open workflow takes the signal.
//!
//! A part of `routes`, which calls it.

use toml::Spanned;

use crate::event::{Closed, IdReuse, Missing, Then};
use crate::expr::Scope;
use crate::routing::{ClosedRule, MissingRule, StartRule};

use super::super::file;
use super::super::problem::Finding;
use super::{Compiler, codes};

const THEN: [(&str, Then); 2] = [("park", Then::Park), ("drop", Then::Drop)];
const ID_REUSE: [(&str, IdReuse); 3] = [
    ("reject_duplicate", IdReuse::RejectDuplicate),
    (
        "allow_duplicate_failed_only",
        IdReuse::AllowDuplicateFailedOnly,
    ),
    ("allow_duplicate", IdReuse::AllowDuplicate),
];

impl Compiler<'_> {
    pub(super) fn missing(&mut self, written: &Spanned<file::Missing>) -> Option<MissingRule> {
        match written.get_ref() {
            file::Missing::Word(word) => {
                let text = Spanned::new(written.span(), word.clone());
                let then = self.word("missing", &text, &THEN)?;
                Some(MissingRule::Fixed(match then {
                    Then::Park => Missing::Park,
                    Then::Drop => Missing::Drop,
                }))
            }
            file::Missing::Wait { wait, then } => {
                let wait = wait.as_ref().and_then(|text| self.duration(text));
                let then = match then {
                    Some(text) => self.word("then", text, &THEN),
                    None => Some(Then::Park),
                };
                Some(MissingRule::Fixed(Missing::Wait {
                    for_ms: u64::try_from(wait?.as_millis()).ok()?,
                    then: then?,
                }))
            }
            file::Missing::Start(written) => {
                let id_reuse = self.id_reuse(written);
                let start = self.start(written, id_reuse?);
                start.map(MissingRule::Start)
            }
        }
    }

    pub(super) fn closed(&mut self, written: &Spanned<file::Closed>) -> Option<ClosedRule> {
        match written.get_ref() {
            file::Closed::Word(word) => {
                let text = Spanned::new(written.span(), word.clone());
                let then = self.word("closed", &text, &THEN)?;
                Some(ClosedRule::Fixed(match then {
                    Then::Park => Closed::Park,
                    Then::Drop => Closed::Drop,
                }))
            }
            file::Closed::Start(written) => self
                .start(written, IdReuse::AllowDuplicate)
                .map(ClosedRule::Start),
        }
    }

    fn start(&mut self, written: &file::Start, id_reuse: IdReuse) -> Option<StartRule> {
        let workflow_type = written
            .kind
            .as_ref()
            .and_then(|text| self.constant("type", text));
        let task_queue = written
            .task_queue
            .as_ref()
            .and_then(|text| self.constant("task_queue", text));
        let args = match &written.args {
            Some(args) => self.args(args, Scope::ROUTE).map(Some),
            None => Some(None),
        };
        Some(StartRule {
            workflow_type: workflow_type?,
            task_queue: task_queue?,
            id_reuse,
            args: args?,
        })
    }

    fn id_reuse(&mut self, written: &file::Start) -> Option<IdReuse> {
        let Some(text) = &written.id_reuse else {
            return Some(IdReuse::default());
        };
        let id_reuse = self.word("id_reuse", text, &ID_REUSE)?;
        if id_reuse == IdReuse::AllowDuplicate {
            let message = "every event that comes after the workflow has closed starts it anew";
            self.findings.push(
                Finding::warning(codes::ID_REUSE, text.span(), message).help(
                    "if that is meant, `closed = { start = … }` says it too; else leave `id_reuse` away",
                ),
            );
        }
        Some(id_reuse)
    }
}

//! What a copy of the store cannot know: what has happened since it was made.
//!
//! A delivery that is pending in it may have been delivered meanwhile, and a parked one retried and delivered. Both are marked,
//! in columns that every start reads, so that each is proved from its workflow's history before it is sent again.

use rusqlite::{Connection, TransactionBehavior};

use crate::event::Reason;

/// When a first attempt was is not known: it was not before the acceptance. One with a first attempt is doubtful already.
const PENDING: &str = "UPDATE delivery INDEXED BY delivery_pending SET first_attempt_at = accepted_at \
     WHERE state = 'pending' AND first_attempt_at IS NULL";

/// An attempt that is later than the parking (`Delivery::is_parked_in_doubt`). What is parked as unknown is searched for from
/// its own first attempt on, and what cannot be sent has none.
const PARKED: &str = "UPDATE delivery INDEXED BY delivery_parked SET first_attempt_at = settled_at + 1 \
     WHERE state = 'parked' AND first_attempt_at <= settled_at AND reason IS NOT ?";

/// How many are in doubt now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubted {
    pub pending: u64,
    pub parked: u64,
}

/// Everything unfinished is in doubt from here on. Done again it changes nothing.
pub(super) fn doubt(connection: &mut Connection) -> rusqlite::Result<Doubted> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(PENDING, [])?;
    transaction.execute(PARKED, [Reason::OutcomeUnknown.code()])?;
    let count = |query: &str| -> rusqlite::Result<u64> {
        transaction
            .query_row(query, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    };
    let doubted = Doubted {
        pending: count("SELECT count(*) FROM delivery WHERE state = 'pending'")?,
        parked: count("SELECT count(*) FROM delivery WHERE state = 'parked'")?,
    };
    transaction.commit()?;
    Ok(doubted)
}

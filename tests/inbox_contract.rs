//! The contract suite of the inbox: the same cases on every home of it.
//!
//! A new home joins by an implementation of [`Home`] and one line of `contract_suite!` below. What only one home
//! can do (a second process, a kill) has a file of its own beside the cases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use signalpost::inbox::{Inbox, embedded};

mod accepting;
mod claiming;
mod doubting;
mod embedded_only;
mod listing;
mod samples;

/// A place where an inbox can be opened, closed and opened again.
trait Home: Sized {
    fn fresh() -> Self;
    fn open_with(&self, max_backlog: u64) -> Inbox;

    fn open(&self) -> Inbox {
        self.open_with(1_000_000)
    }
}

struct Embedded(tempfile::TempDir);

impl Home for Embedded {
    fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open_with(&self, max_backlog: u64) -> Inbox {
        Inbox::open_embedded(&embedded::Options {
            max_backlog,
            ..embedded::Options::new(self.0.path().join("signalpost.db"))
        })
        .unwrap()
    }
}

macro_rules! contract_suite {
    ($name:ident, $home:ty: $($file:ident { $($case:ident)+ })+) => {
        mod $name {
            use super::{$($file,)+ Home};
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $file::$case(<$home as Home>::fresh()).await;
                }
            )+)+
        }
    };
    ($name:ident, $home:ty) => {
        contract_suite! { $name, $home:
            accepting {
                racing_duplicates_are_accepted_once
                a_duplicate_names_the_first_and_is_counted
                an_expired_key_is_accepted_anew
                the_same_key_of_two_sources_is_two_events
                another_body_is_marked_as_a_conflict
                another_body_of_a_strict_key_is_refused
                an_unrouted_event_is_kept
                everything_of_an_event_is_kept
                a_long_backlog_is_refused
                one_source_may_fill_half_of_the_backlog
                a_closed_inbox_promises_nothing
            }
            claiming {
                a_lane_gives_one_at_a_time_in_order
                a_retry_holds_its_own_lane_only
                a_retry_keeps_what_happened
                waking_makes_lanes_ready_that_wait_for_temporal
                a_dropped_claim_returns_to_its_lane
                a_cancelled_claim_loses_nothing
                what_is_parked_or_dropped_is_never_claimed
                a_restart_returns_what_is_pending_and_nothing_settled
                a_backlog_larger_than_memory_holds_is_claimed_in_order
                a_settlement_is_shown
            }
            doubting {
                what_was_pending_before_a_restart_may_have_been_sent
                a_long_wait_goes_on_over_a_restart
                an_unseen_attempt_leaves_a_doubt_and_a_seen_one_does_not
                a_dropped_claim_leaves_a_doubt
                what_is_postponed_counts_no_attempt_and_keeps_its_doubt
                a_namespace_without_room_is_not_claimed
            }
            listing {
                each_filter_finds_its_own
                filters_hold_together
                pages_join_without_gap_or_repeat
                times_bound_a_list
                a_strange_cursor_is_refused
                counters_survive_a_restart
            }
        }
    };
}

contract_suite!(embedded_home, super::Embedded);

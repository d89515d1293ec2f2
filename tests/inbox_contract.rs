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

use signalpost::inbox::{Inbox, Retention, embedded, redis};

use crate::support::redis::Redis;

mod accepting;
mod acting;
mod batches;
mod claiming;
mod counting;
mod doubting;
mod embedded_only;
mod keeping;
mod listing;
mod redis_faults;
mod replicas;
mod samples;
mod standing;

/// A place where an inbox can be opened, closed and opened again.
trait Home: Sized {
    async fn fresh() -> Self;
    async fn open_as(&self, max_backlog: u64, retention: Retention) -> Inbox;
    /// How many bodies lie there that events share.
    async fn shared_bodies(&self) -> usize;

    async fn open(&self) -> Inbox {
        self.open_with(1_000_000).await
    }

    async fn open_with(&self, max_backlog: u64) -> Inbox {
        self.open_as(max_backlog, Retention::default()).await
    }

    async fn open_keeping(&self, retention: Retention) -> Inbox {
        self.open_as(1_000_000, retention).await
    }
}

struct Embedded(tempfile::TempDir);

impl Home for Embedded {
    async fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open_as(&self, max_backlog: u64, retention: Retention) -> Inbox {
        Inbox::open_embedded(&embedded::Options {
            max_backlog,
            retention,
            ..embedded::Options::new(self.0.path().join("signalpost.db"))
        })
        .unwrap()
    }

    async fn shared_bodies(&self) -> usize {
        let file = rusqlite::Connection::open(self.0.path().join("signalpost.db")).unwrap();
        let count = file.query_row("SELECT count(*) FROM request", [], |row| {
            row.get::<_, i64>(0)
        });
        usize::try_from(count.unwrap()).unwrap()
    }
}

struct RedisHome(Redis);

impl Home for RedisHome {
    async fn fresh() -> Self {
        Self(Redis::start().await)
    }

    async fn open_as(&self, max_backlog: u64, retention: Retention) -> Inbox {
        Inbox::open_redis(&redis::Options {
            max_backlog,
            retention,
            ..redis::Options::new(self.0.url())
        })
        .await
        .unwrap()
    }

    async fn shared_bodies(&self) -> usize {
        let names: Vec<String> = self.0.ask(&["KEYS", "*:request:*"]).await;
        names.len()
    }
}

/// A server that knows WAITAOF and syncs by itself only every second: each yes waits for the disk by that command. Where none
/// can be had, a Redis that syncs always.
struct ValkeyHome(RedisHome);

impl Home for ValkeyHome {
    async fn fresh() -> Self {
        let valkey = Redis::valkey(&["--appendfsync", "everysec"]).await;
        match valkey {
            Some(valkey) => Self(RedisHome(valkey)),
            None => Self(RedisHome::fresh().await),
        }
    }

    async fn open_as(&self, max_backlog: u64, retention: Retention) -> Inbox {
        self.0.open_as(max_backlog, retention).await
    }

    async fn shared_bodies(&self) -> usize {
        self.0.shared_bodies().await
    }
}

macro_rules! contract_suite {
    ($name:ident, $home:ty: $($file:ident { $($case:ident)+ })+) => {
        mod $name {
            use super::{$($file,)+ Home};
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $file::$case(<$home as Home>::fresh().await).await;
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
            batches {
                items_are_kept_in_their_order_and_point_into_one_body
                a_repeat_within_a_batch_is_one_event
                what_was_seen_before_stays_and_what_is_new_is_kept
                one_that_conflicts_with_a_strict_key_refuses_all
                the_backlog_takes_a_batch_whole_or_not_at_all
                racing_batches_keep_each_item_once
                an_erased_item_is_gone_from_the_body_that_the_others_keep
                items_that_were_computed_have_copies_of_their_own
                a_shared_body_leaves_with_the_last_of_its_events
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
                a_long_backlog_outlives_a_restart_in_order
                a_settlement_is_shown
            }
            standing {
                a_held_lane_stands_until_its_delivery_is_made
                a_held_lane_goes_on_when_its_delivery_is_dropped
                one_parked_at_birth_holds_its_lane_in_its_place
                a_paced_lane_takes_its_time
                a_flood_on_one_source_does_not_starve_another
                order_is_that_of_acceptance_whatever_the_clock_said
            }
            acting {
                a_retried_delivery_goes_next_and_keeps_its_request_id
                a_retry_ends_the_wait_of_a_lane
                what_has_settled_is_not_retried_or_dropped
                a_dropped_delivery_frees_its_lane
                a_dropped_head_lets_the_next_one_go
                what_was_never_rendered_cannot_be_retried
                notes_stand_with_the_event
                a_replay_takes_the_place_of_what_is_unfinished
                a_replay_delivers_again_only_when_told
                a_replay_routes_what_was_unrouted
                an_erased_event_keeps_its_keys_only
                actions_race_with_attempts_and_nothing_is_sent_after_a_drop
            }
            counting {
                each_filter_finds_its_own_deliveries
                pages_of_deliveries_join_both_ways
                an_ascending_list_is_followed_by_its_cursor
                times_bound_a_list_of_deliveries
                events_are_counted_as_they_are_listed
            }
            keeping {
                what_has_settled_leaves_when_it_is_old
                what_is_pending_or_parked_stays_and_is_told
                a_key_outlives_its_event
                the_oldest_leave_when_there_is_no_room
            }
            doubting {
                what_was_pending_before_a_restart_may_have_been_sent
                what_was_never_claimed_is_in_no_doubt_after_a_restart
                a_long_wait_goes_on_over_a_restart
                an_unseen_attempt_leaves_a_doubt_and_a_seen_one_does_not
                a_dropped_claim_leaves_a_doubt
                what_is_postponed_counts_no_attempt_and_keeps_its_doubt
                a_namespace_without_room_is_not_claimed
                a_doubt_outlives_parking_and_bars_a_replay
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
contract_suite!(redis_home, super::RedisHome);
contract_suite!(valkey_home, super::ValkeyHome);

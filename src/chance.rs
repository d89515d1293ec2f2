//! Chance, for pauses that many clients must not take together; keys and secrets are not made of it.
//!
//! Stages that must be pure take it as an argument. Imports nothing of this crate.

use uuid::Uuid;

/// From 0 to 1, anew each time.
#[must_use]
pub fn fraction() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

//! Schemes that are no data, one file for each mechanism. A preset's `build` makes one from what its source gives.

pub mod credential;
pub(super) mod keyed;
pub(super) mod stamped;

#[cfg(test)]
mod tests;

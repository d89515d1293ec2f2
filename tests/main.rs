//! One test binary, so that the library is linked once.

mod config;
mod providers;

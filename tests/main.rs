//! One test binary, so that it links once.

mod listener;
mod providers;
mod settings;

//! One test binary, so that the library is linked once.
//!
//! Each file is one subject. What needs the insides of a module is tested beside it, in `src`.

mod config;
mod providers;

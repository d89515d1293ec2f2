//! A signature scheme as data, compiled once: what is signed, with what, and where it stands.

#[derive(Debug)]
pub struct Scheme {}

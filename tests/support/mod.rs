//! What several suites share: a fake Temporal, a real one, deliveries to send.

pub(crate) mod deliveries;
pub(crate) mod devserver;
pub(crate) mod grpc;
pub(crate) mod temporal;

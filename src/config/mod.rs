//! routes.toml → [`Plan`]: the file exactly as written (`file`), compiled (`compile`), every problem at once (`problem`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::access::Rules;
use crate::routing::Routes;
use crate::token::Issuer;
use crate::verify::Source;

/// What a process runs: immutable, nothing optional left to unwrap. A request keeps one from start to end.
#[derive(Debug)]
pub struct Plan {
    /// SHA-256 (hex) over the routing files, no secrets.
    pub digest: String,
    pub sources: HashMap<Arc<str>, Arc<Source>>,
    pub issuers: HashMap<Arc<str>, Arc<Issuer>>,
    pub routes: Routes,
    pub queries: Rules,
}

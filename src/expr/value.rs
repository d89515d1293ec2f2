//! JSON seen by CEL without conversion, and the exact text of a path cut out of the raw body.

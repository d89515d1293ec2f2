//! Every provider that routes.toml can name, as data.

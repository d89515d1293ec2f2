//! DHL eCommerce Americas: no scheme is documented: whatever header DHL sets up for you, named by the source.

use super::{Confidence, Preset, Words};

pub(super) static PRESET: Preset = Preset {
    name: "dhl",
    title: "DHL eCommerce Americas",
    words: Words {
        headers: &["the one that `header` names"],
        ..Words::TOKEN
    },
    settings: &["header", "prefix"],
    example: &["header = \"X-DHL-Token\""],
    confidence: Confidence::Documentation,
    source: "https://developer.dhl.com/api-reference/dhl-ecommerce-americas",
    setup: "agree on a header and a token with DHL when the webhook is set up",
    ..Preset::TOKEN
};

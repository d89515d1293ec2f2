//! A header that is missing: whose headers stand in its place, and what may have taken it away.

use http::HeaderMap;

use super::super::scheme::Scheme;
use super::super::{Proof, Refusal, Source, WebhookRequest};
use super::{Advice, Known};
use crate::token;

/// Headers by which a provider is known, in lower case.
const PROVIDERS: &[(&str, &str)] = &[
    ("stripe-signature", "Stripe"),
    ("x-hub-signature-256", "GitHub or Meta"),
    ("x-hub-signature", "Bitbucket, Jira or an older GitHub"),
    ("x-gitlab-token", "GitLab"),
    ("x-shopify-hmac-sha256", "Shopify"),
    ("x-slack-signature", "Slack"),
    ("x-twilio-signature", "Twilio"),
    ("x-twilio-email-event-webhook-signature", "SendGrid"),
    ("webhook-signature", "Standard Webhooks or GoCardless"),
    ("svix-signature", "Svix"),
    ("hmacsignature", "Adyen"),
    ("paypal-transmission-sig", "PayPal"),
    ("x-square-hmacsha256-signature", "Square"),
    ("paddle-signature", "Paddle"),
    ("x-razorpay-signature", "Razorpay"),
    ("x-paystack-signature", "Paystack"),
    ("verif-hash", "Flutterwave"),
    ("flutterwave-signature", "Flutterwave"),
    ("x-mollie-signature", "Mollie"),
    ("cko-signature", "Checkout.com"),
    ("x-cc-webhook-signature", "Coinbase Commerce"),
    ("klarna-signature", "Klarna"),
    ("x-signature-sha256", "Wise"),
    ("plaid-verification", "Plaid"),
    ("x-hmac-signature", "EasyPost"),
    ("shippo-auth-signature", "Shippo"),
    ("aftership-hmac-sha256", "AfterShip"),
    ("x-shipengine-rsa-sha256-signature", "ShipEngine"),
    ("x-easyship-signature", "Easyship"),
    ("fdx-signature", "FedEx"),
    ("x-hubspot-signature-v3", "HubSpot"),
    ("x-zendesk-webhook-signature", "Zendesk"),
    ("x-zm-signature", "Zoom"),
    ("linear-signature", "Linear"),
    ("x-hook-signature", "Asana"),
    ("x-dropbox-signature", "Dropbox"),
    ("x-docusign-signature-1", "DocuSign"),
    ("x-twitter-webhooks-signature-oauth2", "X (Twitter)"),
    ("x-twitter-webhooks-signature", "X (Twitter)"),
    ("x-signature-ed25519", "Discord"),
    ("x-telegram-bot-api-secret-token", "Telegram"),
    ("x-line-signature", "LINE"),
    ("x-cal-signature-256", "Cal.com"),
    ("calendly-webhook-signature", "Calendly"),
    ("sentry-hook-signature", "Sentry"),
    ("x-pagerduty-signature", "PagerDuty"),
    ("x-vercel-signature", "Vercel"),
    ("heroku-webhook-hmac-sha256", "Heroku"),
    ("x-contentful-signature", "Contentful"),
    ("typeform-signature", "Typeform"),
    ("x-wc-webhook-signature", "WooCommerce"),
    ("x-webflow-signature", "Webflow"),
    ("x-signature", "Lemon Squeezy"),
];

/// For a signature, an id or a time that is not there.
pub(super) fn of_signature(
    source: &Source,
    scheme: &Scheme,
    request: &WebhookRequest,
    refusal: &Refusal,
    known: Known<'_>,
) -> Vec<Advice> {
    let Refusal::MissingHeader(name) = refusal else {
        return Vec::new();
    };
    let time = scheme.names_in(request).timestamp.as_ref();
    if time.is_some_and(|time| time.as_str() == name) {
        return vec![Advice::new(
            "timestamp_missing",
            format!(
                "the signature is there, and the header `{name}` with its time is not: without it nothing can be proven; see whether the sender sends it, and whether a proxy drops it"
            ),
        )];
    }
    if let Some(advice) = renamed(name, &request.headers) {
        return vec![advice];
    }
    let advice = of_another_source(source, scheme, request, known);
    if !advice.is_empty() {
        return advice;
    }
    vec![missing(name, request)]
}

fn of_another_source(
    source: &Source,
    scheme: &Scheme,
    request: &WebhookRequest,
    known: Known<'_>,
) -> Vec<Advice> {
    let others = known
        .sources
        .iter()
        .filter(|other| other.name != source.name);
    others
        .filter_map(|other| {
            let Proof::Signature(other_scheme) = &other.proof else {
                return None;
            };
            let header = &other_scheme.names.signature;
            (request.headers.contains_key(header) && *header != scheme.names.signature).then(|| {
                let text = format!("there is `{header}`, by which the source `{}` is proven: the provider was given the address of `{}`", other.name, source.name);
                Advice::new("header_of_another_source", text)
            })
        })
        .collect()
}

/// Renamed, in the place of another provider's, or not there at all.
pub(super) fn missing(name: &str, request: &WebhookRequest) -> Advice {
    if let Some(advice) = renamed(name, &request.headers) {
        return advice;
    }
    let foreign = PROVIDERS
        .iter()
        .find(|(header, _)| *header != name && request.headers.contains_key(*header));
    if let Some((header, provider)) = foreign {
        let text =
            format!("there is `{header}`, which looks like {provider}: this source reads `{name}`");
        return Advice::new("header_of_another_provider", text);
    }
    let proxies = if name.contains('_') {
        "; proxies drop names with `_` unless told otherwise (nginx: `underscores_in_headers on`)"
    } else {
        "; see whether a proxy passes on only headers that it knows"
    };
    Advice::new(
        "header_missing",
        format!(
            "nothing stands in place of `{name}`: the request is no webhook of this provider, signing is off there, or something between took the header away{proxies}"
        ),
    )
}

/// The same letters under another name: `stripe_signature`, `X-Forwarded-Stripe-Signature`.
fn renamed(name: &str, headers: &HeaderMap) -> Option<Advice> {
    let plain =
        |name: &str| -> String { name.chars().filter(char::is_ascii_alphanumeric).collect() };
    let wanted = plain(name);
    let found = headers.keys().find(|header| {
        let header = plain(header.as_str());
        [
            "",
            "http",
            "x",
            "xforwarded",
            "xoriginal",
            "forwarded",
            "original",
        ]
        .iter()
        .any(|prefix| header.strip_prefix(prefix) == Some(wanted.as_str()))
    })?;
    Some(Advice::new(
        "header_renamed",
        format!(
            "it came as `{found}`: something between provider and gateway renamed it; it must pass under its own name"
        ),
    ))
}

/// For a source that takes tokens.
pub(super) fn of_token(request: &WebhookRequest, refusal: &Refusal) -> Vec<Advice> {
    let advice = match refusal {
        Refusal::MissingHeader(name) => {
            let kept = PROVIDERS
                .iter()
                .find(|(header, _)| request.headers.contains_key(*header));
            match kept {
                Some((header, provider)) => Advice::new(
                    "header_of_another_provider",
                    format!(
                        "there is `{header}`, which looks like {provider}: this source takes bearer tokens"
                    ),
                ),
                None => Advice::new(
                    "header_missing",
                    format!(
                        "`{name}` is not there: the caller sends no token, or a proxy keeps it to itself"
                    ),
                ),
            }
        }
        Refusal::Malformed(_) => Advice::new(
            "token_form",
            "a token is sent as `Authorization: Bearer …`, with one space and nothing behind it",
        ),
        Refusal::Token(token::Refusal::Expired) => Advice::new(
            "token_expired",
            "a token from a capture has expired: judge it at its own time with --at TIME",
        ),
        Refusal::Token(token::Refusal::NoKeys) => Advice::new(
            "token_keys",
            "the issuer's keys have an address, and nothing is fetched here: give them with --keys FILE",
        ),
        _ => return Vec::new(),
    };
    vec![advice]
}

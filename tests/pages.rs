//! Web pages and hostile requests: no page reads an answer unless its origin is named, and nothing that was sent
//! comes back.

use reqwest::Method;

use crate::support::exchange::{Answer, connect, rest, send};
use crate::support::gateway::{Gateway, Setup};
use crate::support::operator::NO_TEMPORAL;
use crate::support::sender::{self, IdentityProvider};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[issuers.shop]
issuer     = "https://shop.example/"
audience   = "signalpost"
jwks       = "file:FOLDER/jwks.json"
algorithms = ["ES256"]
roles      = "claims.roles"

[[queries]]
name     = "status"
path     = "/orders/{order_id}/status"
workflow = "order-${path.order_id}"
query    = "get_status"
issuer   = "shop"
allow    = ["support"]
"#;

const PAGE: &str = "https://shop.example";

async fn gateway(flags: &[(&str, &str)]) -> Gateway {
    let idp = IdentityProvider::new().expect("keys");
    let setup = Setup::new(ROUTES, NO_TEMPORAL)
        .env("SECRET", sender::STRIPE_SECRET)
        .file("jwks.json", &idp.jwks().expect("keys"));
    let setup = flags
        .iter()
        .fold(setup, |setup, (name, value)| setup.flag(name, value));
    setup.start().await
}

async fn from(gateway: &Gateway, method: Method, path: &str, origin: &str) -> Answer {
    let mut request = reqwest::Client::new()
        .request(method.clone(), format!("{}{path}", gateway.public()))
        .header("origin", origin);
    if method == Method::OPTIONS {
        request = request
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
    }
    send(request).await
}

#[tokio::test]
async fn without_origins_no_page_is_let_in() {
    let gateway = gateway(&[]).await;
    for method in [Method::OPTIONS, Method::GET] {
        let answer = from(&gateway, method, "/orders/1/status", PAGE).await;
        assert!(matches!(answer.status, 401 | 405), "{}", answer.status);
        let told = answer
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"));
        assert!(!told);
    }
}

#[tokio::test]
async fn a_named_origin_may_ask_queries_and_nothing_else() {
    let gateway = gateway(&[(
        "--cors-origins",
        "https://other.example,https://shop.example",
    )])
    .await;
    let path = "/orders/1/status";
    let preflight = from(&gateway, Method::OPTIONS, path, PAGE).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), PAGE);
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        "GET, HEAD, POST"
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    let refused = from(&gateway, Method::GET, path, PAGE).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        PAGE,
        "the page learns why"
    );
    assert_eq!(refused.header("vary"), "Origin");

    for (path, origin) in [
        (path, "https://evil.example"),
        (path, "https://shop.example.evil.example"),
        (path, "https://shop.example:444"),
        (path, "null"),
        ("/hooks/stripe", PAGE),
        ("/nothing", PAGE),
    ] {
        for method in [Method::OPTIONS, Method::GET] {
            let answer = from(&gateway, method, path, origin).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "",
                "{origin} {path}"
            );
            assert_ne!(answer.status, 204);
        }
    }
}

#[tokio::test]
async fn nothing_that_was_sent_comes_back() {
    let gateway = gateway(&[("--cors-origins", PAGE)]).await;
    let canary = "c4n4ry";
    for target in [
        "/c4n4ry",
        "/hooks/c4n4ry",
        "/hooks/stripe?c4n4ry=%3Cscript%3E",
        "/orders/c4n4ry/status?run=c4n4ry",
        "/orders/%3Cc4n4ry%3E/status",
        "/orders/..%2f..%2fc4n4ry/status",
        "/orders/%0d%0ac4n4ry:%20x/status",
        "//c4n4ry",
        "/%ff%fec4n4ry",
    ] {
        for method in ["GET", "POST", "PUT", "OPTIONS", "C4N4RY"] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: c4n4ry\r\nOrigin: https://c4n4ry.example\r\n\
                 X-Request-Id: c4n4ry\r\nX-Forwarded-For: c4n4ry\r\nAuthorization: Bearer c4n4ry\r\n\
                 Stripe-Signature: c4n4ry\r\nContent-Type: text/c4n4ry\r\nContent-Length: 6\r\n\
                 Connection: close\r\n\r\nc4n4ry"
            );
            let answer = rest(connect(&gateway, request.as_bytes()).await).await;
            assert!(
                answer.starts_with("HTTP/1.1 4"),
                "{method} {target}: {answer}"
            );
            assert!(
                !answer.to_lowercase().contains(canary),
                "{method} {target}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn whether_a_workflow_exists_is_told_to_nobody_who_may_not_ask() {
    let gateway = gateway(&[]).await;
    let mut answers = Vec::new();
    for order in ["1", "no-such-order"] {
        for token in ["", "Bearer x", "Basic eDp5"] {
            let request = reqwest::Client::new()
                .get(format!("{}/orders/{order}/status", gateway.public()))
                .header("authorization", token);
            let mut answer = send(request).await;
            assert_eq!(answer.status, 401);
            answer.body["request"].take();
            answers.push(answer.body.to_string());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

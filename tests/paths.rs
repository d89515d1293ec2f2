//! Addresses as enemies write them: encodings, dots, empty segments; for webhooks and for queries.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::exchange::{connect, rest, stripe_signature};
use crate::support::gateway::{Gateway, Setup};
use crate::support::sender::{self, IdentityProvider};
use crate::support::workflows::{Workflows, unique};

const ROUTES: &str = r#"
[sources.stripe]
provider = "stripe"
secrets  = ["env:SECRET"]

[issuers.shop]
issuer   = "https://shop.example/"
audience = "signalpost"
jwks     = "file:FOLDER/jwks.json"
roles    = "claims.roles"

[[queries]]
name     = "status"
path     = "/orders/{order_id}/status"
workflow = "${path.order_id}"
query    = "get_status"
issuer   = "shop"
allow    = ["ops"]
"#;

async fn gateway(idp: &IdentityProvider, temporal: &str) -> Gateway {
    Setup::new(ROUTES, temporal)
        .env("SECRET", sender::STRIPE_SECRET)
        .file("jwks.json", &idp.jwks().expect("keys"))
        .start()
        .await
}

/// Status and problem code of a request whose target is sent exactly as written.
async fn raw(
    gateway: &Gateway,
    method: &str,
    target: &str,
    headers: &str,
    body: &str,
) -> (u16, String) {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    let mut stream = connect(gateway, head.as_bytes()).await;
    stream.write_all(body.as_bytes()).await.expect("the body");
    let answer = rest(stream).await;
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let code = answer
        .split(r#""code":""#)
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let status = status.unwrap_or_else(|| panic!("a status for {target}: {answer:?}"));
    (status, code.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn only_its_own_name_leads_to_a_source() {
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, "127.0.0.1:1").await;
    let body = r#"{"id":"1"}"#;
    let now = signalpost::clock::now().seconds().to_string();
    let signature = stripe_signature(sender::STRIPE_SECRET, &now, body.as_bytes());
    let headers = format!("Stripe-Signature: {signature}\r\n");
    for target in [
        "/hooks/STRIPE",
        "/hooks/%2e%2e",
        "/hooks/..",
        "/hooks/stripe/",
        "/hooks//stripe",
        "//hooks/stripe",
        "/hooks/../hooks/stripe",
        "/hooks/./stripe",
        "/hooks/stripe%00",
        "/hooks/stripe%2f",
        "/hooks/stripe%20",
        "/hooks/stripe;v=1",
        "/hooks/%ff",
        "/hooks/%",
        "/hooks/%zz",
        "/hooks/",
        "/hooks",
        "/HOOKS/stripe",
        "/",
        "*",
        &format!("/hooks/{}", "s".repeat(10_000)),
    ] {
        let (status, code) = raw(&gateway, "POST", target, &headers, body).await;
        assert_eq!(status, 404, "{target}");
        assert!(code == "SP-R001" || code == "SP-Q001", "{target}: {code}");
    }
    // One spelling of the same name, percent-decoded once; and the absolute form, as proxies send it.
    for target in [
        "/hooks/str%69pe",
        "http://any.example/hooks/stripe?x=%ff",
        "/hooks/stripe",
    ] {
        let (status, _) = raw(&gateway, "POST", target, &headers, body).await;
        assert_eq!(status, 200, "{target}");
    }
    for method in [
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW", "post",
    ] {
        let (status, _) = raw(&gateway, method, "/hooks/stripe", &headers, body).await;
        assert_eq!(status, 405, "{method}");
    }
    assert_eq!(raw(&gateway, "CONNECT", "h:1", &headers, body).await.0, 404);
}

#[tokio::test]
async fn a_query_parameter_is_one_segment_decoded_once_and_never_empty() {
    let workflows = Workflows::connect().await;
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, workflows.address()).await;
    let order = unique("a/b %c");
    workflows.start_with_worker(&order, &order).await;
    gateway.connected().await;
    let bearer = format!(
        "Authorization: Bearer {}\r\n",
        idp.token("ada", "ops").expect("a token")
    );
    let encoded = order
        .replace('%', "%25")
        .replace('/', "%2F")
        .replace(' ', "%20");
    let (status, code) = raw(
        &gateway,
        "GET",
        &format!("/orders/{encoded}/status"),
        &bearer,
        "",
    )
    .await;
    assert_eq!(status, 200, "{code}");

    for target in [
        "/orders//status",
        "/orders/%/status",
        "/orders/%f/status",
        "/orders/%ff/status",
        "/orders/x/status/",
        "/orders/x/STATUS",
        "/orders/x/y/status",
        "//orders/x/status",
        "/orders/x",
    ] {
        let (status, code) = raw(&gateway, "GET", target, &bearer, "").await;
        assert_eq!((status, &*code), (404, "SP-Q001"), "{target}");
    }
    // These are names like any other, of workflows that are not there.
    for target in [
        "/orders/../status",
        "/orders/%2e%2e/status",
        "/orders/%2F/status",
        "/orders/%00/status",
    ] {
        let (status, code) = raw(&gateway, "GET", target, &bearer, "").await;
        assert_eq!((status, &*code), (404, "SP-Q301"), "{target}");
    }
    let long = format!("/orders/{}/status", "x".repeat(1001));
    assert_eq!(
        raw(&gateway, "GET", &long, &bearer, "").await,
        (400, "SP-Q201".to_owned())
    );
}

#[tokio::test]
async fn a_token_is_read_from_one_header_and_a_body_is_json() {
    let idp = IdentityProvider::new().expect("keys");
    let gateway = gateway(&idp, "127.0.0.1:1").await;
    let token = idp.token("ada", "ops").expect("a token");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let path = "/orders/x/status";
    for headers in [
        String::new(),
        bearer.repeat(2),
        format!("Authorization: {token}\r\n"),
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: Bearer  {token}\r\n"),
        format!("Authorization: Bearer {token}, Bearer {token}\r\n"),
        format!("Cookie: access_token={token}\r\n"),
        format!("X-Authorization: Bearer {token}\r\n"),
    ] {
        let (status, code) = raw(&gateway, "GET", path, &headers, "").await;
        assert_eq!((status, &*code), (401, "SP-Q101"), "{headers}");
    }
    let in_query = format!("{path}?access_token={token}");
    assert_eq!(raw(&gateway, "GET", &in_query, "", "").await.0, 401);
    let deep = "[".repeat(100_000);
    for body in ["{", "x", "{} {}", &deep] {
        let (status, code) = raw(&gateway, "POST", path, &bearer, body).await;
        assert_eq!(
            (status, &*code),
            (400, "SP-Q202"),
            "{}",
            body.get(..5).unwrap_or(body)
        );
    }
    let (status, code) = raw(&gateway, "PUT", path, &bearer, "").await;
    assert_eq!((status, &*code), (405, "SP-Q002"));
    let (_, page) = gateway.get("/v1/events").await;
    assert_eq!(page["events"], json!([]), "a query leaves nothing behind");
}

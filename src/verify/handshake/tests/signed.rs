//! Handshakes that come with a proof: told from events by the body alone.

use super::*;
use crate::event::Content;

fn post(handshake: Handshake, body: &serde_json::Value) -> Option<Result<Reply, Unanswered>> {
    let request = request(Method::POST, "", &[], &body.to_string());
    let responder = responder(handshake);
    assert!(
        responder.unproven(&request).is_none(),
        "the proof comes first"
    );
    responder.proven(&request, &Content::Json(body.clone()), Some(0))
}

#[test]
fn slack_and_zoom_are_answered_once_proven() {
    let slack = json!({ "type": "url_verification", "challenge": "3eZbrw1aB", "token": "t" });
    assert_eq!(post(Handshake::Slack, &slack), Some(Ok(text("3eZbrw1aB"))));
    assert_eq!(
        post(Handshake::Slack, &json!({ "type": "event_callback" })),
        None
    );
    let zoom = json!({
        "event": "endpoint.url_validation",
        "payload": { "plainToken": "qgg8vlvZRS6UYooatFL8Aw" },
        "event_ts": 1_654_503_849_680_u64
    });
    let expected = json!({
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": "d320af09ad7d0cb0fed3beb5426586030dd4e96657e6d32ab997bd98aa019f13"
    });
    assert_eq!(
        post(Handshake::Zoom, &zoom),
        Some(Ok(Reply::Json(expected.clone())))
    );
    let asked = request(Method::POST, "", &[], "");
    let other = responder(Handshake::Zoom).proven(&asked, &Content::Json(zoom), Some(1));
    assert_ne!(
        other,
        Some(Ok(Reply::Json(expected))),
        "by the secret that matched"
    );
    assert_eq!(
        post(Handshake::Zoom, &json!({ "event": "meeting.started" })),
        None
    );
    let broken = json!({ "event": "endpoint.url_validation", "payload": {} });
    assert_eq!(
        post(Handshake::Zoom, &broken),
        Some(Err(Unanswered::Malformed))
    );
}

#[test]
fn a_ping_of_discord_is_no_event_and_an_event_no_ping() {
    let discord = |body| post(Handshake::Discord, &body);
    assert_eq!(
        discord(json!({ "type": 1, "id": "1", "token": "t" })),
        Some(Ok(Reply::Json(json!({ "type": 1 }))))
    );
    let empty = Reply::Empty {
        no_content: true,
        headers: Vec::new(),
    };
    assert_eq!(discord(json!({ "version": 1, "type": 0 })), Some(Ok(empty)));
    assert_eq!(
        discord(json!({ "type": 1, "event": { "type": "X" } })),
        None
    );
    assert_eq!(discord(json!({ "type": 2, "data": {} })), None);
}

#[test]
fn line_and_event_grid_ask_within_an_envelope() {
    assert_eq!(
        post(
            Handshake::Line,
            &json!({ "destination": "U1", "events": [] })
        ),
        Some(Ok(Reply::ok()))
    );
    assert_eq!(post(Handshake::Line, &json!({ "events": [{}] })), None);
    let grid = json!([{
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": { "validationCode": "512d38b6", "validationUrl": "https://example.com" }
    }]);
    assert_eq!(
        post(Handshake::EventGrid, &grid),
        Some(Ok(Reply::Json(json!({ "validationResponse": "512d38b6" }))))
    );
    assert_eq!(
        post(Handshake::EventGrid, &json!([{ "eventType": "x" }])),
        None
    );
}

#[test]
fn sns_is_confirmed_for_its_own_topics_alone() {
    let url = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f";
    let message = |kind: &str, topic: &str, url: &str| {
        post(
            Handshake::Sns,
            &json!({
                "Type": kind, "MessageId": "1", "SubscribeURL": url,
                "TopicArn": format!("arn:aws:sns:us-west-2:123456789012:{topic}")
            }),
        )
    };
    let confirm = "SubscriptionConfirmation";
    let url_of = |url: &str| Reply::Confirm {
        url: url.to_owned(),
    };
    assert_eq!(message(confirm, "MyTopic", url), Some(Ok(url_of(url))));
    assert_eq!(
        message(confirm, "Other", url),
        Some(Err(Unanswered::OtherTopic))
    );
    assert_eq!(
        message(
            confirm,
            "MyTopic",
            "https://evil.example/?Action=ConfirmSubscription"
        ),
        Some(Err(Unanswered::Malformed))
    );
    assert_eq!(
        message("UnsubscribeConfirmation", "MyTopic", url),
        Some(Ok(Reply::ok()))
    );
    assert_eq!(message("Notification", "MyTopic", url), None);
}

//! Handshakes that the provider signs, told from events by what the body says once its proof holds.

use serde_json::{Value, json};

use super::subscribe::subscribe_url;
use super::{Handshake, Reply, Responder, Unanswered, challenge};
use crate::event::Content;
use crate::verify::WebhookRequest;

const EVENT_GRID_TYPE: &str = "aeg-event-type";
const EVENT_GRID_EVENT: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";

type Answer = Result<Reply, Unanswered>;

impl Responder {
    /// None where the request is an event. `matched`: which secret proved it.
    pub(in crate::verify) fn proven(
        &self,
        request: &WebhookRequest,
        content: &Content,
        matched: Option<usize>,
    ) -> Option<Answer> {
        let Content::Json(body) = content else {
            return None;
        };
        match self.handshake {
            Handshake::Slack => slack(body),
            Handshake::Zoom => self.zoom(body, matched),
            Handshake::Discord => discord(body),
            Handshake::EventGrid => event_grid(request, body),
            Handshake::Line => line(body),
            Handshake::Sns => self.sns(body),
            _ => None,
        }
    }

    fn zoom(&self, body: &Value, matched: Option<usize>) -> Option<Answer> {
        if text(body, "/event") != Some("endpoint.url_validation") {
            return None;
        }
        let token = text(body, "/payload/plainToken").ok_or(Unanswered::Malformed);
        Some(token.and_then(challenge).and_then(|token| {
            let mac = self.sign(matched, token).ok_or(Unanswered::Malformed)?;
            Ok(Reply::Json(json!({
                "plainToken": token,
                "encryptedToken": hex::encode(mac),
            })))
        }))
    }

    /// An end of a subscription is heard and no event either: its `SubscribeURL` would begin it anew.
    fn sns(&self, body: &Value) -> Option<Answer> {
        let confirms = match text(body, "/Type")? {
            "SubscriptionConfirmation" => true,
            "UnsubscribeConfirmation" => false,
            _ => return None,
        };
        let topic = text(body, "/TopicArn").unwrap_or_default();
        if !self.topics.iter().any(|own| own == topic) {
            return Some(Err(Unanswered::OtherTopic));
        }
        if !confirms {
            return Some(Ok(Reply::ok()));
        }
        let url = text(body, "/SubscribeURL").and_then(subscribe_url);
        let url = url.ok_or(Unanswered::Malformed);
        Some(url.map(|url| Reply::Confirm { url }))
    }
}

fn slack(body: &Value) -> Option<Answer> {
    if text(body, "/type") != Some("url_verification") {
        return None;
    }
    let echo = text(body, "/challenge").ok_or(Unanswered::Malformed);
    Some(
        echo.and_then(challenge)
            .map(|text| Reply::Text(text.to_owned())),
    )
}

/// An interaction's ping is type 1. Among webhook events, which carry an `event`, a ping is type 0 and wants 204.
fn discord(body: &Value) -> Option<Answer> {
    if body.get("event").is_some() {
        return None;
    }
    match body.get("type").and_then(Value::as_u64)? {
        1 => Some(Ok(Reply::Json(json!({ "type": 1 })))),
        0 => Some(Ok(Reply::Empty {
            no_content: true,
            headers: Vec::new(),
        })),
        _ => None,
    }
}

fn event_grid(request: &WebhookRequest, body: &Value) -> Option<Answer> {
    let said = request.headers.get(EVENT_GRID_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .eq_ignore_ascii_case(b"SubscriptionValidation")
    });
    if !said && text(body, "/0/eventType") != Some(EVENT_GRID_EVENT) {
        return None;
    }
    let code = text(body, "/0/data/validationCode").ok_or(Unanswered::Malformed);
    Some(
        code.and_then(challenge)
            .map(|code| Reply::Json(json!({ "validationResponse": code }))),
    )
}

fn line(body: &Value) -> Option<Answer> {
    let events = body.get("events")?.as_array()?;
    events.is_empty().then(|| Ok(Reply::ok()))
}

fn text<'v>(body: &'v Value, pointer: &str) -> Option<&'v str> {
    body.pointer(pointer)?.as_str()
}

//! How a webhook is answered once it is kept, and a handshake.
//!
//! 200, not 202: several providers take nothing else for a yes. Echoes are `text/plain` and not to be sniffed.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::Done;
use crate::inbox::Receipt;
use crate::verify::answers::Answers;
use crate::verify::handshake::Reply;

const PLAIN: &str = "text/plain; charset=utf-8";

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<usize>,
}

/// Of several: accepted if any of them is new.
#[derive(Serialize)]
struct Answered {
    status: &'static str,
    events: Vec<Answer>,
}

pub(super) fn of(done: Done, answers: Answers) -> Response {
    match (done, answers.accepted) {
        (Done::Handshake(reply), _) => handshake(reply),
        (_, Some("")) => StatusCode::OK.into_response(),
        (_, Some(text)) => ([(header::CONTENT_TYPE, PLAIN)], text).into_response(),
        (Done::One(receipt), None) => Json(answer(&receipt)).into_response(),
        (Done::Several(receipts), None) => Json(several(&receipts)).into_response(),
    }
}

fn several(receipts: &[Receipt]) -> Answered {
    let repeat = |receipt: &Receipt| matches!(receipt, Receipt::Duplicate { .. });
    let repeats = !receipts.is_empty() && receipts.iter().all(repeat);
    Answered {
        status: if repeats { "duplicate" } else { "accepted" },
        events: receipts.iter().map(answer).collect(),
    }
}

fn answer(receipt: &Receipt) -> Answer {
    let (status, event, deliveries) = match receipt {
        Receipt::Accepted { event, deliveries } => ("accepted", event, Some(*deliveries)),
        Receipt::Unrouted { event } => ("unrouted", event, None),
        Receipt::Duplicate { first, .. } => ("duplicate", first, None),
    };
    Answer {
        status,
        event: event.to_string(),
        deliveries,
    }
}

fn handshake(reply: Reply) -> Response {
    let mut response = match reply {
        Reply::Text(text) => ([(header::CONTENT_TYPE, PLAIN)], text).into_response(),
        Reply::Json(value) => Json(value).into_response(),
        Reply::Empty {
            no_content,
            headers,
        } => {
            let status = if no_content {
                StatusCode::NO_CONTENT
            } else {
                StatusCode::OK
            };
            let mut response = status.into_response();
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    response
                        .headers_mut()
                        .insert(HeaderName::from_static(name), value);
                }
            }
            response
        }
        // Both are done by now, and what is left of them is `Empty`.
        Reply::Confirm { .. } | Reply::Adopt { .. } => StatusCode::OK.into_response(),
    };
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

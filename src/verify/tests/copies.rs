//! Signatures in several copies of their header count together: each may cost a look at the whole body.

use base64::engine::general_purpose::STANDARD;

use super::super::spec::{Algorithm, Copies, Encoding, Layout};
use super::*;

/// As Standard Webhooks has it, the time aside.
fn list(algorithm: Algorithm, key_form: KeyForm) -> SignatureSpec<'static> {
    SignatureSpec {
        header: "webhook-signature",
        layout: Layout::Tagged {
            separator: ' ',
            assign: ',',
            tag: "v1",
        },
        copies: Copies::Several,
        algorithm,
        encoding: Encoding::Base64,
        key_form,
        ..SignatureSpec::BODY
    }
}

/// Judges `copies` headers of two signatures each, of which the last alone is good.
fn judge(scheme: Scheme, good: &str, copies: usize) -> Result<Event, Refusal> {
    let bad = STANDARD.encode([0; 64]);
    let header = |second: &str| {
        let text = format!("v1,{bad} v1,{second}");
        ("webhook-signature".to_owned(), text)
    };
    let mut headers = vec![header(&bad); copies - 1];
    headers.push(header(good));
    let source = source(Proof::Signature(scheme));
    authenticate(&source, &request(&headers, "", "{}"), NOW)
}

fn shared(copies: usize) -> Result<Event, Refusal> {
    let spec = list(Algorithm::Sha256, KeyForm::Plain);
    let scheme = Scheme::compile(&spec, None, &secrets()).unwrap();
    let (_, header) = scheme.sign(b"{}", "", NOW).remove(0);
    judge(scheme, header.strip_prefix("v1,").unwrap(), copies)
}

fn public(copies: usize) -> Result<Event, Refusal> {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = format!("whpk_{}", STANDARD.encode(pair.public_key()));
    let spec = list(Algorithm::Ed25519, KeyForm::Whpk);
    let scheme = Scheme::compile(&spec, None, &[Secret::new(key.into_bytes())]).unwrap();
    judge(scheme, &STANDARD.encode(pair.sign(b"{}")), copies)
}

#[test]
fn many_copies_of_a_header_offer_no_more_signatures_than_one() {
    let refused = Refusal::Malformed("webhook-signature".to_owned());
    assert!(shared(50).is_ok());
    assert_eq!(shared(51).unwrap_err(), refused);
    assert!(public(5).is_ok());
    assert_eq!(public(6).unwrap_err(), refused, "each costs a whole hash");
}

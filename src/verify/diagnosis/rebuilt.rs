//! The secret of a scheme that is code, in the forms in which it is commonly mistaken, and those of other sources.
//!
//! The scheme is built anew with each and judges for itself, so that nothing here knows how it signs. An advice says what a
//! secret is called in the file, never a part of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::given::Recipe;
use super::super::spec::KeyForm;
use super::super::verifier::Moment;
use super::super::{Source, WebhookRequest};
use super::coded::holds;
use super::{Advice, Known, secrets};
use crate::secret::Secret;

/// Of the source itself, and of all others.
const MAX_SECRETS: usize = 4;
const MAX_OTHERS: usize = 32;
/// 32 bytes in a form that is no other; the first holds what parts a user from a password.
const TEXT: &str = "a text: no digits of hex, no base64!";
const BASE64: &str = "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgbm93";

/// A secret of the source, and its place where it stands among keys by their ids.
struct Own {
    name: String,
    place: Option<usize>,
    secret: Secret,
}

/// None where no secret fits, or the scheme has none.
pub(super) fn run(
    source: &Source,
    request: &WebhookRequest,
    known: Known<'_>,
    moment: Moment,
) -> Option<Advice> {
    let recipe = source.recipe.as_ref()?;
    let fits = |place, secret| {
        let built = recipe.with(place, secret);
        built.is_some_and(|scheme| holds(&*scheme, request, moment))
    };
    for own in own(source, recipe, known) {
        let form = form(recipe, own.place);
        let forms = secrets::forms(&own.secret, form).into_iter();
        if let Some(found) = { forms }.find(|it| fits(own.place, written(form, &it.key))) {
            let text = format!("for {}, the proof matches {}", own.name, found.text);
            return Some(Advice::new(found.cause, text));
        }
    }
    let others = known.secrets.iter().filter(|it| it.source != *source.name);
    let found = { others.take(MAX_OTHERS) }.find(|it| fits(None, it.secret.clone()))?;
    let (other, reference) = (&found.source, &found.reference);
    Some(Advice::new(
        "secret_of_another_source",
        format!(
            "the proof matches {reference}, a secret of the source `{other}`: the provider was given the address of this one, or the secrets were swapped"
        ),
    ))
}

/// Whether there is a secret that could have been mistaken.
pub(super) fn has_secret(source: &Source, known: Known<'_>) -> bool {
    let recipe = source.recipe.as_ref();
    recipe.is_some_and(|recipe| !own(source, recipe, known).is_empty())
}

fn own(source: &Source, recipe: &Recipe, known: Known<'_>) -> Vec<Own> {
    let named = known.secrets.iter().filter(|it| it.source == *source.name);
    let named = named.map(|it| Own {
        name: it.reference.clone(),
        place: None,
        secret: it.secret.clone(),
    });
    let keys = recipe.keys().iter().enumerate();
    let keys = keys.map(|(place, (id, key))| Own {
        name: format!("the key `{id}`"),
        place: Some(place),
        secret: key.clone(),
    });
    named.chain(keys).take(MAX_SECRETS).collect()
}

/// How the scheme takes its secret, found out by what it can be built with.
fn form(recipe: &Recipe, place: Option<usize>) -> KeyForm {
    let takes = |text: &str| recipe.with(place, Secret::new(text.into())).is_some();
    if takes(TEXT) {
        KeyForm::Plain
    } else if takes(BASE64) {
        KeyForm::Base64
    } else {
        KeyForm::Hex
    }
}

/// A key as the scheme would have to be given it.
fn written(form: KeyForm, key: &Secret) -> Secret {
    match form {
        KeyForm::Hex => Secret::new(hex::encode(key.expose()).into_bytes()),
        KeyForm::Base64 => Secret::new(STANDARD.encode(key.expose()).into_bytes()),
        _ => key.clone(),
    }
}

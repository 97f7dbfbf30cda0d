//! What pages are made of: files of this program, told apart by what is in them.

use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::words::{Tongue, told};
use super::{Entrance, SignedIn, gate};
use crate::store::hex;

/// A file of a page.
struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $kind:ident),+ $(,)?) => {
        &[$(File {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("page/", $name)),
        }),+]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Every file below `page/`.
const FILES: &[File] = files! {
    "account.html": HTML,
    "account.js": JS,
    "ask.js": JS,
    "desk-call.js": JS,
    "desk-keys.js": JS,
    "desk-person.js": JS,
    "desk-phone.js": JS,
    "desk-say.js": JS,
    "desk-socket.js": JS,
    "desk-words.js": JS,
    "desk.css": CSS,
    "desk.js": JS,
    "door.css": CSS,
    "index.html": HTML,
    "invitation.html": HTML,
    "invitation.js": JS,
    "sign-in.html": HTML,
    "sign-in.js": JS,
};

/// The query of a page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    lang: Option<Tongue>,
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

/// `GET /`.
pub(super) async fn home() -> Redirect {
    Redirect::to("/desk/")
}

/// `GET /desk/`: the seat of whoever has one, and of others their account.
pub(super) async fn index(
    Extension(who): Extension<SignedIn>,
    query: Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if who.agent.is_none() {
        return Redirect::to("/desk/account").into_response();
    }
    page("index.html", &query, &headers)
}

/// `GET /desk/sign-in`.
pub(super) async fn sign_in(query: Query<Asked>, headers: HeaderMap) -> Response {
    page("sign-in.html", &query, &headers)
}

/// `GET /desk/invitation`.
pub(super) async fn invitation(query: Query<Asked>, headers: HeaderMap) -> Response {
    page("invitation.html", &query, &headers)
}

/// `GET /desk/account`.
pub(super) async fn account(query: Query<Asked>, headers: HeaderMap) -> Response {
    page("account.html", &query, &headers)
}

/// `GET /desk/{*file}`: what a page is made of; pages have paths of their own.
pub(super) async fn file(
    State(_): State<Entrance>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = find(&name).filter(|file| file.kind != HTML) else {
        return gate::no_such_path().await;
    };
    let tag = tag(file.bytes);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    // It may be kept, and is asked for again each time: a new version is in use at once.
    let about = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, file.kind)], file.bytes).into_response()
}

/// Gives a text that is another one for other bytes (RFC 9110 §8.8.3).
fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex(&Sha256::digest(bytes)))
}

/// Gives a page in the language asked for, by the address or else by the browser.
fn page(name: &str, Query(asked): &Query<Asked>, headers: &HeaderMap) -> Response {
    let Some(file) = find(name) else { return StatusCode::NOT_FOUND.into_response() };
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let tongue = asked.lang.unwrap_or_else(|| Tongue::accepted(accepted.unwrap_or_default()));
    let text = told(&String::from_utf8_lossy(file.bytes), tongue);
    ([(header::CONTENT_TYPE, HTML)], text).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path as Place;

    use super::*;
    use crate::desk::words::WORDS;

    fn below(folder: &Place, names: &mut BTreeSet<String>) -> std::io::Result<()> {
        let root = Place::new(env!("CARGO_MANIFEST_DIR")).join("src/desk/page");
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                below(&path, names)?;
            } else if let Ok(name) = path.strip_prefix(&root) {
                names.insert(name.display().to_string());
            }
        }
        Ok(())
    }

    #[test]
    fn every_file_of_a_page_is_served_and_its_type_is_that_of_its_name() -> std::io::Result<()> {
        let mut names = BTreeSet::new();
        below(&Place::new(env!("CARGO_MANIFEST_DIR")).join("src/desk/page"), &mut names)?;
        let served: BTreeSet<_> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(served, names);
        for file in FILES {
            let end = file.name.rsplit('.').next();
            let kind = match end {
                Some("html") => HTML,
                Some("css") => CSS,
                Some("js") => JS,
                Some(_) | None => file.kind,
            };
            assert_eq!(kind, file.kind, "{}", file.name);
        }
        Ok(())
    }

    #[test]
    fn every_word_of_a_page_is_there_in_both_languages_and_none_is_left_over() {
        let mut used = BTreeSet::new();
        for file in FILES.iter().filter(|file| file.kind == HTML) {
            let text = String::from_utf8_lossy(file.bytes);
            let keys = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
            used.extend(keys.map(|(key, _)| key.to_owned()));
            for tongue in [Tongue::En, Tongue::Fr] {
                let said = told(&text, tongue);
                assert!(!said.contains("{{"), "{}: {said}", file.name);
            }
            // What the policy would not let run or show.
            for banned in ["<script>", " onclick", " style=", "<style", "http:"] {
                assert!(!text.contains(banned), "{}: {banned}", file.name);
            }
        }
        let known: BTreeSet<_> = WORDS.iter().map(|(key, ..)| (*key).to_owned()).collect();
        assert_eq!(used, known);
        let written = |text: &&str| !text.is_empty() && !text.contains(['"', '<', '&']);
        assert!(WORDS.iter().all(|(_, en, fr)| written(en) && written(fr)));
    }
}

//! The pages: `/` for operators, `/shop` for buyers. They are files in the worker, read by a browser as they are, and all that they show comes from the API.
//!
//! A page may load what this worker serves and nothing else, and runs no script and no style that stands in a page: see [`POLICY`].

mod assets;

use super::error::{ApiError, answer};
use super::extract::Params;
use super::language::Language;
use super::{Api, etag, openapi};
use assets::{Asset, PAGES};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::LazyLock;

/// Where the files of the pages lie.
pub(super) const ASSETS: &str = "/assets/";
/// What a page may load and do. Everything comes from this worker; there is no inline script, no inline style, no frame around it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
);
/// To be kept, and asked about each time: after an upgrade no page is put together of old and new files.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// The pages know where they are by their address alone.
const REFERRER: (HeaderName, HeaderValue) = (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
const NO_SNIFF: (HeaderName, HeaderValue) = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// The tag in a page that says its language.
const KOREAN: &str = "<html lang=\"ko\">";
const ENGLISH: &str = "<html lang=\"en\">";

pub(super) fn router() -> Router<Api> {
    Router::new().route("/", get(operators)).route("/shop", get(shop)).route("/assets/{*path}", get(asset))
}

/// A page in both languages.
struct Page {
    korean: Asset,
    english: Asset,
}

impl Page {
    fn of(text: &'static str) -> Self {
        let english = Bytes::from(text.replacen(KOREAN, ENGLISH, 1));
        Self { korean: Asset::html(Bytes::from_static(text.as_bytes())), english: Asset::html(english) }
    }

    fn shown(&self, headers: &HeaderMap) -> Response {
        let language = Language::wanted(headers);
        let asset = match language {
            Language::Korean => &self.korean,
            Language::English => &self.english,
        };
        let mut response = shown(asset, headers);
        let said = response.headers_mut();
        said.insert(header::CONTENT_LANGUAGE, language.tag());
        said.insert(header::VARY, HeaderValue::from_static("accept-language"));
        response
    }
}

static OPERATORS: LazyLock<Page> = LazyLock::new(|| Page::of(PAGES.operators));
static SHOP: LazyLock<Page> = LazyLock::new(|| Page::of(PAGES.shop));

/// The page for operators: the sale live, what is behind, what is wrong.
#[utoipa::path(get, path = "/", tag = "pages", responses(
    (status = 200, description = "A page, in Korean or, for `Accept-Language: en`, in English", body = String, content_type = "text/html; charset=utf-8"),
    (status = 304, description = "It is as the client has seen it"),
))]
pub(super) async fn operators(headers: HeaderMap) -> Response {
    OPERATORS.shown(&headers)
}

/// The page for buyers: a whole sale by hand.
#[utoipa::path(get, path = "/shop", tag = "pages", responses(
    (status = 200, description = "A page, in Korean or, for `Accept-Language: en`, in English", body = String, content_type = "text/html; charset=utf-8"),
    (status = 304, description = "It is as the client has seen it"),
))]
pub(super) async fn shop(headers: HeaderMap) -> Response {
    SHOP.shown(&headers)
}

/// A file of the pages.
#[utoipa::path(get, path = "/assets/{path}", tag = "pages",
    params(("path" = String, Path, description = "As the pages name it")),
    responses(
        (status = 200, description = "The file", content((String = "text/javascript; charset=utf-8"), (String = "text/css; charset=utf-8"), (String = "text/plain; charset=utf-8"), (String = "image/svg+xml"))),
        (status = 304, description = "It is as the client has seen it"),
        (status = 404, description = "No such file", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn asset(Params(path): Params<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let asset = assets::of(&path).ok_or(ApiError::NoSuchRoute)?;
    Ok(shown(asset, &headers))
}

fn shown(asset: &Asset, asked: &HeaderMap) -> Response {
    let mut response = if etag::knows(asked, &asset.tag) {
        answer::UNCHANGED.into_response()
    } else {
        let mut whole = (answer::OK, asset.bytes.clone()).into_response();
        whole.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
        whole
    };
    let headers = response.headers_mut();
    headers.extend([
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, REVALIDATE),
        NO_SNIFF,
        REFERRER,
    ]);
    // Hexadecimal digits in quotes: it is a header.
    headers.extend(HeaderValue::try_from(&asset.tag).ok().map(|tag| (header::ETAG, tag)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_no_script_or_style_of_its_own_and_names_files_that_are_there() {
        for page in [PAGES.operators, PAGES.shop] {
            assert!(page.contains(KOREAN) && !page.contains("<style") && !page.contains(" style="), "{page}");
            for script in page.split("<script").skip(1) {
                assert!(script.contains(" src=\"/assets/") && script.contains("></script>"), "{script}");
            }
            assert!(!page.contains(" onclick") && !page.contains("http://") && !page.contains("https://"), "{page}");
            for named in page.split("\"/assets/").skip(1) {
                let path = named.split('"').next().unwrap();
                assert!(assets::of(path).is_some(), "{path}");
            }
        }
    }

    #[test]
    fn every_module_imports_modules_that_are_there() {
        let mut seen = 0;
        for (path, asset) in assets::all().iter().filter(|(path, _)| path.ends_with(".js")) {
            let text = std::str::from_utf8(&asset.bytes).unwrap();
            let imports = text.split("from \"/assets/").skip(1).map(|import| (import, ""));
            let beside = text.split("from\"./").skip(1).map(|import| (import, "vendor/"));
            for (import, folder) in imports.chain(beside) {
                let file = import.split('"').next().unwrap();

                let wanted = format!("{folder}{file}");
                assert!(assets::of(&wanted).is_some(), "{path} imports {wanted}");
                seen += 1;
            }
        }
        assert!(seen > 10, "{seen}");
    }
}

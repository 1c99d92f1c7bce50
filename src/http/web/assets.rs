//! The files of the pages, as they stand in `assets/`. A new file is a line in [`FILES`].

use axum::body::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// A file.
pub(super) struct Asset {
    /// Its content.
    pub(super) bytes: Bytes,
    /// Its media type.
    pub(super) kind: &'static str,
    /// Its `ETag`: made of the content, so it changes with it and is the same at every replica of a version.
    pub(super) tag: String,
}

impl Asset {
    fn new(bytes: Bytes, kind: &'static str) -> Self {
        let mut tag = "\"".to_owned();
        for byte in Sha256::digest(&bytes).iter().take(16) {
            // Writing into a String cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        Self { bytes, kind, tag }
    }

    /// A page.
    pub(super) fn html(bytes: Bytes) -> Self {
        Self::new(bytes, HTML)
    }
}

/// The pages themselves.
pub(super) struct Pages {
    pub(super) operators: &'static str,
    pub(super) shop: &'static str,
}

pub(super) const PAGES: Pages =
    Pages { operators: include_str!("assets/index.html"), shop: include_str!("assets/shop.html") };

macro_rules! files {
    ($($path:literal: $kind:expr,)*) => {
        &[$(($path, include_bytes!(concat!("assets/", $path)), $kind)),*]
    };
}

/// Path below `/assets/`, content, media type.
type File = (&'static str, &'static [u8], &'static str);

const FILES: &[File] = files! {
    "icon.svg": PICTURE,
    "style.css": STYLE,
    "api.js": SCRIPT,
    "chart.js": SCRIPT,
    "dom.js": SCRIPT,
    "live.js": SCRIPT,
    "parts.js": SCRIPT,
    "poll.js": SCRIPT,
    "seatmap.js": SCRIPT,
    "settings.js": SCRIPT,
    "words.js": SCRIPT,
    "operator/main.js": SCRIPT,
    "operator/bursts.js": SCRIPT,
    "operator/letters.js": SCRIPT,
    "operator/overview.js": SCRIPT,
    "operator/sale.js": SCRIPT,
    "operator/system.js": SCRIPT,
    "operator/waiting.js": SCRIPT,
    "shop/main.js": SCRIPT,
    "shop/coupons.js": SCRIPT,
    "shop/money.js": SCRIPT,
    "shop/notices.js": SCRIPT,
    "shop/queue.js": SCRIPT,
    "shop/sale.js": SCRIPT,
    "shop/seats.js": SCRIPT,
    "vendor/hooks.js": SCRIPT,
    "vendor/htm.js": SCRIPT,
    "vendor/preact.js": SCRIPT,
    "vendor/uplot.css": STYLE,
    "vendor/uplot.js": SCRIPT,
    "vendor/htm.LICENSE": TEXT,
    "vendor/preact.LICENSE": TEXT,
    "vendor/uplot.LICENSE": TEXT,
};

static ALL: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    FILES.iter().map(|(path, bytes, kind)| (*path, Asset::new(Bytes::from_static(bytes), kind))).collect()
});

/// The file at `path` below `/assets/`.
pub(super) fn of(path: &str) -> Option<&'static Asset> {
    ALL.get(path)
}

/// All files, by path.
#[cfg(test)]
pub(super) fn all() -> &'static BTreeMap<&'static str, Asset> {
    &ALL
}

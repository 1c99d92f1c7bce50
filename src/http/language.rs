//! The language of what people read in a problem: Korean, or English for a client that prefers it. Codes and field names are the same in both.

use axum::http::{HeaderMap, HeaderValue, header};
use std::borrow::Cow;

/// A language of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The shop's own.
    Korean,
    /// For clients that prefer it.
    English,
}

impl Language {
    /// The language that `Accept-Language` prefers (RFC 9110, 12.5.4). Korean wins a draw, and answers clients that want neither.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> Self {
        let (mut korean, mut english, mut any) = (None, None, None);
        let lists = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        for range in lists.flat_map(|list| list.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            // A weight that cannot be read is no preference.
            let Some(weight) = weight.filter(|weight| (0.0..=1.0).contains(weight)) else { continue };
            let language = name.split('-').next().unwrap_or_default();
            let of = match language {
                "*" => &mut any,
                _ if language.eq_ignore_ascii_case("ko") => &mut korean,
                _ if language.eq_ignore_ascii_case("en") => &mut english,
                _ => continue,
            };
            *of = Some(of.map_or(weight, |earlier: f32| earlier.max(weight)));
        }
        let (korean, english) = (korean.or(any).unwrap_or(0.0), english.or(any).unwrap_or(0.0));
        if english > korean { Self::English } else { Self::Korean }
    }

    /// For `Content-Language`.
    #[must_use]
    pub fn tag(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Korean => "ko",
            Self::English => "en",
        })
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// In Korean.
    pub ko: Cow<'static, str>,
    /// In English.
    pub en: Cow<'static, str>,
}

impl Text {
    /// The text in `language`.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Korean => &self.ko,
            Language::English => &self.en,
        }
    }
}

impl From<(&'static str, &'static str)> for Text {
    fn from((ko, en): (&'static str, &'static str)) -> Self {
        Self { ko: ko.into(), en: en.into() }
    }
}

impl From<(String, String)> for Text {
    fn from((ko, en): (String, String)) -> Self {
        Self { ko: ko.into(), en: en.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(value: &'static str) -> Language {
        Language::wanted(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value))]))
    }

    #[test]
    fn english_has_to_be_preferred() {
        for english in
            ["en", "EN-us", "en, ko;q=0.9", "fr, en;q=0.2", "ko;q=0, *", "ko;q=0.1,en-GB;q=0.8", "de, en;q=0.001"]
        {
            assert_eq!(wanted(english), Language::English, "{english}");
        }
        for korean in
            ["", "ko", "ko-KR, en", "*", "fr", "en;q=0", "en;q=x", "en;q=2", "en;q=0.5, ko;q=0.5", "en;q=0.5, *;q=0.7"]
        {
            assert_eq!(wanted(korean), Language::Korean, "{korean}");
        }
        assert_eq!(Language::wanted(&HeaderMap::new()), Language::Korean);
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static("ko;q=0.2"));
        headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
        assert_eq!(Language::wanted(&headers), Language::English);
    }
}

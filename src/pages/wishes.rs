//! Which language a page is in: what the person chose, what the app asked for, what the account or the browser says.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

use super::text::Language;
use crate::app::App;
use crate::http::cookies;
use crate::protocol::params::Params;
use crate::time::Timestamp;

/// The cookie's name.
const COOKIE: &str = "portcullis-language";
/// How long a choice is kept, in seconds.
const LIFETIME: i64 = 365 * 24 * 3600;
/// How long ago a choice may have been made that answers a request, in seconds.
const RECENT: i64 = 600;
/// The parameter of the links that choose.
pub const PARAMETER: &str = "lang";

/// In which languages somebody may like a page.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    chosen: Option<Choice>,
    request: Option<(Vec<String>, Timestamp)>,
    profile: Option<String>,
    accept_language: String,
}

/// A language that the person chose on one of our pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub language: Language,
    /// When.
    pub at: Timestamp,
}

impl Wishes {
    /// What the browser says: the choice that it keeps, and its `Accept-Language`.
    pub fn of_browser(app: &App, headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let accepted: Vec<_> = accepted.filter_map(|value| value.to_str().ok()).collect();
        Self {
            chosen: cookies::read(app, headers, COOKIE).and_then(Choice::parse),
            accept_language: accepted.join(","),
            ..Self::default()
        }
    }

    /// Adds the `ui_locales` of a request that was made at `since` (OpenID Connect Core §3.1.2.1).
    pub fn add_request(&mut self, ui_locales: &[String], since: Timestamp) {
        self.request = Some((ui_locales.to_vec(), since));
    }

    /// As [`Self::add_request`], for a request that does not wait but is made `now`. Whoever chose a language in answer to it makes
    /// the same request again, so a choice of the last minutes is taken for such a one.
    pub fn add_parameters(&mut self, params: &Params, now: Timestamp) {
        let ui_locales = params.field("ui_locales").unwrap_or_default();
        let ui_locales: Vec<_> = ui_locales.split_ascii_whitespace().map(str::to_owned).collect();
        self.add_request(&ui_locales, now.plus(-RECENT));
    }

    /// Adds the `locale` claim of the person whose own page it is (OpenID Connect Core §5.1).
    pub fn add_profile(&mut self, locale: Option<&str>) {
        self.profile = locale.map(str::to_owned);
    }

    /// The best language that there is. An app's wish counts more than a choice that the person made some day, and less than
    /// one that they made when they saw what the app had brought about.
    pub fn language(&self) -> Language {
        let requested = self.request.as_ref();
        let chosen = |later: bool| {
            let choice = self.chosen?;
            let is_later = requested.is_none_or(|(_, since)| choice.at >= *since);
            (is_later == later).then_some(choice.language)
        };
        let asked = || best(requested?.0.iter().map(String::as_str));
        chosen(true)
            .or_else(asked)
            .or_else(|| chosen(false))
            .or_else(|| best(self.profile.as_deref()))
            .or_else(|| best(by_quality(&self.accept_language)))
            .unwrap_or_else(Language::english)
    }
}

impl Choice {
    fn parse(text: &str) -> Option<Self> {
        let (tag, at) = text.split_once('.')?;
        Some(Self {
            language: Language::of_tag(tag)?,
            at: Timestamp(at.parse().ok()?),
        })
    }

    /// Has the browser keep it.
    pub fn keep(self, app: &App, response: &mut Response) {
        let value = format!("{}.{}", self.language.tag(), self.at.as_i64());
        cookies::write(app, response, COOKIE, &value, LIFETIME);
    }
}

/// Says on a response in which language it is, and what that came from.
pub fn declare(response: &mut Response, language: Language) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.append(header::VARY, HeaderValue::from_static("accept-language, cookie"));
}

/// The language that suits best, of tags in order of preference: `fr-CA` is served by `fr`.
pub fn best<'a>(tags: impl IntoIterator<Item = &'a str>) -> Option<Language> {
    let wished = tags
        .into_iter()
        .filter_map(|tag| tag.parse::<LanguageIdentifier>().ok());
    let wished: Vec<_> = wished.filter(|id| !id.language.is_empty()).collect();
    let known: Vec<_> = Language::all().map(Language::id).collect();
    let found = negotiate_languages(&wished, &known, None, NegotiationStrategy::Filtering);
    let id = found.into_iter().next()?;
    Language::all().find(|language| language.id() == *id)
}

/// The translation that suits `language` best, of pairs of a tag and a text: its own before those of its regions and scripts.
pub fn best_translation<'a>(
    translations: impl Iterator<Item = (&'a str, &'a str)>,
    language: Language,
) -> Option<&'a str> {
    let wanted = language.id();
    let of_language = translations.filter_map(|(tag, text)| {
        let id: LanguageIdentifier = tag.parse().ok()?;
        (id.language == wanted.language).then_some((id != *wanted, text))
    });
    of_language.min_by_key(|(is_other, _)| *is_other).map(|(_, text)| text)
}

/// The tags of an `Accept-Language` header, best first (RFC 9110 §12.5.4).
fn by_quality(header: &str) -> Vec<&str> {
    let weighed = header.split(',').filter_map(|range| {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters.trim().strip_prefix("q=").unwrap_or("1");
        let quality: f32 = quality.parse().ok()?;
        (quality > 0.0).then_some((tag.trim(), quality))
    });
    let mut weighed: Vec<_> = weighed.collect();
    weighed.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    weighed.into_iter().map(|(tag, _)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(wishes: &Wishes) -> &'static str {
        wishes.language().tag()
    }

    #[test]
    fn the_best_of_what_is_wished_for_is_found() {
        for (wished, found) in [
            ("de", Some("de")),
            ("fr-CA", Some("fr")),
            ("fr-ca fr-CA en", Some("fr")),
            ("FR", Some("fr")),
            ("de-Latn-AT-1996", Some("de")),
            ("xx es-419", Some("es")),
            ("se", None),
            ("nl de", Some("de")),
            ("ja-JP", Some("ja")),
            ("zh-Hant ja", Some("ja")),
            ("", None),
            ("*", None),
            ("und", None),
            ("xx-$$ \u{301} <svg>", None),
            ("deutsch", None),
            ("de_DE", Some("de")),
        ] {
            let best = best(wished.split_ascii_whitespace());
            assert_eq!(best.map(Language::tag), found, "{wished}");
        }
    }

    #[test]
    fn accept_language_is_read_by_its_weights() {
        for (header, found) in [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en;q=0.3, fr;q=0.7", "fr"),
            ("nl, fr;q=0.5, en;q=0.1", "fr"),
            ("fr;q=0, en;q=0.1", "en"),
            ("fr;q=0", "en"),
            ("fr;q=x, es", "es"),
            ("es ; q=0.5, ja ;q=0.6", "ja"),
            ("*", "en"),
            ("", "en"),
            (",,;;q=,", "en"),
            ("de;q=NaN, es;q=0.1", "es"),
        ] {
            let wishes = Wishes {
                accept_language: header.to_owned(),
                ..Wishes::default()
            };
            assert_eq!(tag(&wishes), found, "{header}");
        }
    }

    #[test]
    fn wishes_are_weighed() {
        let choice = |at| Choice {
            language: Language::of_tag("ja").unwrap(),
            at: Timestamp(at),
        };
        let mut wishes = Wishes {
            accept_language: "de".to_owned(),
            ..Wishes::default()
        };
        assert_eq!(tag(&wishes), "de", "the browser's");
        wishes.add_profile(Some("es-MX"));
        assert_eq!(tag(&wishes), "es", "the account's before it");
        wishes.add_profile(Some("tlh"));
        assert_eq!(tag(&wishes), "de", "unless nobody speaks that");
        wishes.add_profile(Some("es-MX"));
        wishes.chosen = Some(choice(99));
        assert_eq!(tag(&wishes), "ja", "the person's own choice before that");
        wishes.add_request(&["fr".to_owned()], Timestamp(100));
        assert_eq!(tag(&wishes), "fr", "the app's wish before an old choice");
        wishes.chosen = Some(choice(100));
        assert_eq!(tag(&wishes), "ja", "and a new choice before the app's wish");
        wishes.add_request(&["tlh".to_owned()], Timestamp(200));
        assert_eq!(
            tag(&wishes),
            "ja",
            "an app that wishes for what we do not speak wishes for nothing"
        );
    }

    #[test]
    fn a_choice_that_was_tampered_with_is_none() {
        assert_eq!(Choice::parse("de.17").unwrap().at, Timestamp(17));
        for text in [
            "", "de", "de.", ".17", "tlh.17", "de.x", "de-DE.17", "de.17.18", "DE.17",
        ] {
            assert_eq!(Choice::parse(text), None, "{text}");
        }
    }
}

//! What an app says about itself, in the language of the page (OpenID Connect Registration §2.1).

use super::text::Language;
use super::wishes;
use crate::model::client::ClientMetadata;

/// Its name.
pub fn name(metadata: &ClientMetadata, language: Language) -> String {
    localized(metadata, "client_name", language).map_or_else(|| metadata.name.clone(), str::to_owned)
}

/// The translation of `member` that suits a page in `language`: `client_name#de-CH` serves `de`, unless there is
/// `client_name#de`. `None` leaves the member itself.
pub fn localized<'a>(metadata: &'a ClientMetadata, member: &str, language: Language) -> Option<&'a str> {
    let translations = metadata.about.localized.iter().filter_map(|(name, value)| {
        let (translated, tag) = name.split_once('#')?;
        (translated == member).then_some((tag, value.as_str()))
    });
    wishes::best_translation(translations, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_in_the_language_of_the_page() {
        let mut metadata = ClientMetadata::new("Photos");
        for (member, value) in [
            ("client_name#de", "Fotos"),
            ("client_name#fr-CA", "Photos du Québec"),
            ("client_name#ja-Kana-JP", "クライアント名"),
            ("client_name#not a tag", "?"),
            ("client_name#", "?"),
            ("policy_uri#es", "https://photos.example/es"),
        ] {
            metadata.about.localized.insert(member.to_owned(), value.to_owned());
        }
        for (tag, expected) in [
            ("en", "Photos"),
            ("de", "Fotos"),
            ("fr", "Photos du Québec"),
            ("ja", "クライアント名"),
            ("es", "Photos"),
        ] {
            assert_eq!(name(&metadata, Language::of_tag(tag).unwrap()), expected, "{tag}");
        }
        let spanish = Language::of_tag("es").unwrap();
        assert_eq!(
            localized(&metadata, "policy_uri", spanish),
            Some("https://photos.example/es")
        );
        assert_eq!(localized(&metadata, "policy_uri", Language::english()), None);
    }
}

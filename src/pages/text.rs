//! The texts of the pages, from `templates/messages`: one file for each language, named by its tag and built into the program.
//! A language is added by adding its file; what a file lacks is said in English.

use std::collections::HashMap;
use std::sync::LazyLock;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{Loader, static_loader};
use unic_langid::{CharacterDirection, LanguageIdentifier};

#[cfg(test)]
mod files;

static_loader! {
    static MESSAGES = {
        locales: "templates/messages",
        fallback_language: "en",
        // Isolation is HTML's business here: see `Language::around`.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// Stands where the template puts an element: no text has this character, for Unicode keeps it free for such uses.
const PLACE: char = '\u{fdd0}';

/// A language that there are messages in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(&'static Known);

#[derive(Debug, PartialEq, Eq)]
struct Known {
    id: LanguageIdentifier,
    tag: String,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = MESSAGES.locales().map(|id| Known {
        id: id.clone(),
        tag: id.to_string(),
    });
    let mut known: Vec<_> = known.collect();
    known.sort_by(|a, b| a.tag.cmp(&b.tag));
    known
});

static ENGLISH: LazyLock<Known> = LazyLock::new(|| Known {
    id: MESSAGES.fallback().clone(),
    tag: MESSAGES.fallback().to_string(),
});

impl Language {
    /// All of them, by their tags.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(Self)
    }

    /// What is spoken where nothing else is wished for.
    pub fn english() -> Self {
        Self(&ENGLISH)
    }

    /// The language of this very tag (BCP 47).
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::all().find(|language| language.tag() == tag)
    }

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        &self.0.tag
    }

    /// The tag in its parts.
    pub(super) fn id(self) -> &'static LanguageIdentifier {
        &self.0.id
    }

    /// The `dir` of HTML.
    pub fn direction(self) -> &'static str {
        match self.0.id.character_direction() {
            CharacterDirection::RTL => "rtl",
            _ => "ltr",
        }
    }

    /// What it calls itself.
    pub fn name(self) -> String {
        self.text("language-name")
    }

    /// A message in this language.
    pub fn text(self, message: impl Into<Message>) -> String {
        match message.into().0 {
            Content::Verbatim(text) => text,
            Content::Known { key, args } => self.format(key, args),
        }
    }

    /// What stands before and behind the place of `name` in a message, so that a template can put an element there.
    pub fn around(self, message: impl Into<Message>, name: &'static str) -> (String, String) {
        let text = self.text(message.into().with(name, PLACE.to_string()));
        match text.split_once(PLACE) {
            Some((before, behind)) => (before.to_owned(), behind.to_owned()),
            None => (text, String::new()),
        }
    }

    fn format(self, key: &'static str, args: Vec<(&'static str, Value)>) -> String {
        let args: HashMap<_, _> = args
            .into_iter()
            .map(|(name, value)| match value {
                Value::Text(text) => (name, FluentValue::from(text)),
                Value::Number(number) => (name, FluentValue::from(number)),
                Value::Message(message) => (name, FluentValue::from(self.text(message))),
            })
            .collect();
        let languages = [self.id(), MESSAGES.fallback()];
        let found = languages
            .into_iter()
            .find_map(|id| MESSAGES.lookup_single_language(id, key, Some(&args)).ok());
        found.unwrap_or_else(|| key.to_owned())
    }
}

/// What a page says: the key of a text with what the text is about, in no language yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Content);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Known {
        key: &'static str,
        args: Vec<(&'static str, Value)>,
    },
    Verbatim(String),
}

/// What a text is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A number, which may choose between singular and plural.
    Number(i64),
    /// Words that have a key themselves.
    Message(Message),
}

impl Message {
    /// The text of this key.
    pub const fn new(key: &'static str) -> Self {
        Self(Content::Known { key, args: Vec::new() })
    }

    /// Words of somebody else, the same in every language.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self(Content::Verbatim(text.into()))
    }

    /// With `value` where the text has `$name`.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        if let Content::Known { args, .. } = &mut self.0 {
            args.push((name, value.into()));
        }
        self
    }
}

impl From<&'static str> for Message {
    fn from(key: &'static str) -> Self {
        Self::new(key)
    }
}

impl From<&Self> for Message {
    fn from(message: &Self) -> Self {
        message.clone()
    }
}

impl From<&&Self> for Message {
    fn from(message: &&Self) -> Self {
        (*message).clone()
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Message> for Value {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_file() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/messages");
        let files = std::fs::read_dir(folder).unwrap();
        let mut tags: Vec<_> = files
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        tags.sort();
        assert_eq!(Language::all().map(Language::tag).collect::<Vec<_>>(), tags);
        assert!(tags.len() >= 5, "{tags:?}");
    }

    #[test]
    fn a_message_is_said_in_the_language_with_its_number() {
        let wait = |tag: &str, count: i64| {
            let message = Message::new("try-again-in-minutes").with("count", count);
            Language::of_tag(tag).unwrap().text(message)
        };
        assert_eq!(wait("en", 1), "Try again in a minute.");
        assert_eq!(wait("en", 3), "Try again in 3 minutes.");
        assert_eq!(wait("de", 1), "Versuchen Sie es in einer Minute noch einmal.");
        assert_eq!(wait("de", 3), "Versuchen Sie es in 3 Minuten noch einmal.");
        assert_eq!(wait("fr", 1200), "Réessayez dans 1200 minutes.");
        assert_eq!(wait("ja", 1), "1 分後にもう一度お試しください。");
    }

    #[test]
    fn an_element_stands_where_the_language_puts_it() {
        let around = |tag: &str| Language::of_tag(tag).unwrap().around("continue-to", "app");
        assert_eq!(around("en"), ("to continue to ".to_owned(), String::new()));
        assert_eq!(around("ja"), (String::new(), " に進みます".to_owned()));
    }

    #[test]
    fn words_of_others_are_left_alone_and_missing_ones_name_themselves() {
        for language in Language::all() {
            let others = Message::verbatim("{ $x } \u{2068}sign-in");
            assert_eq!(language.text(others), "{ $x } \u{2068}sign-in");
            assert_eq!(language.text("no-such-text"), "no-such-text");
        }
    }
}

//! `user_code` (RFC 8628 §3.2, §6.1): what a person reads off a device and types into a browser.

/// The letters of a user code: consonants, so that no words come out, without those that are mistaken for each other
/// (RFC 8628 §6.1).
pub const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A user code: letters of [`ALPHABET`] and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// The longest code that is read or made.
    pub const MAX_LEN: usize = 32;

    /// The most characters that are looked at: a code with all the spaces and dashes that anybody would type.
    const MAX_TYPED: usize = 100;

    /// Reads what a person typed: ASCII case, spaces and punctuation do not matter (RFC 8628 §6.1). Letters that only look
    /// like ours (Cyrillic В, full-width Ｂ) are not taken for them. `None` is no code at all; a code that is read may still
    /// be wrong.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.chars().count() > Self::MAX_TYPED {
            return None;
        }
        let mut letters = String::new();
        for character in typed.chars() {
            if character.is_ascii_punctuation() || character.is_ascii_whitespace() {
                continue;
            }
            letters.push(letter(character)?);
        }
        (1..=Self::MAX_LEN).contains(&letters.len()).then_some(Self(letters))
    }

    /// A code of letters that were drawn; `None` if one of them is not in the alphabet.
    pub fn from_letters(letters: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LEN).contains(&letters.len());
        (fits && letters.bytes().all(|byte| ALPHABET.contains(&byte))).then(|| Self(letters.to_owned()))
    }

    /// The letters alone.
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// As it is shown: groups of at most four letters, as equal as they can be.
    pub fn hyphenated(&self) -> String {
        let groups = self.0.len().div_ceil(4);
        let size = self.0.len().div_ceil(groups);
        let groups: Vec<_> = self.0.as_bytes().chunks(size).map(String::from_utf8_lossy).collect();
        groups.join("-")
    }
}

fn letter(character: char) -> Option<char> {
    let upper = character.to_ascii_uppercase();
    let byte = u8::try_from(upper).ok()?;
    ALPHABET.contains(&byte).then_some(upper)
}

/// It is short enough to be worth something to whoever reads it.
impl std::fmt::Debug for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Option<String> {
        UserCode::parse(typed).map(|code| code.letters().to_owned())
    }

    #[test]
    fn dv_13_case_spaces_and_punctuation_do_not_matter() {
        for typed in [
            "WDJB-MJHT",
            "wdjbmjht",
            "wdjb mjht",
            " WdJb--mJhT\t",
            "(w.d.j.b) m,j;h:t!",
            "W D J B _ M J H T\n",
        ] {
            assert_eq!(read(typed).as_deref(), Some("WDJBMJHT"), "{typed:?}");
        }
    }

    #[test]
    fn dv_13_what_only_looks_like_our_letters_is_refused() {
        for typed in [
            "ＷＤＪＢ-ＭＪＨＴ",
            "WDJB–MJHT",        // an en dash is no ASCII punctuation
            "WDJ\u{412}MJHT",   // Cyrillic Ve
            "WDJB\u{a0}MJHT",   // a no-break space
            "WDJB\u{200b}MJHT", // no width at all
            "WDJB-MJH\u{165}",  // t with caron
            "\u{212a}DJBMJHT",  // the Kelvin sign, whose lower case is k
            "WDJB-MJH7",
            "WDJB-MJHA",
            "",
            "--- ---",
        ] {
            assert_eq!(read(typed), None, "{typed:?}");
        }
        assert_eq!(read(&"B".repeat(UserCode::MAX_LEN)).map(|code| code.len()), Some(32));
        assert_eq!(read(&"B".repeat(UserCode::MAX_LEN + 1)), None);
        assert_eq!(read(&format!("WDJBMJHT{}", "-".repeat(100))), None);
    }

    #[test]
    fn groups_are_as_equal_as_they_can_be() {
        for (letters, shown) in [
            ("WDJBMJHT", "WDJB-MJHT"),
            ("WDJBMJHTB", "WDJ-BMJ-HTB"),
            ("WDJBMJHTBC", "WDJB-MJHT-BC"),
            ("WDJBMJ", "WDJ-BMJ"),
            ("BC", "BC"),
        ] {
            let code = UserCode::from_letters(letters).unwrap();
            assert_eq!(code.hyphenated(), shown);
            assert_eq!(read(&code.hyphenated()).as_deref(), Some(letters));
        }
        assert!(UserCode::from_letters("ABC").is_none() && UserCode::from_letters("").is_none());
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", UserCode::parse("BCDF")), "Some(UserCode(…))");
    }
}

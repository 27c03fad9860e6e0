//! Text that people read.

/// Why a text cannot be shown as the name of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing, or white space alone.
    #[error("must not be empty")]
    Empty,
    /// Over so many characters.
    #[error("is too long: at most {0} characters")]
    TooLong(usize),
    /// Something of [`is_control`].
    #[error("must not hold control characters or marks that change the direction of writing")]
    Control,
}

/// A text of at most `max` characters that names something to people, without white space around it.
pub fn label(text: &str, max: usize) -> Result<&str, LabelError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(LabelError::Empty);
    }
    if text.chars().count() > max {
        return Err(LabelError::TooLong(max));
    }
    if text.chars().any(is_control) {
        return Err(LabelError::Control);
    }
    Ok(text)
}

/// Controls, and the characters that turn the direction of what follows (Unicode UAX #9): with them a name can be made to
/// read as another.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

//! Text that people read.

/// Controls, and the characters that turn the direction of what follows (Unicode UAX #9): with them a name can be made to
/// read as another.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

//! Request parameters, decoded strictly (RFC 6749 §3.1, §3.2, Appendix B).

use super::error::Reason;

/// Parameters in the order in which they came. Empty values count as absent (RFC 6749 §3.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

/// The one parameter that may be repeated (RFC 8707 §2).
const REPEATABLE: &str = "resource";

impl Params {
    /// The most pairs that are read.
    pub const MAX_PAIRS: usize = 100;

    /// Decodes `application/x-www-form-urlencoded` text. Broken percent-encoding, invalid UTF-8 and NUL are errors:
    /// nothing is repaired, so nothing can be smuggled past a comparison.
    pub fn parse(encoded: &[u8]) -> Result<Self, Reason> {
        let mut pairs = Vec::new();
        for pair in encoded.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == Self::MAX_PAIRS {
                return Err(Reason::ParameterTooMany);
            }
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let name = form_decode(halves.next().unwrap_or_default())?;
            let value = form_decode(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Parameters that were read elsewhere, under the same rules.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, Reason> {
        if pairs.len() > Self::MAX_PAIRS {
            return Err(Reason::ParameterTooMany);
        }
        if pairs
            .iter()
            .any(|(name, value)| name.contains('\0') || value.contains('\0'))
        {
            return Err(Reason::ParameterMalformed);
        }
        Ok(Self(pairs))
    }

    /// The value of `name`; an error when it was sent more than once.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Reason> {
        let mut values = self
            .0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Reason::ParameterRepeated);
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// The value of a field of one of our own forms; one that comes twice counts as missing.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.get(name).ok().flatten()
    }

    /// Whether `name` was sent at all, even with an empty value.
    pub fn mentions(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Every value of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Refuses a request in which any parameter but `resource` comes twice.
    pub fn refuse_repeated(&self) -> Result<(), Reason> {
        let repeated = |index: usize, name: &str| self.0[..index].iter().any(|(known, _)| known == name);
        let clash = self
            .0
            .iter()
            .enumerate()
            .any(|(index, (name, _))| name != REPEATABLE && repeated(index, name));
        if clash { Err(Reason::ParameterRepeated) } else { Ok(()) }
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in encoded form.
    pub fn to_query(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }

    /// Adds the pairs of `other` after these; what stands in both is then a repetition.
    pub fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes one half of a pair: `+` is a space, `%XX` a byte, the whole valid UTF-8 without NUL.
pub fn form_decode(encoded: &[u8]) -> Result<String, Reason> {
    // Looked through without a stop on the way, which takes many bytes at once. Tokens are long, and hold nothing of this.
    let plain = |byte: &u8| !matches!(byte, b'+' | b'%' | 0);
    if encoded.iter().fold(true, |all, byte| all & plain(byte)) {
        return String::from_utf8(encoded.to_vec()).map_err(|_| Reason::ParameterMalformed);
    }
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(Reason::ParameterMalformed),
            },
            other => other,
        });
    }
    if bytes.contains(&0) {
        return Err(Reason::ParameterMalformed);
    }
    String::from_utf8(bytes).map_err(|_| Reason::ParameterMalformed)
}

fn hex(digit: &u8) -> Option<u8> {
    char::from(*digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

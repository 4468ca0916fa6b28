//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

use actix_web::http::header::HeaderMap;

use crate::problem::Problem;

/// The header's name.
pub(crate) const NAME: &str = "Idempotency-Key";
const LONGEST: usize = 255;

/// A caller's name for one request, however often it is sent: 1 to 255 printable characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key that a request carries, if it carries one.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(NAME);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Problem::header(NAME, "send one key, not several"));
        }
        let parsed = value.to_str().ok().and_then(Self::parse);
        parsed.map(Some).ok_or_else(|| {
            Problem::header(NAME, "send 1 to 255 printable ASCII characters, as \"…\" or as a bare token")
        })
    }

    /// Parses a quoted structured-field string, or a bare token.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest)?,
            None if text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte)) => {
                text.to_owned()
            }
            None => return None,
        };
        (1..=LONGEST).contains(&key.len()).then_some(Self(key))
    }

    /// The key as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands between the opening quote, already taken off, and the closing one at the very end.
fn unquoted(rest: &str) -> Option<String> {
    let mut key = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            plain @ ' '..='~' => key.push(plain),
            _ => return None,
        }
    }
    characters.next().is_none().then_some(key)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn key(text: &str) -> Option<String> {
        IdempotencyKey::parse(text).map(|key| key.0)
    }

    #[test]
    fn quoted_and_bare_spellings_name_the_same_key() {
        for text in ["\"order-17\"", "order-17", "  order-17 ", "\t\"order-17\""] {
            assert_eq!(key(text).as_deref(), Some("order-17"), "{text}");
        }
        assert_eq!(key(r#""a \"b\" \\ c""#).as_deref(), Some(r#"a "b" \ c"#));
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "x".repeat(256);
        let quoted = format!("\"{long}\"");
        for text in
            ["", "\"\"", "\"open", "a b", "a,b", "\"a\";p=1", "\"a\"b", r#""\x""#, "é", &long, &quoted]
        {
            assert_eq!(key(text), None, "{text}");
        }
        assert!(key(&"x".repeat(255)).is_some());
    }

    #[test]
    fn two_keys_are_one_too_many() {
        let mut headers = HeaderMap::new();
        assert_eq!(IdempotencyKey::from_headers(&headers).unwrap(), None);
        let name = HeaderName::from_static("idempotency-key");
        headers.append(name.clone(), HeaderValue::from_static("a"));
        assert!(IdempotencyKey::from_headers(&headers).unwrap().is_some());
        headers.append(name, HeaderValue::from_static("a"));
        assert!(IdempotencyKey::from_headers(&headers).is_err());
    }
}

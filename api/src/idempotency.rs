//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

use actix_web::http::header::HeaderMap;

use crate::problem::Problem;

/// The header's name.
pub(crate) const NAME: &str = "Idempotency-Key";
/// What clients called it before there was a draft.
const OLDER_NAME: &str = "X-Idempotency-Key";
const LONGEST: usize = 255;

/// A caller's name for one request, however often it is sent: 1 to 255 printable characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key that a request carries, if it carries one. The older name counts too, and the same key may
    /// be there more than once: some clients send both names, and some proxies repeat a header.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut found: Option<Self> = None;
        for name in [NAME, OLDER_NAME] {
            for value in headers.get_all(name) {
                let key = value.to_str().ok().and_then(Self::parse).ok_or_else(|| {
                    Problem::header(
                        name,
                        "send 1 to 255 printable ASCII characters, as \"…\" or as a bare token",
                    )
                })?;
                if found.as_ref().is_some_and(|found| *found != key) {
                    return Err(Problem::header(name, "send one key, not two different ones"));
                }
                found = Some(key);
            }
        }
        Ok(found)
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
    fn one_key_may_be_said_twice_and_two_keys_may_not_be_said() {
        let asked = |sent: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            IdempotencyKey::from_headers(&headers).map(|key| key.map(|key| key.0)).map_err(drop)
        };
        const NEW: &str = "idempotency-key";
        const OLD: &str = "x-idempotency-key";
        let a = Ok(Some("a".to_owned()));
        for (sent, expected) in [
            (&[][..], Ok(None)),
            (&[(NEW, "a")], a.clone()),
            (&[(OLD, "a")], a.clone()),
            (&[(OLD, "\"a\"")], a.clone()),
            (&[(NEW, "a"), (OLD, "\"a\"")], a.clone()),
            (&[(NEW, "a"), (NEW, "a")], a.clone()),
            (&[(OLD, "a"), (OLD, "a")], a),
            (&[(NEW, "a"), (OLD, "b")], Err(())),
            (&[(NEW, "a"), (NEW, "b")], Err(())),
            (&[(OLD, "a"), (OLD, "b")], Err(())),
            (&[(NEW, "a"), (OLD, "")], Err(())),
            (&[(OLD, "a b")], Err(())),
        ] {
            assert_eq!(asked(sent), expected, "{sent:?}");
        }
    }
}

//! Looking for words that must not be anywhere: in files, however large, and in what is base64 or percent-encoded.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Words that must not be found, in every form in which they might be.
pub struct Search {
    needles: Vec<String>,
}

impl Search {
    /// For these words. Short ones would be found by chance.
    ///
    /// # Panics
    /// When a word has fewer than four letters.
    #[must_use]
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        let mut needles = Vec::new();
        for word in words {
            assert!(word.len() >= 4, "{word} is found by chance");
            needles.extend(in_base64(word.as_bytes()));
            needles.push(word.replace('@', "%40").replace(' ', "%20"));
            needles.push(word.replace(' ', "+"));
            needles.push(word);
        }
        needles.sort();
        needles.dedup();
        Self { needles }
    }

    /// Every hit in the files of `folder`: the file, and the word in the form that was found.
    ///
    /// # Panics
    /// When nothing can be read, or the search itself does not find what is there.
    #[must_use]
    pub fn hits(&self, folder: &Path) -> Vec<String> {
        let own = tempfile::tempdir().expect("a temporary folder");
        let (needles, control) = (own.path().join("needles"), own.path().join("control"));
        std::fs::write(&needles, self.needles.join("\n")).expect("a file");
        let mut file = std::fs::File::create(&control).expect("a file");
        // Each stands between bytes that are no text, as it would in a database's file.
        for needle in &self.needles {
            file.write_all(&[0, 0xff, 0x1b]).expect("written");
            file.write_all(needle.as_bytes()).expect("written");
        }
        let found = grep(&needles, &[&control]);
        assert!(
            found.len() >= self.needles.len() / 2,
            "the search finds only {} of what is there",
            found.len()
        );
        grep(&needles, &[folder])
    }
}

fn grep(needles: &Path, places: &[&Path]) -> Vec<String> {
    let output = Command::new("grep")
        .args(["--recursive", "--text", "--fixed-strings", "--only-matching", "--with-filename", "--file"])
        .arg(needles)
        .args(places)
        .env("LC_ALL", "C")
        .output()
        .expect("grep runs");
    // 1 is nothing found; files that vanish while they are read are told of on the way.
    let code = output.status.code().expect("it ends by itself");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code < 2 || said.lines().all(|line| line.ends_with("No such file or directory")), "{said}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What every base64 of a text that holds `word` contains, wherever the word begins; of long words alone, since
/// short ones are found by chance.
fn in_base64(word: &[u8]) -> Vec<String> {
    let forms = (0..3).map(|before| {
        let mut text = vec![b'.'; before];
        text.extend_from_slice(word);
        // Only characters that are made of the word alone.
        let whole = text.len() / 3 * 4;
        let encoded: String = base64(&text[..text.len() / 3 * 3]);
        let first = (before * 8).div_ceil(6);
        encoded.get(first..whole).unwrap_or_default().to_owned()
    });
    forms
        .filter(|form| form.len() >= 8)
        .flat_map(|form| [form.replace('+', "-").replace('/', "_"), form])
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(ALPHABET[(bits >> shift) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_however_it_is_written_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        place("nothing", b"words that are no harm: victim, example");
        let search = Search::new(["ada@victim.example".to_owned()]);
        assert_eq!(search.hits(folder.path()), Vec::<String>::new());
        // As `base64` writes them: of `{"to":"ada@victim.example"}`, and with one and two letters more in front.
        place("plain", b"\0\0ada@victim.example\xff");
        place("percent", b"/x?to=ada%40victim.example");
        place("one", b"eyJ0byI6ImFkYUB2aWN0aW0uZXhhbXBsZSJ9");
        place("two", b"LnsidG8iOiJhZGFAdmljdGltLmV4YW1wbGUifQ==");
        place("three", b"Li57InRvIjoiYWRhQHZpY3RpbS5leGFtcGxlIn0=");
        let hits = search.hits(folder.path());
        for name in ["plain", "percent", "one", "two", "three"] {
            assert!(hits.iter().any(|hit| hit.contains(&format!("/{name}:"))), "{name}: {hits:?}");
        }
    }
}

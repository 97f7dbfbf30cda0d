//! Reads the repository's Rust text as the house rules need it: code apart from comments and
//! literals, paths written out in full, and where functions and tests begin and end.

use std::path::{Path, PathBuf};
use std::{fs, io, iter};

/// One Rust file, read three ways; the three texts have the same length and the same lines.
pub(super) struct Source {
    /// The path from the repository's root, with `/`.
    pub path: String,
    /// The text as written.
    pub raw: String,
    /// The text with comments and literals blanked.
    pub code: String,
    /// The text of the comments alone.
    pub comments: String,
    breaks: Vec<usize>,
}

/// The repository's root.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads every Rust file below these folders, in order of path.
pub(super) fn read_below(folders: &[&str]) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in folders {
        for path in files(&root().join(folder))? {
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(Source::new(relative(&path), fs::read_to_string(&path)?));
            }
        }
    }
    Ok(sources)
}

/// Lists every file below a folder, in order of path; what npm installed is nobody's source.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.retain(|path| !path.ends_with("node_modules"));
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Gives a path from the repository's root, with `/`.
pub(super) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

impl Source {
    /// Splits a text into code and comments.
    pub(super) fn new(path: String, raw: String) -> Self {
        let (code, comments) = split(&raw);
        let breaks = code.match_indices('\n').map(|(at, _)| at).collect();
        Self { path, raw, code, comments, breaks }
    }

    /// Gives the module directly below `src/` that the file belongs to.
    pub(super) fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or("");
        inside.split('/').next().unwrap_or("").trim_end_matches(".rs")
    }

    /// Gives the line, from 1, that holds a byte.
    pub(super) fn line(&self, at: usize) -> usize {
        self.breaks.partition_point(|end| *end < at) + 1
    }

    /// Gives every identifier and keyword with its place.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        words(&self.code)
    }

    /// Gives every `crate::…` path of the code, groups written out, without `crate::`.
    pub(super) fn crate_paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (at, _) in self.words().filter(|(_, word)| *word == "crate") {
            let after = at + "crate".len();
            if self.code[after..].trim_start().starts_with("::") {
                let mut paths = Vec::new();
                expand(&self.code, skip(&self.code, after) + 2, "", &mut paths);
                found.extend(paths.into_iter().map(|path| (at, path)));
            }
        }
        found
    }

    /// Gives every function with a body: its place, its name and its length in lines.
    pub(super) fn functions(&self) -> Vec<(usize, &str, usize)> {
        let mut found = Vec::new();
        let mut words = self.words().peekable();
        while let Some((at, word)) = words.next() {
            let Some((name_at, name)) = words.peek().copied().filter(|_| word == "fn") else {
                continue;
            };
            let between = &self.code[at + 2..name_at];
            if let Some(end) = body_end(&self.code, name_at).filter(|_| between.trim().is_empty()) {
                found.push((at, name, self.line(end) - self.line(at) + 1));
            }
        }
        found
    }

    /// Gives the arguments of every call `.name(…)`: its place and the text between the brackets.
    pub(super) fn method_calls(&self, name: &str) -> Vec<(usize, &str)> {
        let dotted = format!(".{name}(");
        let starts = self.code.match_indices(&dotted);
        starts
            .filter_map(|(at, _)| {
                let open = at + dotted.len() - 1;
                closing(&self.code, open).map(|end| (at, &self.code[open + 1..end]))
            })
            .collect()
    }

    /// Tells whether a byte lies in code that is compiled for tests alone.
    pub(super) fn is_test(&self, at: usize) -> bool {
        let whole = !self.path.starts_with("src/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/");
        whole
            || self.code.match_indices("#[cfg(test)]").any(|(start, _)| {
                let end = body_end(&self.code, start + "#[cfg(test)]".len());
                start <= at && end.is_some_and(|end| at <= end)
            })
    }
}

/// Gives every identifier and keyword of a text with its place.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    iter::from_fn(move || {
        let start = at + text[at..].find(is_word)?;
        let rest = &text[start..];
        let end = start + rest.find(|sign| !is_word(sign)).unwrap_or(rest.len());
        at = end;
        Some((start, &text[start..end]))
    })
}

/// Splits an identifier at its underscores and capitals: `retryAfter_ms` is retry, after, ms.
pub(super) fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = 'A';
    for sign in identifier.chars() {
        let starts = sign.is_uppercase() && !before.is_uppercase();
        if sign == '_' || starts {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| sign != '_') {
            part.extend(sign.to_lowercase());
        }
        before = sign;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Writes a `use` tree out: `core::{fact::Fact, order}` is `core::fact::Fact` and `core::order`.
fn expand(code: &str, at: usize, prefix: &str, paths: &mut Vec<String>) -> usize {
    let start = skip(code, at);
    if code[start..].starts_with('{') {
        let end = closing(code, start).unwrap_or(code.len());
        let mut next = start + 1;
        while next < end {
            next = expand(code, next, prefix, paths);
            let left = code.get(next..end).unwrap_or("");
            let item = left.find(',').unwrap_or(left.len());
            next = skip(code, (next + item + 1).min(code.len()));
        }
        return end + 1;
    }
    let word = words(&code[start..]).next().filter(|(offset, _)| *offset == 0);
    let (name, after) = word.map_or(("*", start + 1), |(_, word)| (word, start + word.len()));
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    let follows = &code[skip(code, after)..];
    let deeper = follows.strip_prefix("::").map(str::trim_start);
    if deeper.is_some_and(|text| text.starts_with(|sign| is_word(sign) || "{*".contains(sign))) {
        return expand(code, skip(code, after) + 2, &path, paths);
    }
    paths.push(path);
    after
}

/// Finds the last byte of the item that begins here, if it has a body in braces.
fn body_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, sign) in code[from..].char_indices() {
        match sign {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return closing(code, from + at),
            _ => {}
        }
    }
    None
}

/// Finds the bracket that closes the one at this place.
fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, sign) in code[open..].char_indices() {
        depth += i32::from("([{".contains(sign)) - i32::from(")]}".contains(sign));
        if depth == 0 {
            return Some(open + at);
        }
    }
    None
}

fn skip(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

fn is_word(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

/// Copies code and comments each into a text of its own; everything else becomes blanks.
fn split(raw: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < raw.len() {
        let (start, end) = aside(raw, at).unwrap_or((raw.len(), raw.len()));
        let (plain, other) = (&raw[at..start], &raw[start..end]);
        code.push_str(plain);
        code.push_str(&blank(other));
        comments.push_str(&blank(plain));
        comments.push_str(&if other.starts_with('/') { other.to_owned() } else { blank(other) });
        at = end;
    }
    (code, comments)
}

/// Gives the same number of bytes and the same lines, with nothing on them.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Finds the next comment or literal: where it begins and where it ends.
fn aside(raw: &str, from: usize) -> Option<(usize, usize)> {
    let mut before = ' ';
    for (offset, sign) in raw[from..].char_indices() {
        let rest = &raw[from + offset..];
        let len = match sign {
            '/' if rest.starts_with("//") => Some(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => Some(block_comment(rest)),
            '"' => Some(quoted(rest, '"')),
            '\'' => char_literal(rest),
            'r' | 'b' if !is_word(before) => raw_string(rest),
            _ => None,
        };
        if let Some(len) = len {
            return Some((from + offset, from + offset + len));
        }
        before = sign;
    }
    None
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Measures `r"…"`, `r#"…"#`, `br"…"` and the like.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(rest.len() - inside.len() + len)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        if sign == quote && !escaped {
            return at + 1;
        }
        escaped = sign == '\\' && !escaped;
    }
    rest.len()
}

/// Measures `'x'` and `'\n'`; a lifetime is no literal.
fn char_literal(rest: &str) -> Option<usize> {
    let mut signs = rest.strip_prefix('\'')?.chars();
    let first = signs.next()?;
    (first == '\\' || signs.next() == Some('\'')).then(|| quoted(rest, '\''))
}

//! Keeps a text from nesting so deeply that walking its tree would exhaust the stack.

use std::ops::Range;

/// A scenario's own keys nest less than ten deep.
pub(super) const MAX_DEPTH: usize = 64;

/// Where brackets and dotted keys together nest deeper than [`MAX_DEPTH`].
pub(super) fn too_deep(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut open: Vec<usize> = Vec::new();
    let (mut total, mut dots, mut at) = (0, 0, 0);
    while at < bytes.len() {
        let mut next = at + 1;
        match bytes[at] {
            b'.' => dots += 1,
            b'[' | b'{' => {
                open.push(dots + 1);
                total += dots + 1;
                dots = 0;
            }
            b']' | b'}' => {
                total -= open.pop().unwrap_or(0);
                dots = 0;
            }
            b',' | b'\n' => dots = 0,
            b'#' => next = at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at),
            b'"' | b'\'' => next = after_string(bytes, at),
            _ => {}
        }
        if total + dots > MAX_DEPTH {
            return Some(at..at + 1);
        }
        at = next;
    }
    None
}

/// The end of the string that begins at `start`; one that is never closed ends with its line.
fn after_string(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let long = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if long { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !long => return at,
            byte if byte == quote && !long => return at + 1,
            _ if long && bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absurd_depth_is_refused() {
        assert_eq!(too_deep("a = [[[1.5, 2.5], [3.5]]]\n[x.y]\nb.c.d = { e = { f.g = 1 } }\n"), None);
        let dots = ".".repeat(100);
        assert_eq!(too_deep(&format!("a = \"{dots}\" # {dots}\nb = \"\"\"\n{dots}\"\"\"\nc = '{dots}'")), None);
        for text in ["[".repeat(100), "a.".repeat(100), "x={a=\"}\",b.c.d=".repeat(30)] {
            assert!(too_deep(&text).is_some(), "{text}");
        }
    }
}

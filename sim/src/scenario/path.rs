//! Places in a scenario: `network.partition[0].heal`. A key that is not made of letters, digits, `_` and `-` is quoted:
//! `sweep.grid."network.duplicate"[1]`.

use std::fmt;

/// One step down from a table or a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// The steps from the whole scenario to a place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads a dotted path.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (key, after) = next_key(rest)?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = inside.split_once(']').ok_or("`[` without `]`")?;
                let index = index.trim().parse().map_err(|_| format!("`[{index}]` is not the number of an element"))?;
                steps.push(Step::Index(index));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Self(steps)),
                None => return Err(format!("`{rest}` follows a key without a dot")),
            }
        }
    }

    /// This place's key.
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// This place's element.
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// The place that holds this one.
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Whether `other` is this place or lies within it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }
}

/// Splits off a key, bare or in double quotes.
fn next_key(text: &str) -> Result<(&str, &str), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"').ok_or_else(|| "a key's quote is never closed".into());
    }
    let end = text.find(|c: char| !is_bare(c)).unwrap_or(text.len());
    if end == 0 {
        return Err(format!("expected a key at `{text}`"));
    }
    Ok(text.split_at(end))
}

fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if i == 0 { "" } else { "." };
                    let quote = if !key.is_empty() && key.chars().all(is_bare) { "" } else { "\"" };
                    write!(f, "{dot}{quote}{key}{quote}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_as_they_print() {
        for text in ["nodes", "network.partition[0].heal", "sweep.grid.\"network.duplicate\"[1]", "a[0][12].b-c_d"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ".", "a.", "a[", "a[x]", "a[0]b", "\"a", "a b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}

//! A scenario as a tree of values that know where in the text they stand. Overrides and sweep points change the tree,
//! not the text, so a wrong value is always shown where its author wrote it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::path::{Path, Step};

/// A value and its place in the sources, in bytes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where its key stands; empty for an element of a list.
    pub key: Range<usize>,
    /// Where the value stands.
    pub span: Range<usize>,
    /// The value.
    pub value: Value,
}

/// What a scenario is made of.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text; dates too, which no key takes.
    String(String),
    /// A whole number.
    Integer(i128),
    /// A number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(BTreeMap<String, Node>),
    /// Something that is wrong or missing and has been reported; it reads as a value of whatever type is wanted.
    Hole,
}

impl Node {
    /// A hole for a key that is not there.
    pub const fn hole() -> Self {
        Self { key: 0..0, span: 0..0, value: Value::Hole }
    }

    /// The tree of a parsed document whose text begins at `offset` in the sources.
    pub fn document(table: &Spanned<DeTable<'_>>, offset: usize) -> Self {
        Self { key: 0..0, span: shifted(table.span(), offset), value: table_value(table.get_ref(), offset) }
    }

    /// The tree of a parsed value.
    pub fn parsed(value: &Spanned<DeValue<'_>>, offset: usize) -> Self {
        Self::keyed(0..0, value, offset)
    }

    fn keyed(key: Range<usize>, value: &Spanned<DeValue<'_>>, offset: usize) -> Self {
        let span = shifted(value.span(), offset);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => {
                Value::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX))
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(date) => Value::String(date.to_string()),
            DeValue::Array(items) => Value::Array(items.iter().map(|item| Self::parsed(item, offset)).collect()),
            DeValue::Table(table) => table_value(table, offset),
        };
        Self { key, span, value }
    }

    /// The value of a key of this table.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The value of a key of this table, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Table(entries) => entries.get_mut(key),
            _ => None,
        }
    }

    /// Takes a key out of this table.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        match &mut self.value {
            Value::Table(entries) => entries.remove(key),
            _ => None,
        }
    }

    /// The deepest node on the way to `path`, and whether that is the whole way.
    pub fn reach(&self, path: &Path) -> (&Self, bool) {
        let mut node = self;
        for step in &path.0 {
            let next = match (&node.value, step) {
                (Value::Table(entries), Step::Key(key)) => entries.get(key),
                (Value::Array(items), Step::Index(index)) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// Where an author looks for this node: a table's key or header, or else the value; nothing for the whole file.
    pub fn place(&self) -> Option<Range<usize>> {
        let table = matches!(self.value, Value::Table(_) | Value::Hole);
        let place = if table && !self.key.is_empty() { &self.key } else { &self.span };
        (!place.is_empty()).then(|| place.clone())
    }

    /// Puts `new` at `path`, making tables on the way. A plain value on the way gives way to a table, since
    /// `network.loss.independent` replaces `loss = "none"`.
    ///
    /// # Errors
    /// Says which list has no such element.
    pub fn set(&mut self, path: &Path, new: Self) -> Result<(), String> {
        let mut node = self;
        for (i, step) in path.0.iter().enumerate() {
            node = match step {
                Step::Key(key) => {
                    if !matches!(node.value, Value::Table(_)) {
                        node.value = Value::Table(BTreeMap::new());
                    }
                    let Value::Table(entries) = &mut node.value else { unreachable!("just made a table") };
                    entries.entry(key.clone()).or_insert_with(|| Self { key: new.key.clone(), ..Self::hole() })
                }
                Step::Index(index) => {
                    let list = Path(path.0[..i].to_vec());
                    let Value::Array(items) = &mut node.value else {
                        return Err(format!("`{list}` is not a list in this scenario"));
                    };
                    let length = items.len();
                    items.get_mut(*index).ok_or_else(|| format!("`{list}` has {length} elements, counted from 0"))?
                }
            };
        }
        *node = new;
        Ok(())
    }

    /// Puts a hole at `path`; false where there is no place for one.
    pub fn dig(&mut self, path: &Path) -> bool {
        let (parent, found) = self.reach(&path.parent());
        let fits = found && matches!(parent.value, Value::Table(_) | Value::Array(_) | Value::Hole);
        let (node, exists) = self.reach(path);
        let hole = if exists { Self { value: Value::Hole, ..node.clone() } } else { Self::hole() };
        !path.0.is_empty() && fits && self.set(path, hole).is_ok()
    }
}

fn table_value(table: &DeTable<'_>, offset: usize) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let place = shifted(key.span(), offset);
        (key.get_ref().to_string(), Node::keyed(place, value, offset))
    });
    Value::Table(entries.collect())
}

fn shifted(span: Range<usize>, offset: usize) -> Range<usize> {
    span.start + offset..span.end + offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        Node::document(&DeTable::parse(text).unwrap(), 0)
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "a = { b = [10, 20] }\n[[c]]\nd = \"x\"\n";
        let tree = tree(text);
        let at = |path: &str| &text[tree.reach(&Path::parse(path).unwrap()).0.place().unwrap()];
        assert_eq!(at("a"), "a");
        assert_eq!(at("a.b[1]"), "20");
        assert_eq!(at("c[0].d"), "\"x\"");
        assert_eq!(at("a.missing"), "a");
    }

    #[test]
    fn setting_makes_tables_and_replaces_plain_values() {
        let mut tree = tree("loss = \"none\"\nlist = [1]");
        let set = |tree: &mut Node, path: &str| tree.set(&Path::parse(path).unwrap(), Node::hole());
        set(&mut tree, "loss.independent").unwrap();
        set(&mut tree, "x.y.z").unwrap();
        set(&mut tree, "list[0]").unwrap();
        assert!(tree.reach(&Path::parse("loss.independent").unwrap()).1);
        assert!(tree.reach(&Path::parse("x.y.z").unwrap()).1);
        assert_eq!(set(&mut tree, "list[1]").unwrap_err(), "`list` has 1 elements, counted from 0");
    }
}

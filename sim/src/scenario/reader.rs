//! Reads types from the tree, and goes on after a fault: an unknown key is noted and passed over, and a wrong or missing
//! value becomes a hole that reads as a value of whatever type is wanted, so that one reading finds every fault and what
//! follows from a fault is not reported as another one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::diagnostics::did_you_mean;
use super::path::Path;
use super::tree::{Node, Value};

/// So many wrong or missing values end the reading, and further unknown keys are passed over in silence.
const MAX_FAULTS: usize = 200;

/// Something that does not fit the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where.
    pub(super) path: Path,
    /// Whether the key is at fault, not its value.
    pub(super) at_key: bool,
    /// Whether a key is missing.
    pub(super) missing: bool,
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: String,
}

/// What reading a tree gave.
#[derive(Debug)]
pub(super) struct Reading<T> {
    /// The value, with made-up parts where holes are; nothing where even that was impossible.
    pub(super) value: Option<T>,
    /// Everything that did not fit.
    pub(super) faults: Vec<Fault>,
    /// Places whose values are made up.
    pub(super) holes: Vec<Path>,
}

/// Reads a type from a tree, in which the faulty places become holes.
pub(super) fn read<T: DeserializeOwned>(root: &mut Node) -> Reading<T> {
    let mut reading = Reading { value: None, faults: Vec::new(), holes: Vec::new() };
    let mut noted = BTreeSet::new();
    while reading.holes.len() < MAX_FAULTS {
        let unknown = RefCell::new(Vec::new());
        let result = T::deserialize(Reader { node: root, path: Path::default(), unknown: &unknown });
        reading.faults.extend(unknown.into_inner().into_iter().filter(|fault| noted.insert(fault.path.clone())));
        let failure = match result {
            Ok(value) => {
                reading.value = Some(value);
                break;
            }
            Err(failure) => failure,
        };
        if reading.holes.iter().any(|hole| hole.contains(&failure.path())) {
            break;
        }
        let hole = failure.hole();
        reading.faults.push(failure.into_fault());
        if !root.dig(&hole) {
            break;
        }
        reading.holes.push(hole);
    }
    reading
}

/// Why a type could not be read.
#[derive(Debug)]
struct Failure {
    path: Option<Path>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Wrong { message: String, help: String },
    UnknownChoice { given: String, valid: &'static [&'static str], keyed: bool },
    Missing(&'static str),
}

impl Failure {
    fn wrong(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path: None, kind: Kind::Wrong { message: message.into(), help: help.into() } }
    }

    /// Adds the place, unless a place further in is known.
    fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }

    fn path(&self) -> Path {
        self.path.clone().unwrap_or_default()
    }

    /// The place that has to become a hole before the reading can go on.
    fn hole(&self) -> Path {
        match self.kind {
            Kind::Missing(key) => self.path().key(key),
            Kind::UnknownChoice { keyed: true, .. } => self.path().parent(),
            _ => self.path(),
        }
    }

    fn into_fault(self) -> Fault {
        let path = self.path();
        let (message, help, at_key, missing) = match self.kind {
            Kind::Wrong { message, help } => (message, help, false, false),
            Kind::Missing(key) => {
                let place = if path.0.is_empty() { String::new() } else { format!(" in `{path}`") };
                let help = "`rapsim schema --format markdown` explains every key";
                (format!("missing key `{key}`{place}"), help.into(), true, true)
            }
            Kind::UnknownChoice { given, valid, keyed } => {
                (format!("unknown choice `{given}`"), suggestion(&given, valid, "choices"), keyed, false)
            }
        };
        Fault { path, at_key, missing, message, help }
    }
}

/// "did you mean `x`? valid keys: x, y, z"
fn suggestion(given: &str, valid: &[&str], what: &str) -> String {
    let near = did_you_mean(given, valid.iter().copied()).map(|near| near + " ").unwrap_or_default();
    format!("{near}valid {what}: {}", valid.join(", "))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::wrong(message.to_string(), "")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = plain(&expected.to_string());
        let help = match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_)
                if wanted.starts_with("a time") || wanted.starts_with("a rate") || wanted.starts_with("an amount") =>
            {
                "write the unit too, and the whole in quotes"
            }
            Unexpected::Str(text) if text.parse::<f64>().is_ok() => "leave out the quotes",
            _ => "",
        };
        Self::wrong(format!("expected {wanted}, found {}", kind_of(&found)), help)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(given: &str, valid: &'static [&'static str]) -> Self {
        Self { path: None, kind: Kind::UnknownChoice { given: given.into(), valid, keyed: false } }
    }

    fn missing_field(key: &'static str) -> Self {
        Self { path: None, kind: Kind::Missing(key) }
    }
}

/// The name of a type, as a scenario's author knows it.
fn plain(expected: &str) -> String {
    match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number from 0",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "text in quotes",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
    .to_owned()
}

fn kind_of(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(number) => format!("`{number}`"),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Float(number) => format!("`{number}`"),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a table".into(),
        other => other.to_string(),
    }
}

/// Reads one node.
struct Reader<'a> {
    node: &'a Node,
    path: Path,
    unknown: &'a RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    fn child(&self, node: &'a Node, path: Path) -> Self {
        Self { node, path, unknown: self.unknown }
    }

    /// Reads a table with fixed keys, and notes every other key.
    fn read_struct<'de, V: Visitor<'de>>(
        &self,
        valid: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let mut entries = match &self.node.value {
            Value::Table(entries) => entries.iter().map(|(key, node)| (key.as_str(), node)).collect::<Vec<_>>(),
            Value::Hole => valid.iter().map(|key| (*key, self.node)).collect(),
            other => return Err(Failure::wrong(format!("expected a table, found {}", describe(other)), "")),
        };
        entries.retain(|(key, _)| {
            let known = valid.contains(key);
            if !known && self.unknown.borrow().len() < MAX_FAULTS {
                let (message, help) = (format!("unknown key `{key}`"), suggestion(key, valid, "keys"));
                let fault = Fault { path: self.path.key(*key), at_key: true, missing: false, message, help };
                self.unknown.borrow_mut().push(fault);
            }
            known
        });
        visitor.visit_map(Entries { entries: entries.into_iter(), value: None, table: self })
    }

    fn read_any<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => Err(Failure::wrong("this number is too large", "")),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter().enumerate(), list: self }),
            Value::Table(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.as_str(), node)).collect::<Vec<_>>().into_iter();
                visitor.visit_map(Entries { entries, value: None, table: self })
            }
            Value::Hole => self.fill(visitor),
        }
    }

    /// Makes up a value of the wanted type, which the type itself describes: numbers and lists by name, unit strings
    /// by their example.
    fn fill<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Failure> {
        let wanted = (&visitor as &dyn Expected).to_string();
        match wanted.as_str() {
            "u32" | "u64" => visitor.visit_u64(1),
            "f64" => visitor.visit_f64(1.0),
            "a boolean" => visitor.visit_bool(false),
            "a sequence" => visitor.visit_seq(Items { items: [].iter().enumerate(), list: self }),
            "a map" => visitor.visit_map(Entries { entries: Vec::new().into_iter(), value: None, table: self }),
            described => visitor.visit_str(described.split('"').nth(1).unwrap_or("x")),
        }
    }

    fn read_enum<'de, V: Visitor<'de>>(
        &self,
        choices: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let valid = || format!("valid choices: {}", choices.join(", "));
        match &self.node.value {
            Value::String(key) => visitor.visit_enum(Choice { key, content: None, of: self }),
            Value::Hole => visitor.visit_enum(Choice { key: choices[0], content: Some(self.node), of: self }),
            Value::Table(entries) => {
                let mut keys = entries.iter();
                match (keys.next(), keys.next()) {
                    (Some((key, content)), None) => {
                        visitor.visit_enum(Choice { key, content: Some(content), of: self })
                    }
                    (Some((first, _)), Some((second, _))) => {
                        let message = format!("choose one, not both `{first}` and `{second}`");
                        let help =
                            format!("an override that replaces the whole is `{}={{ {first} = ... }}`", self.path);
                        Err(Failure::wrong(message, help))
                    }
                    _ => Err(Failure::wrong("nothing is chosen here", valid())),
                }
            }
            other => Err(Failure::wrong(format!("expected one of its choices, found {}", describe(other)), valid())),
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => format!("`{number}`"),
        Value::Float(number) => format!("`{number}`"),
        Value::Boolean(value) => format!("`{value}`"),
        Value::Array(_) => "a list".into(),
        Value::Table(_) => "a table".into(),
        Value::Hole => "nothing".into(),
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.read_any(visitor).map_err(|failure| failure.at(&self.path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if matches!(self.node.value, Value::Hole) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read_struct(fields, visitor).map_err(|failure| failure.at(&self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read_enum(variants, visitor).map_err(|failure| failure.at(&self.path))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// The elements of a list.
struct Items<'a, 'b> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    list: &'b Reader<'a>,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        seed.deserialize(self.list.child(item, self.list.path.index(index))).map(Some)
    }
}

/// The keys of a table with their values.
struct Entries<'a, 'b> {
    entries: std::vec::IntoIter<(&'a str, &'a Node)>,
    value: Option<(&'a str, &'a Node)>,
    table: &'b Reader<'a>,
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        self.value = self.entries.next();
        self.value.map(|(key, _)| seed.deserialize(key.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some((key, node)) = self.value.take() else { return Err(Failure::wrong("a value without a key", "")) };
        seed.deserialize(self.table.child(node, self.table.path.key(key)))
    }
}

/// A choice, as plain text or as the only key of a table.
struct Choice<'a, 'b> {
    key: &'a str,
    content: Option<&'a Node>,
    of: &'b Reader<'a>,
}

impl<'a> Choice<'a, '_> {
    fn content(&self) -> Result<Reader<'a>, Failure> {
        let key = self.key;
        let missing = || Failure::wrong(format!("`{key}` needs a value"), format!("write `{{ {key} = ... }}`"));
        let node = self.content.ok_or_else(missing)?;
        let path = if matches!(self.of.node.value, Value::Hole) { self.of.path.clone() } else { self.of.path.key(key) };
        Ok(self.of.child(node, path))
    }
}

impl<'de> de::EnumAccess<'de> for Choice<'_, '_> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let name = seed.deserialize(self.key.into_deserializer()).map_err(|mut failure: Failure| {
            if let (Kind::UnknownChoice { keyed, .. }, Some(_)) = (&mut failure.kind, self.content) {
                *keyed = true;
                return failure.at(&self.of.path.key(self.key));
            }
            failure
        })?;
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'_, '_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content.map(|content| &content.value) {
            None | Some(Value::Hole) => Ok(()),
            Some(Value::Table(entries)) if entries.is_empty() => Ok(()),
            Some(_) => {
                let key = self.key;
                Err(Failure::wrong(
                    format!("`{key}` takes no value"),
                    format!("write `\"{key}\"` in place of the table"),
                ))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_any(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_struct(self.content()?, "", fields, visitor)
    }
}

//! What an author reads and an editor checks: the JSON Schema of a scenario file and the guide to it. Both come from the
//! types, so they cannot say anything else than what the program does; introduction and examples are written by hand,
//! and tests hold the examples to the parser.

mod overlays;
mod sections;
mod topology;
mod transports;
mod workflows;

use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::schema::Scenario;
use sections::Section;

/// What stands before the reference.
const INTRODUCTION: &str = include_str!("introduction.md");

/// The types that are written as one value, and how the guide names them.
const UNITS: [(&str, &str); 4] =
    [("Span", "time span"), ("Rate", "rate"), ("Size", "amount of data"), ("Share", "share")];

/// The JSON Schema (draft 07) of a scenario file, for editors.
pub fn json_schema() -> String {
    format!("{:#}\n", schema())
}

fn schema() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Scenario>().into()
}

/// The guide to the scenario format in Markdown.
pub fn markdown() -> String {
    let schema = schema();
    let mut text = INTRODUCTION.to_owned();
    for section in sections::all() {
        let definition = if section.name == "Scenario" { &schema } else { &schema["definitions"][section.name] };
        let _ = write!(text, "\n### {}\n\n{}\n\n", section.title, introduction(definition));
        let rows = rows(definition);
        let keys = rows.iter().any(|row| !row.kind.is_empty());
        let what = if definition["oneOf"].is_array() { "choice" } else { "key" };
        text += &match keys {
            true => format!("| {what} | value | default | meaning |\n|---|---|---|---|\n"),
            false => format!("| {what} | meaning |\n|---|---|\n"),
        };
        for row in rows {
            let _ = match keys {
                true => writeln!(text, "| `{}` | {} | {} | {} |", row.key, row.kind, row.default, row.meaning),
                false => writeln!(text, "| `{}` | {} |", row.key, row.meaning),
            };
        }
        let _ = write!(text, "\n```toml\n{}\n```\n", section.examples.join("\n# or\n"));
    }
    text
}

/// A line of a section's table.
struct Row {
    key: String,
    kind: String,
    default: String,
    meaning: String,
}

/// The keys of a table, or the choices of an enum with their keys.
fn rows(definition: &Value) -> Vec<Row> {
    let Some(choices) = definition["oneOf"].as_array() else { return keys(definition, "") };
    let mut rows = Vec::new();
    for choice in choices {
        if let Some(name) = choice["const"].as_str() {
            rows.push(Row { key: name.into(), kind: String::new(), default: String::new(), meaning: prose(choice) });
            continue;
        }
        for (name, content) in choice["properties"].as_object().into_iter().flatten() {
            let kind = kind(content);
            rows.push(Row { key: name.clone(), kind, default: String::new(), meaning: prose(choice) });
            rows.extend(keys(content, &format!("{name}.")));
        }
    }
    if rows.iter().any(|row| !row.kind.is_empty()) {
        for row in rows.iter_mut().filter(|row| row.kind.is_empty()) {
            row.kind = "no value".into();
        }
    }
    rows
}

/// The keys of a table, the required ones first.
fn keys(table: &Value, prefix: &str) -> Vec<Row> {
    let required: Vec<_> = table["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let nothing = Map::new();
    let properties = table["properties"].as_object().unwrap_or(&nothing);
    let optional = properties.keys().map(String::as_str).filter(|key| !required.contains(key));
    let row = |key: &str| {
        let property = &properties[key];
        let default = match &property["default"] {
            _ if required.contains(&key) => "required".into(),
            Value::Null => "none".into(),
            Value::Object(fields) if !fields.is_empty() => "its own defaults".into(),
            value => format!("`{value}`"),
        };
        Row { key: format!("{prefix}{key}"), kind: kind(property), default, meaning: prose(property) }
    };
    required.iter().copied().chain(optional).map(row).collect()
}

fn prose(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// The description of a section, without the name of the key that its title gives already.
fn introduction(definition: &Value) -> String {
    let text = prose(definition);
    let Some((_, rest)) = text.strip_prefix('`').and_then(|rest| rest.split_once("`: ")) else { return text };
    let mut letters = rest.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What a key's value is, with a link where it has a section of its own.
fn kind(schema: &Value) -> String {
    let inner = ["allOf", "anyOf"].iter().find_map(|way| schema[*way].get(0));
    let schema = inner.unwrap_or(schema);
    if let Some(name) = schema["$ref"].as_str().and_then(|link| link.strip_prefix("#/definitions/")) {
        return match (UNITS.iter().find(|(unit, _)| *unit == name), sections::all().find(|s| s.name == name)) {
            (Some((_, unit)), _) => (*unit).into(),
            (_, Some(section)) => format!("[{}](#{})", name_of(section), anchor(section.title)),
            _ => name.into(),
        };
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str()).unwrap_or("anything");
    match kind {
        "integer" => "whole number".into(),
        "string" => "text".into(),
        "boolean" => "true or false".into(),
        "array" if schema["items"].is_object() => format!("list of: {}", self::kind(&schema["items"])),
        "array" => "list".into(),
        "object" if schema["additionalProperties"].is_object() => {
            format!("table of: {}", self::kind(&schema["additionalProperties"]))
        }
        "object" => "table".into(),
        other => other.into(),
    }
}

/// The words of a link to a section.
fn name_of(section: &Section) -> String {
    section.title.replace('`', "")
}

/// The anchor that Markdown renderers make of a heading.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::scenario::parse;

    fn committed(path: &str, text: &str, command: &str) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{} is stale: write it anew with `{command}`", path.display());
    }

    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        committed("scenarios/schema.json", &json_schema(), "rapsim schema > scenarios/schema.json");
    }

    #[test]
    fn the_committed_guide_is_that_of_the_types() {
        committed("docs/scenario.md", &markdown(), "rapsim schema --format markdown > docs/scenario.md");
    }

    #[test]
    fn every_type_has_a_section_and_every_key_an_example() {
        let schema = schema();
        for name in schema["definitions"].as_object().unwrap().keys() {
            let unit = UNITS.iter().any(|(unit, _)| unit == name);
            assert!(unit || sections::all().any(|section| section.name == name), "{name} has no section");
        }
        for section in sections::all() {
            let definition = if section.name == "Scenario" { &schema } else { &schema["definitions"][section.name] };
            for row in rows(definition) {
                let key = row.key.rsplit('.').next().unwrap();
                assert!(section.examples.concat().contains(key), "{}: no example of {}", section.name, row.key);
                assert!(!row.meaning.is_empty() || row.key.contains('.'), "{}: {} says nothing", section.name, row.key);
            }
        }
    }

    #[test]
    fn every_example_is_valid() {
        let base: toml::Table = toml::from_str(sections::BASE).unwrap();
        for example in sections::all().flat_map(|section| section.examples) {
            let fragment: toml::Table = toml::from_str(example).unwrap_or_else(|wrong| panic!("{wrong}\n{example}"));
            let mut whole = base.clone();
            let protocol = fragment.get("protocol").and_then(toml::Value::as_table);
            let alone = ["sample", "rtt_service", "meritrank", "calls", "directory", "workflow"];
            if protocol.is_some_and(|protocol| alone.iter().any(|name| protocol.contains_key(*name))) {
                whole.remove("workload");
            }
            whole.extend(fragment);
            let text = toml::to_string(&whole).unwrap();
            parse("example", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}\n{example}"));
        }
    }

    #[test]
    fn the_introduction_shows_a_valid_scenario() {
        let (_, rest) = INTRODUCTION.split_once("```toml\n").unwrap();
        let (scenario, _) = rest.split_once("```").unwrap();
        parse("introduction", scenario, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

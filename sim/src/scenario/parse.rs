//! From the text of a scenario file, and the `--set` overrides of a command line, to a [`Scenario`], or to everything
//! that is wrong with them. Three passes: TOML syntax, types (`reader`), meaning ([`mod@super::check`]); each goes as
//! far as the one before it allows.

use std::fs;
use std::ops::Range;
use std::path::{self, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Checker, Files};
use super::depth;
use super::diagnostics::{Diagnostic, Diagnostics, Sources};
use super::path::Path;
use super::reader::{Fault, read};
use super::schema::Scenario;
use super::sweep;
use super::tree::{Node, Value};
use crate::problem::Problem;

/// A scenario is written by hand: more bytes than this are something else.
const MAX_BYTES: u64 = 1 << 20;

/// After so many errors of syntax the text is no scenario.
const MAX_ERRORS: usize = 100;

/// A valid scenario, and where its parts were written.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario, with every default filled in.
    pub scenario: Scenario,
    /// The folder that file names in the scenario are relative to.
    pub base: PathBuf,
    pub(super) document: Document,
}

/// The tree of a scenario and its sources.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) sources: Sources,
    pub(super) root: Node,
}

impl Loaded {
    /// Shows problems that were found later, by the rooms that build the network or the model, in the scenario's text.
    pub fn diagnostics(&self, problems: &[Problem]) -> Diagnostics {
        let items = problems.iter().map(|problem| self.document.locate(&self.document.root, problem)).collect();
        Diagnostics::new(self.document.sources.clone(), items)
    }

    /// [`Self::diagnostics`] as plain text.
    pub fn render(&self, problems: &[Problem]) -> String {
        self.diagnostics(problems).to_string()
    }
}

impl Document {
    /// A problem with its place in `root`, which is this document's tree or one of a sweep's points.
    pub(super) fn locate(&self, root: &Node, problem: &Problem) -> Diagnostic {
        let reached = Path::parse(&problem.path).ok().map(|path| root.reach(&path));
        let exact = reached.is_some_and(|(_, exact)| exact);
        let message = if exact || problem.path.is_empty() {
            problem.message.clone()
        } else {
            format!("`{}`: {}", problem.path, problem.message)
        };
        Diagnostic { message, help: problem.help.clone(), span: reached.and_then(|(node, _)| node.place()) }
    }
}

/// A fault with its place in the tree.
pub(super) fn locate_fault(root: &Node, fault: &Fault) -> Diagnostic {
    let (node, exact) = root.reach(&fault.path);
    let at_key = fault.at_key && exact && !node.key.is_empty();
    let span = if at_key { Some(node.key.clone()) } else { node.place() };
    Diagnostic { message: fault.message.clone(), help: fault.help.clone(), span }
}

/// Reads a scenario file; `sets` are `key=value` overrides with dotted keys.
///
/// # Errors
/// Everything that is wrong with the file, the overrides and the files that the scenario names.
pub fn load(path: &path::Path, sets: &[String]) -> Result<Loaded, Diagnostics> {
    let name = path.display().to_string();
    let text = read_text(path, &name)?;
    read_scenario(&name, &text, sets, Some(path.parent().map(path::Path::to_path_buf).unwrap_or_default()))
}

fn read_text(path: &path::Path, name: &str) -> Result<String, Diagnostics> {
    let unreadable = |error: std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => "`rapsim new` writes a scenario to begin with",
            _ => "",
        };
        Diagnostics::of_file(name, format!("cannot read the scenario: {}", reason(&error)), help)
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Diagnostics::of_file(name, "this is a directory, not a scenario file", "name a .toml file in it"));
    }
    if metadata.len() > MAX_BYTES {
        let message = format!("this file has {} bytes; a scenario has at most {MAX_BYTES}", metadata.len());
        return Err(Diagnostics::of_file(name, message, "is it the file you meant?"));
    }
    String::from_utf8(fs::read(path).map_err(unreadable)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Diagnostics::of_file(name, format!("this file is not UTF-8 text (at byte {at})"), "save it as UTF-8")
    })
}

/// Why a file could not be read, in words that are the same on every platform.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

/// Reads a scenario from a text; `source_name` stands in messages. It stands nowhere, so files that it names are left unread.
///
/// # Errors
/// Everything that is wrong with the text and the overrides.
pub fn parse(source_name: &str, text: &str, sets: &[String]) -> Result<Loaded, Diagnostics> {
    read_scenario(source_name, text, sets, None)
}

fn read_scenario(source_name: &str, text: &str, sets: &[String], base: Option<PathBuf>) -> Result<Loaded, Diagnostics> {
    let mut sources = Sources::default();
    sources.add(source_name, text);
    if let Some(span) = depth::too_deep(text) {
        let message = "tables or keys are nested too deeply";
        let item = Diagnostic { message: message.into(), help: String::new(), span: Some(span) };
        return Err(Diagnostics::new(sources, vec![item]));
    }
    if text.trim().is_empty() {
        let help = "`rapsim new` writes a scenario to begin with";
        return Err(Diagnostics::of_file(source_name, "the scenario is empty", help));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut items = errors.iter().take(MAX_ERRORS).map(|error| syntax(error, 0)).collect::<Vec<_>>();
    let broken = !items.is_empty();
    let mut root = Node::document(&table, 0);
    for set in sets {
        if let Err(item) = apply(&mut root, &mut sources, set) {
            items.push(item);
        }
    }
    sweep::flatten_grid(&mut root);
    let document = Document { sources, root };
    let mut files = Files::new(base.clone());
    let scenario = interpret(&document, text, broken, &mut files, &mut items);
    let (Some(scenario), true) = (scenario, items.is_empty()) else {
        return Err(Diagnostics::new(document.sources, items));
    };
    let loaded = Loaded { scenario, base: base.unwrap_or_default(), document };
    sweep::check_points(&loaded, &mut files)?;
    Ok(loaded)
}

/// Reads settings that are no scenario but have parts of one, such as the configuration of a real node, with the same messages for what is
/// wrong. Only the types are checked.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn settings<T: DeserializeOwned>(source_name: &str, text: &str) -> Result<T, Diagnostics> {
    let mut sources = Sources::default();
    sources.add(source_name, text);
    if let Some(span) = depth::too_deep(text) {
        let message = "tables or keys are nested too deeply".into();
        return Err(Diagnostics::new(sources, vec![Diagnostic { message, help: String::new(), span: Some(span) }]));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let items = errors.iter().take(MAX_ERRORS).map(|error| syntax(error, 0)).collect();
        return Err(Diagnostics::new(sources, items));
    }
    let root = Node::document(&table, 0);
    let reading = read::<T>(&mut root.clone());
    match reading.value {
        Some(value) if reading.faults.is_empty() => Ok(value),
        _ => Err(Diagnostics::new(sources, reading.faults.iter().map(|fault| locate_fault(&root, fault)).collect())),
    }
}

/// Reads a table that the program itself has written, whole; the same readers as for scenarios, so that there is one copy of them in the
/// program.
///
/// # Errors
/// The first fault, and where in the text it is, in bytes.
pub(crate) fn read_written<T: DeserializeOwned>(text: &str) -> Result<T, (usize, String)> {
    settings(".", text).map_err(|wrong| {
        let first = wrong.items().first();
        let place = first.and_then(|item| item.span.as_ref()).map_or(0, |span| span.start);
        (place, first.map_or_else(|| "this cannot be read".into(), |item| item.message.clone()))
    })
}

/// Reads the types and checks the meaning; after an error of syntax only what cannot be its consequence is said.
fn interpret(
    document: &Document,
    text: &str,
    broken: bool,
    files: &mut Files,
    items: &mut Vec<Diagnostic>,
) -> Option<Scenario> {
    let reading = read::<Scenario>(&mut document.root.clone());
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line = |item: &Diagnostic| item.span.as_ref().map(|span| lines.partition_point(|start| *start <= span.start));
    let broken_lines: Vec<_> = items.iter().map(line).collect();
    for fault in &reading.faults {
        let item = locate_fault(&document.root, fault);
        let consequence = fault.missing || item.span.is_none() || broken_lines.contains(&line(&item));
        if !broken || !consequence {
            items.push(item);
        }
    }
    if broken {
        return None;
    }
    let scenario = reading.value?;
    let mut checker = Checker::new(&reading.holes);
    check::scenario(&scenario, &mut checker, files);
    items.extend(checker.problems().iter().map(|problem| document.locate(&document.root, problem)));
    Some(scenario)
}

/// An error of TOML's syntax, in our words where an author of scenarios meets it often.
fn syntax(error: &toml::de::Error, offset: usize) -> Diagnostic {
    let span = error.span().map(|span| span.start + offset..span.end + offset);
    let (message, help) = match error.message() {
        message if !message.starts_with("string values must be quoted") => (message, ""),
        _ if span.as_ref().is_some_and(Range::is_empty) => ("a value is missing here", ""),
        _ => ("this is no value of TOML", "text and quantities stand in quotes, such as \"60 s\""),
    };
    Diagnostic { message: message.to_owned(), help: help.to_owned(), span }
}

/// Applies one `key=value`. The value is TOML or, where it is not, plain text, so that `uplink=20 Mbit/s` needs no quotes.
fn apply(root: &mut Node, sources: &mut Sources, set: &str) -> Result<(), Diagnostic> {
    let start = sources.add("--set", set);
    let end = start + set.len();
    let fault = |message: String, help: &str, span| Diagnostic { message, help: help.into(), span: Some(span) };
    let Some((key, text)) = set.split_once('=') else {
        return Err(fault("an override is `key=value`".into(), "for example `--set nodes=100`", start..end));
    };
    let key_span = start..start + key.len();
    let path = Path::parse(key.trim()).map_err(|message| fault(message, "", key_span.clone()))?;
    let offset = key_span.end + 1;
    if depth::too_deep(text).is_some() || path.0.len() > depth::MAX_DEPTH {
        return Err(fault("tables or keys are nested too deeply".into(), "", start..end));
    }
    let node = match DeValue::parse(text.trim_start()) {
        Ok(value) => Node::parsed(&value, offset + (text.len() - text.trim_start().len())),
        Err(error) if text.trim_start().starts_with(['{', '[', '"', '\'']) => {
            return Err(syntax(&error, offset + (text.len() - text.trim_start().len())));
        }
        Err(_) => Node { key: 0..0, span: offset..end, value: Value::String(text.trim().to_owned()) },
    };
    root.set(&path, Node { key: key_span.clone(), ..node }).map_err(|message| fault(message, "", key_span))
}

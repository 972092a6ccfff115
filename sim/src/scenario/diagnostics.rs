//! Everything that is wrong with a scenario, shown where it was written.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// More problems than this are counted, not shown.
const SHOWN: usize = 50;

/// Characters of a message that are shown: a key or a value in it may be as long as the file.
const MESSAGE_LENGTH: usize = 400;
/// Bytes of a line that is still shown; of a longer one, line and column are given.
const LONGEST_LINE: usize = 2_000;
/// No key is longer, so that no longer one is a slip of one.
const LONGEST_KEY: usize = 64;

/// The texts that a scenario comes from: its file, and each `--set` of the command line. Their bytes are numbered through.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
    start: usize,
}

impl Sources {
    /// Adds a text and gives the number of its first byte. Between two texts one number stays free.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> usize {
        let start = self.0.last().map_or(0, |last| last.start + last.text.len() + 1);
        self.0.push(Source { name: name.into(), text: text.into(), start });
        start
    }

    /// Where a span begins: its line, and the part of the line that it covers, on the boundaries of characters.
    fn find(&self, span: &Range<usize>) -> Option<Excerpt<'_>> {
        let source = self.0.iter().rev().find(|source| source.start <= span.start)?;
        let floor = |mut at: usize| {
            at = at.saturating_sub(source.start).min(source.text.len());
            while !source.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        let line_start = source.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = &source.text[line_start..];
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        let start = start - line_start;
        let end = floor(span.end).saturating_sub(line_start).clamp(start, line.len());
        let number = 1 + source.text[..line_start].matches('\n').count();
        Some(Excerpt { name: &source.name, line, number, span: start..end })
    }
}

/// A line of a source, and a part of it.
struct Excerpt<'a> {
    name: &'a str,
    line: &'a str,
    number: usize,
    span: Range<usize>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// What would be right; empty where the message already says it.
    pub help: String,
    /// Bytes of the sources; nothing where the problem has no place in them.
    pub span: Option<Range<usize>>,
}

/// Everything that is wrong, in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Sources,
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts by place and drops what is said twice of one place.
    pub fn new(sources: Sources, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| item.span.as_ref().map_or((0, 0), |span| (1, span.start)));
        let mut said = BTreeSet::new();
        items.retain(|item| said.insert((item.span.as_ref().map(|span| (span.start, span.end)), item.message.clone())));
        Self { sources, items }
    }

    /// A single problem of a file as a whole.
    pub fn of_file(name: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        let mut sources = Sources::default();
        sources.add(name, "");
        Self { sources, items: vec![Diagnostic { message: message.into(), help: help.into(), span: None }] }
    }

    /// The problems.
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// The text for a terminal (`styled`) or for a file.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for item in self.items.iter().take(SHOWN) {
            text += &renderer.render(&[self.group(item)]);
            text += "\n\n";
        }
        match self.items.len() {
            0 | 1 => text.truncate(text.trim_end().len()),
            count if count > SHOWN => text += &format!("{count} problems, of which {SHOWN} are shown"),
            count => text += &format!("{count} problems"),
        }
        text
    }

    fn group<'a>(&'a self, item: &'a Diagnostic) -> Group<'a> {
        let title = Level::ERROR.primary_title(shortened(&item.message));
        let group = match item.span.as_ref().and_then(|span| self.sources.find(span)) {
            Some(excerpt) if excerpt.line.len() > LONGEST_LINE => {
                let column = 1 + excerpt.line[..excerpt.span.start].chars().count();
                title.element(Origin::path(excerpt.name).line(excerpt.number).char_column(column))
            }
            Some(excerpt) => title.element(
                Snippet::source(excerpt.line)
                    .line_start(excerpt.number)
                    .path(excerpt.name)
                    .annotation(AnnotationKind::Primary.span(excerpt.span)),
            ),
            None => title.element(Origin::path(self.sources.0.first().map_or("scenario", |source| &source.name))),
        };
        if item.help.is_empty() { group } else { group.element(Level::HELP.message(shortened(&item.help))) }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MESSAGE_LENGTH) {
        Some((end, _)) => format!("{} ...", &text[..end]).into(),
        None => text.into(),
    }
}

/// "did you mean `x`?" where one of `valid` is near enough to `given`.
pub fn did_you_mean<'a>(given: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if given.len() > LONGEST_KEY {
        return None;
    }
    let near = valid.into_iter().map(|name| (strsim::damerau_levenshtein(given, name), name)).min()?;
    (near.0 <= 1 + near.1.len() / 4 && near.0 < near.1.len()).then(|| format!("did you mean `{}`?", near.1))
}

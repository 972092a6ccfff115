//! Reading a file that a scenario names: its text, and what is wrong with it line by line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::problem::Problem;

/// The longest text that is read, after decompression.
const TEXT_LEN_MAX: u64 = 512 << 20;
/// Problems of one file that are listed one by one.
const PROBLEMS_MAX: usize = 20;

/// The problems of one file.
#[derive(Debug)]
pub(crate) struct FileProblems {
    key: String,
    name: String,
    /// With the line of each, or 0 where it is about the whole file.
    list: Vec<(usize, Problem)>,
    omitted: usize,
}

impl FileProblems {
    /// None yet; `key` is the scenario's key that names the file.
    pub(crate) fn new(key: &str, name: &str) -> Self {
        Self { key: key.into(), name: name.into(), list: Vec::new(), omitted: 0 }
    }

    /// Something wrong with the file as a whole.
    pub(crate) fn whole(&mut self, message: impl AsRef<str>) {
        self.push(0, format!("{}: {}", self.name, message.as_ref()));
    }

    /// Something wrong in one line, counted from 1.
    pub(crate) fn line(&mut self, line: usize, message: impl AsRef<str>) {
        self.push(line, format!("{}, line {line}: {}", self.name, message.as_ref()));
    }

    /// Something wrong in one line that follows from another key of the scenario too.
    pub(crate) fn line_against(&mut self, line: usize, other_key: &str, message: impl AsRef<str>) {
        let before = self.list.len();
        self.line(line, message);
        for (_, problem) in &mut self.list[before..] {
            problem.rests_on.push(other_key.into());
        }
    }

    fn push(&mut self, line: usize, message: String) {
        if self.list.len() < PROBLEMS_MAX {
            self.list.push((line, Problem::new(self.key.clone(), message, "")));
        } else {
            self.omitted += 1;
        }
    }

    /// True as long as nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// An error, if something is wrong.
    pub(crate) fn check(&mut self) -> Result<(), Vec<Problem>> {
        if self.list.is_empty() { Ok(()) } else { Err(self.take()) }
    }

    /// `value`, if nothing is wrong.
    pub(crate) fn or<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        self.check().map(|()| value)
    }

    /// The problems in the order of lines, with a last one that counts those left out.
    pub(crate) fn take(&mut self) -> Vec<Problem> {
        if self.omitted > 0 {
            let message = format!("{}: {} more problems", self.name, self.omitted);
            self.list.push((usize::MAX, Problem::new(self.key.clone(), message, "")));
            self.omitted = 0;
        }
        self.list.sort_by_key(|(line, _)| *line);
        std::mem::take(&mut self.list).into_iter().map(|(_, problem)| problem).collect()
    }
}

/// The text of a file next to the scenario; a name that ends in `.gz` is decompressed.
pub(crate) fn read_text(base: &Path, file: &Path, key: &str) -> Result<String, Vec<Problem>> {
    let refuse = |what: String| vec![Problem::new(key, format!("{}: {what}", file.display()), "")];
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("{}: there is no such file", file.display());
            vec![Problem::new(key, message, "its name is relative to the folder of the scenario")]
        }
        kind => refuse(format!("cannot be read: {kind}")),
    };
    let text = open(&base.join(file)).and_then(|mut reader| {
        let mut bytes = Vec::new();
        reader.by_ref().take(TEXT_LEN_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match text {
        Err(error) => Err(unreadable(error)),
        Ok(bytes) if bytes.len() as u64 > TEXT_LEN_MAX => Err(refuse(format!("longer than {TEXT_LEN_MAX} bytes"))),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| refuse("not UTF-8 text".into())),
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        Ok(Box::new(MultiGzDecoder::new(file)))
    } else {
        Ok(Box::new(file))
    }
}

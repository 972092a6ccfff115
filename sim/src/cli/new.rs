//! `rapsim new`: a scenario to begin with.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Exit, complain, print};
use crate::scenario::generate::FILES;
use crate::scenario::{canonical, generate};

/// Arguments of `rapsim new`.
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// A template, which is printed, or the name of a new scenario, which is written to NAME.toml.
    #[arg(value_name = "TEMPLATE or NAME")]
    pub what: Option<String>,
    /// What a new scenario is made from.
    #[arg(long, value_enum)]
    pub template: Option<Template>,
    /// Instead: so many random scenarios, the same on every machine, in a new folder NAME; for checks of the program itself.
    #[arg(long, value_name = "COUNT", requires = "what", conflicts_with = "template")]
    pub generated: Option<u64>,
}

/// Scenarios to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// Rumours with repair on a world-wide network.
    Gossip,
    /// A network that falls apart and heals.
    Partition,
    /// Nodes that come and go.
    Churn,
    /// Protocols compared over a grid.
    Sweep,
}

impl Template {
    /// The scenario's text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Gossip => include_str!("templates/gossip.toml"),
            Self::Partition => include_str!("templates/partition.toml"),
            Self::Churn => include_str!("templates/churn.toml"),
            Self::Sweep => include_str!("templates/sweep.toml"),
        }
    }
}

/// Prints a template, or writes it under a new name; a file that exists is never overwritten.
pub fn main(args: NewArgs) -> Exit {
    if let (Some(count), Some(folder)) = (args.generated, &args.what) {
        return written(generated(Path::new(folder), count), Path::new(folder));
    }
    let Some(what) = args.what else { return print(args.template.unwrap_or(Template::Gossip).text().trim_end()) };
    if let (Ok(template), None) = (Template::from_str(&what, false), args.template) {
        return print(template.text().trim_end());
    }
    let file = PathBuf::from(if what.ends_with(".toml") { what } else { what + ".toml" });
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !crate::scenario::check::is_file_name(name) {
        complain(format!("{name:?} cannot name a scenario: a name has 1 to 64 letters, digits, `-` and `_`"));
        return Exit::Usage;
    }
    let text = named(args.template.unwrap_or(Template::Gossip), name);
    let result = OpenOptions::new().write(true).create_new(true).open(&file).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let shown = file.display();
    written(result.map(|()| format!("wrote {shown}; run it with `rapsim run {shown}`")), &file)
}

/// Writes random scenarios and the files that they name into a new folder.
fn generated(folder: &Path, count: u64) -> io::Result<String> {
    fs::create_dir(folder)?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    for number in 0..count {
        fs::write(folder.join(format!("generated-{number}.toml")), canonical(&generate(number)))?;
    }
    Ok(format!("wrote {count} scenarios into {}", folder.display()))
}

/// Says what was written, or why it was not.
fn written(result: io::Result<String>, file: &Path) -> Exit {
    match result {
        Ok(said) => print(said),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            complain(format!("{} exists already; it was left as it is", file.display()));
            Exit::Usage
        }
        Err(error) => {
            complain(format!("cannot write {}: {error}", file.display()));
            Exit::Failure
        }
    }
}

/// The template's text with another name.
fn named(template: Template, name: &str) -> String {
    let line =
        |line: &str| if line.starts_with("name = ") { format!("name = {name:?}\n") } else { format!("{line}\n") };
    template.text().lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{load, parse};

    #[test]
    fn every_template_is_a_valid_scenario_under_any_name() {
        for template in Template::value_variants() {
            let text = named(*template, "my-study");
            let loaded = parse("template", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(loaded.scenario.name, "my-study");
            parse("template", template.text(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }

    #[test]
    fn a_file_that_exists_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("rapprochement-new-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let what = Some(folder.join("study").to_string_lossy().into_owned());
        let args = NewArgs { what, template: Some(Template::Churn), generated: None };
        assert_eq!(main(args.clone()), Exit::Success);
        let written = fs::read_to_string(folder.join("study.toml")).unwrap();
        assert!(written.contains("name = \"study\""));
        assert_eq!(main(NewArgs { template: None, ..args }), Exit::Usage);
        assert_eq!(fs::read_to_string(folder.join("study.toml")).unwrap(), written);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn generated_scenarios_find_the_files_that_they_name() {
        let folder = std::env::temp_dir().join(format!("rapprochement-generated-{}", std::process::id()));
        let args = || NewArgs { what: Some(folder.display().to_string()), template: None, generated: Some(100) };
        assert_eq!(main(args()), Exit::Success);
        for number in 0..100 {
            let loaded = load(&folder.join(format!("generated-{number}.toml")), &[]);
            assert_eq!(loaded.unwrap_or_else(|wrong| panic!("{wrong}")).scenario, generate(number));
        }
        assert_eq!(main(args()), Exit::Usage, "a folder that exists is left alone");
        fs::remove_dir_all(&folder).unwrap();
    }
}

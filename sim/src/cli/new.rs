//! `rapsim new`: a scenario to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Exit, complain, print};

/// Arguments of `rapsim new`.
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// A template, which is printed, or the name of a new scenario, which is written to NAME.toml.
    #[arg(value_name = "TEMPLATE or NAME")]
    pub what: Option<String>,
    /// What a new scenario is made from.
    #[arg(long, value_enum)]
    pub template: Option<Template>,
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
    let written = OpenOptions::new().write(true).create_new(true).open(&file).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    match written {
        Ok(()) => {
            let shown = file.display();
            print(format!("wrote {shown}; run it with `rapsim run {shown}`"))
        }
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
    use crate::scenario::parse;

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
        std::fs::create_dir_all(&folder).unwrap();
        let what = Some(folder.join("study").to_string_lossy().into_owned());
        let args = NewArgs { what, template: Some(Template::Churn) };
        assert_eq!(main(args.clone()), Exit::Success);
        let written = std::fs::read_to_string(folder.join("study.toml")).unwrap();
        assert!(written.contains("name = \"study\""));
        assert_eq!(main(NewArgs { template: None, ..args }), Exit::Usage);
        assert_eq!(std::fs::read_to_string(folder.join("study.toml")).unwrap(), written);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

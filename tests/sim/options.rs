//! The command line.

use crate::bugs::{self, Bug};
use crate::fault::Profile;

pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) profile: Option<Profile>,
    pub(crate) bug: Option<Bug>,
    pub(crate) bug_name: Option<String>,
    pub(crate) trace: Option<u64>,
    /// A regression file to be run with everything printed.
    pub(crate) replay: Option<String>,
    pub(crate) planted: bool,
    /// Do not stop at the first red seeds.
    pub(crate) keep_going: bool,
}

const USAGE: &str =
    "--seeds N  --from S  --profile lawful|hostile  --bug NAME  --trace SEED  --replay FILE  --planted  --keep-going";

impl Options {
    /// `None`: the words are a filter for other tests.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Options {
            seeds: 300,
            from: 0,
            profile: None,
            bug: None,
            bug_name: None,
            trace: None,
            replay: None,
            planted: false,
            keep_going: false,
        };
        let mut words = words.peekable();
        if words
            .peek()
            .is_some_and(|word| !word.starts_with("--") && word != "sim")
        {
            return Ok(None);
        }
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value\n{USAGE}"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number\n{USAGE}"));
            match word.as_str() {
                "sim" => {}
                "--seeds" => options.seeds = number(value()?)?,
                "--from" => options.from = number(value()?)?,
                "--trace" => options.trace = Some(number(value()?)?),
                "--replay" => options.replay = Some(value()?),
                "--profile" => {
                    options.profile = Some(match value()?.as_str() {
                        "lawful" => Profile::Lawful,
                        "hostile" => Profile::Hostile,
                        other => return Err(format!("no profile {other}\n{USAGE}")),
                    });
                }
                "--bug" => {
                    let name = value()?;
                    options.bug = Some(bugs::named(&name)?);
                    options.bug_name = Some(name);
                }
                "--planted" => options.planted = true,
                "--keep-going" => options.keep_going = true,
                other => return Err(format!("unknown: {other}\n{USAGE}")),
            }
        }
        Ok(Some(options))
    }

    pub(crate) fn profile_flag(&self) -> &'static str {
        match self.profile {
            None => "",
            Some(Profile::Lawful) => " --profile lawful",
            Some(Profile::Hostile) => " --profile hostile",
        }
    }
}

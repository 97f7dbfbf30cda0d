//! `cadran list map`: what the columns of lists mean, kept under a name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::Serialize;

use super::failure::{Exit, Failure, Outcome};
use super::output::{Output, Sheet};
use super::{Global, columns, listed};
use crate::api::import::{List, Options, plain};

/// What becomes of a mapping.
#[derive(Debug, Args)]
pub(super) struct Map {
    /// Its name, or its file [default: list those that have a name]
    #[arg(value_hint = ValueHint::FilePath)]
    name: Option<PathBuf>,
    /// Take over what the columns of a list are taken for that it does not name yet
    #[arg(long, value_name = "LIST", value_hint = ValueHint::FilePath, requires = "name")]
    from: Option<PathBuf>,
    /// What a column means: phone, name, external_id, ignored, fields.NAME …
    #[arg(long, value_name = "TITLE=MEANING", requires = "name", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Leave a column to its title again
    #[arg(long, value_name = "TITLE", requires = "name")]
    unset: Vec<String>,
}

/// A mapping as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    file: String,
    columns: BTreeMap<String, String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (title, meaning) = text.rsplit_once('=').ok_or("write TITLE=MEANING, such as Tél=phone")?;
    Ok((title.trim().to_owned(), meaning.trim().to_owned()))
}

impl Map {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let Some(name) = &self.name else { return all(global, output) };
        let path = columns::path(name, global);
        let known = columns::words(&path)?;
        let changes = self.from.is_some() || !self.set.is_empty();
        if known.is_none() && !changes {
            return Err(columns::unknown(&path));
        }
        let mut words = known.unwrap_or_default();
        if changes || !self.unset.is_empty() {
            self.change(&path, &mut words)?;
            columns::save(&path, &words)?;
        }
        let shown = shown(&path, words);
        output.show(&shown, |lang| {
            let titles = [lang.say("column", "colonne"), lang.say("meaning", "sens")];
            let mut sheet = Sheet::new(&titles);
            for (title, meaning) in &shown.columns {
                sheet.add([title.clone(), meaning.clone()]);
            }
            sheet
        });
        Ok(Exit::Done)
    }

    /// Changes words as it is asked; they must mean something.
    fn change(&self, path: &Path, words: &mut BTreeMap<String, String>) -> Result<(), Failure> {
        for title in &self.unset {
            if !forget(words, title) {
                let message = format!("{}: names no column {title:?}", path.display());
                let hint = "cadran list map NAME shows those it names";
                return Err(Failure::new(Exit::NotFound, "column_unknown", message).hint(hint));
            }
        }
        for (title, meaning) in &self.set {
            forget(words, title);
            words.insert(title.clone(), meaning.clone());
        }
        let mapping = columns::meaning(path, words.clone())?;
        if let Some(list) = &self.from {
            let text = listed::plain_text(list)?;
            let options = Options { mapping, ..Options::default() };
            let list = List::open(text.as_slice(), options);
            let list = list.map_err(|error| listed::no_list(&error))?;
            for (title, meaning) in list.report().columns {
                if !words.keys().any(|known| plain(known) == plain(&title)) {
                    words.insert(title, meaning);
                }
            }
        }
        Ok(())
    }
}

/// Takes a title out, however it is written; tells whether it was there.
fn forget(words: &mut BTreeMap<String, String>, title: &str) -> bool {
    let before = words.len();
    words.retain(|known, _| plain(known) != plain(title));
    words.len() < before
}

/// Lists the mappings that have a name.
fn all(global: &Global, output: &Output) -> Outcome {
    let mut mappings = Vec::new();
    for file in std::fs::read_dir(columns::folder(global)).into_iter().flatten() {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == columns::EXTENSION)
            && let Some(words) = columns::words(&path)?
        {
            mappings.push(shown(&path, words));
        }
    }
    mappings.sort_by(|one, other| one.name.cmp(&other.name));
    output.show(&mappings, |lang| {
        let mut sheet = Sheet::new(&[
            lang.say("mapping", "correspondance"),
            lang.say("columns", "colonnes"),
            lang.say("telephone", "téléphone"),
        ]);
        for Shown { name, columns, .. } in &mappings {
            let phones = columns.iter().filter(|(_, meaning)| *meaning == "phone");
            let phones: Vec<&str> = phones.map(|(title, _)| title.as_str()).collect();
            sheet.add([name.clone(), columns.len().to_string(), phones.join(", ")]);
        }
        sheet
    });
    Ok(Exit::Done)
}

fn shown(path: &Path, columns: BTreeMap<String, String>) -> Shown {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Shown { name, file: path.display().to_string(), columns }
}

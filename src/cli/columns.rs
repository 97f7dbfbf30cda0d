//! A file that says what the columns of lists mean, so that the next list is read alike.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Global;
use super::failure::{Exit, Failure};
use crate::api::import::Mapping;

/// The extension of the files.
pub(super) const EXTENSION: &str = "toml";

/// What stands above the columns.
const HEAD: &str = "\
# What the columns of lists mean / ce que veulent dire les colonnes :
# phone, name, first_name, external_id, zone, priority, score, agent, ignored, fields.NAME,
# consent.obtained_at, consent.source, consent.proof, consent.scope, consent.expires_at,
# consent.out_of_hours, contract.id, contract.object, contract.begins_at, contract.ends_at
# cadran list import LIST --columns THIS_FILE

";

/// The file, as TOML.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    columns: BTreeMap<String, String>,
}

/// Gives the folder of the mappings that have a name, beside the settings.
pub(super) fn folder(global: &Global) -> PathBuf {
    global.config_path().with_file_name("columns")
}

/// Gives the file of a mapping: a bare name, such as `crm`, is one of the folder.
pub(super) fn path(named: &Path, global: &Global) -> PathBuf {
    if is_bare(named) && !named.exists() {
        folder(global).join(named).with_extension(EXTENSION)
    } else {
        named.to_owned()
    }
}

fn is_bare(named: &Path) -> bool {
    named.file_name() == Some(named.as_os_str()) && named.extension().is_none()
}

/// Makes the failure of a mapping that is not there.
pub(super) fn unknown(path: &Path) -> Failure {
    let message = format!("{}: there is no such mapping", path.display());
    let hint = "cadran list map NAME --from LIST makes one";
    Failure::new(Exit::NotFound, "columns_unknown", message).hint(hint)
}

/// Gives the file of a mapping that a list is to be read by: a file may be there later, a name of
/// the folder must be there, or it is a slip of the pen.
///
/// # Errors
/// No mapping has that name.
pub(super) fn named(named: &Path, global: &Global) -> Result<PathBuf, Failure> {
    let path = path(named, global);
    if is_bare(named) && !path.exists() { Err(unknown(&path)) } else { Ok(path) }
}

/// Reads the file; one that is not there says nothing yet.
pub(super) fn read(path: &Path) -> Result<Mapping, Failure> {
    meaning(path, words(path)?.unwrap_or_default())
}

/// Reads the words of a file; none if it is not there.
pub(super) fn words(path: &Path) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| wrong(path, &format!("cannot be read: {error}")))?,
    };
    let file: Columns = toml::from_str(&text).map_err(|error| {
        let hint = "write a line [columns], and below it \"TITLE\" = \"phone\"";
        wrong(path, &error.message()).hint(hint)
    })?;
    Ok(Some(file.columns))
}

/// Reads what words mean that stand in a file, or are to.
pub(super) fn meaning(path: &Path, words: BTreeMap<String, String>) -> Result<Mapping, Failure> {
    Mapping::try_from(words).map_err(|error| wrong(path, &error))
}

/// Writes what the columns of a list were taken for, unless the file is there; tells whether it
/// was not.
pub(super) fn write(path: &Path, columns: &BTreeMap<String, String>) -> Result<bool, Failure> {
    if path.exists() {
        return Ok(false);
    }
    save(path, columns).map(|()| true)
}

/// Writes a file, also in place of what stood in it.
pub(super) fn save(path: &Path, columns: &BTreeMap<String, String>) -> Result<(), Failure> {
    let columns = columns.iter().filter(|(title, _)| !title.trim().is_empty());
    let columns = columns.map(|(title, meaning)| (title.clone(), meaning.clone())).collect();
    let text = toml::to_string(&Columns { columns }).map_err(io::Error::other);
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let written = text.and_then(|text| {
        std::fs::create_dir_all(folder)?;
        std::fs::write(path, HEAD.to_owned() + &text)
    });
    written.map_err(|error| {
        let message = format!("{}: cannot be written: {error}", path.display());
        Failure::new(Exit::Error, "columns_unwritable", message)
    })
}

fn wrong(path: &Path, what: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Invalid, "columns_invalid", format!("{}: {what}", path.display()))
}

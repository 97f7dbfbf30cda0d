//! A file that says what the columns of lists mean, so that the next list is read alike.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::failure::{Exit, Failure};
use crate::api::import::Mapping;

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

/// Reads the file; one that is not there says nothing yet.
pub(super) fn read(path: &Path) -> Result<Mapping, Failure> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::new(Exit::Invalid, "columns_invalid", format!("{}: {what}", path.display()))
    };
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mapping::default()),
        text => text.map_err(|error| wrong(&format!("cannot be read: {error}")))?,
    };
    let file: Columns = toml::from_str(&text).map_err(|error| {
        wrong(&error.message()).hint("write a line [columns], and below it \"TITLE\" = \"phone\"")
    })?;
    Mapping::try_from(file.columns).map_err(|error| wrong(&error))
}

/// Writes what the columns of a list were taken for, unless the file is there; tells whether it
/// was not.
pub(super) fn write(path: &Path, columns: &BTreeMap<String, String>) -> Result<bool, Failure> {
    let columns = columns.iter().filter(|(title, _)| !title.trim().is_empty());
    let columns = columns.map(|(title, meaning)| (title.clone(), meaning.clone())).collect();
    let text = toml::to_string(&Columns { columns }).map_err(io::Error::other);
    let written = text
        .and_then(|text| File::create_new(path)?.write_all((HEAD.to_owned() + &text).as_bytes()));
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            let message = format!("{}: cannot be written: {error}", path.display());
            Err(Failure::new(Exit::Error, "columns_unwritable", message))
        }
        Ok(()) => Ok(true),
    }
}

//! Lists that have come whole and are not in the store yet: kept on disk until they are, so that a
//! crash, or a caller who goes away, only delays them.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::Desk;
use super::error::ApiError;
use super::import::Mapping;
use super::lists::{cut, read_in, spool_error};
use super::types::ImportReport;
use crate::units::{CampaignId, Wall, Zone};

/// The extension of a list's order.
const ORDER: &str = "order";

/// How a list is to be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) campaign: String,
    /// The name it came under.
    pub(super) file: String,
    pub(super) region: Option<String>,
    pub(super) zone: Option<Zone>,
    pub(super) sha256: String,
    /// When it came.
    pub(super) at: Wall,
    /// What its columns mean whose titles do not tell.
    #[serde(default)]
    pub(super) columns: Mapping,
    /// Whether contacts are wanted whom another live campaign of the client has to call.
    #[serde(default)]
    pub(super) elsewhere: bool,
    /// Whether contacts are wanted that have no right to call yet.
    #[serde(default)]
    pub(super) consent_later: bool,
    /// SHA-256 of the file the list was made from, if it was made from one.
    #[serde(default)]
    pub(super) original: Option<String>,
}

/// A list in the folder, with its order beside it.
#[derive(Debug)]
pub(super) struct Kept {
    list: PathBuf,
    order: Order,
}

/// Makes the folder if need be, and a file in it that is gone unless it is kept.
pub(super) fn begin(folder: &Path) -> io::Result<NamedTempFile> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    NamedTempFile::new_in(folder)
}

impl Kept {
    /// Keeps a list that has come whole; from here on it will be read in.
    pub(super) fn keep(
        folder: &Path,
        list: NamedTempFile,
        campaign: CampaignId,
        order: Order,
    ) -> io::Result<Self> {
        let path = folder.join(format!("{}-{}.list", campaign.0, order.sha256));
        list.as_file().sync_all()?;
        list.persist(&path)?;
        let written = NamedTempFile::new_in(folder)?;
        serde_json::to_writer(written.as_file(), &order)?;
        written.as_file().sync_all()?;
        written.persist(path.with_extension(ORDER))?;
        File::open(folder)?.sync_all()?;
        Ok(Self { list: path, order })
    }

    /// Reads the list into the store and then lets go of it, also where that fails: what a caller
    /// is told has failed must not happen later. Only what the engine's end cuts stays for the next
    /// start.
    pub(super) async fn read(self, desk: &Desk) -> Result<ImportReport, ApiError> {
        let answer = match File::open(&self.list) {
            Ok(list) => read_in(desk, BufReader::new(list), &self.order).await,
            Err(error) => Err(spool_error(&error)),
        };
        if answer.as_ref().err() != Some(&cut()) {
            // Another caller may have brought the same list, and be done with it.
            drop(fs::remove_file(self.list.with_extension(ORDER)));
            drop(fs::remove_file(&self.list));
        }
        answer
    }
}

impl Desk {
    /// Reads in what an earlier engine was given and did not finish; throws away what had not
    /// come whole.
    pub async fn finish_lists(self) {
        let kept = match left(&self.config.store.lists) {
            Ok(kept) => kept,
            Err(error) => {
                let folder = self.config.store.lists.display();
                tracing::error!(%folder, %error, "unfinished lists cannot be looked for");
                return;
            }
        };
        for kept in kept {
            let Order { campaign, file, .. } = kept.order.clone();
            match kept.read(&self).await {
                Ok(ImportReport { added, .. }) => {
                    tracing::warn!(campaign, file, added, "a list cut by the last stop is read in");
                }
                Err(error) if error == cut() => {
                    tracing::warn!(campaign, file, "a list cut by the last stop is cut again");
                }
                Err(error) => {
                    tracing::error!(
                        campaign, file, %error,
                        "a list cut by the last stop is given up: import it again"
                    );
                }
            }
        }
    }
}

/// Finds the lists that came whole, and removes what is left of others.
fn left(folder: &Path) -> io::Result<Vec<Kept>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    let is = |path: &Path, what: &str| path.extension().is_some_and(|extension| extension == what);
    let mut kept = Vec::new();
    for path in &paths {
        let list = path.with_extension("list");
        if is(path, ORDER) && list.is_file() {
            let order = serde_json::from_slice(&fs::read(path)?)?;
            kept.push(Kept { list, order });
        } else if !(is(path, "list") && path.with_extension(ORDER).is_file()) {
            fs::remove_file(path)?;
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_came_whole_is_found_again_and_the_rest_is_thrown_away()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let folder = folder.path().join("lists");
        assert!(left(&folder)?.is_empty());
        let order = Order {
            campaign: "essai".to_owned(),
            file: "mars.csv".to_owned(),
            region: None,
            zone: None,
            sha256: "ab".to_owned(),
            at: Wall::micros(1),
            columns: Mapping::default(),
            elsewhere: false,
            consent_later: false,
            original: None,
        };
        let mut list = begin(&folder)?;
        list.write_all(b"telephone\n")?;
        Kept::keep(&folder, list, CampaignId(7), order)?;
        let (_, half) = begin(&folder)?.keep()?;
        fs::write(folder.join("7-cd.list"), "telephone\n")?;

        let kept = left(&folder)?;
        let found: Vec<_> = kept.iter().map(|kept| kept.order.sha256.as_str()).collect();
        assert_eq!(found, ["ab"]);
        assert!(!half.exists() && !folder.join("7-cd.list").exists());
        assert_eq!(fs::read_dir(&folder)?.count(), 2, "the list and its order");
        Ok(())
    }
}

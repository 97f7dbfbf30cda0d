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
use crate::units::{Wall, Zone};

/// What the names of our files begin with: others in the folder are left alone.
const OURS: &str = "cadran-";

/// The extension of a file that has not come whole.
const PART: &str = "part";

/// The extension of a list that has.
const LIST: &str = "list";

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
    part(folder)
}

/// Makes a file that is gone unless it is kept, under a name nobody else has.
fn part(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(OURS).suffix(&format!(".{PART}")).tempfile_in(folder)
}

impl Kept {
    /// Keeps a list that has come whole; from here on it will be read in.
    pub(super) fn keep(folder: &Path, list: NamedTempFile, order: Order) -> io::Result<Self> {
        let path = list.path().with_extension(LIST);
        list.as_file().sync_all()?;
        list.persist(&path)?;
        let written = part(folder)?;
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
            // The order first: a list without one is thrown away at the next start.
            drop(fs::remove_file(self.list.with_extension(ORDER)));
            drop(fs::remove_file(&self.list));
        }
        answer
    }
}

impl Desk {
    /// Looks at once for what an earlier engine was given and did not finish, throws away what had
    /// not come whole, and reads the rest in when awaited. To be called before lists may come.
    pub fn finish_lists(self) -> impl Future<Output = ()> + Send {
        let kept = left(&self.config.store.lists).unwrap_or_else(|error| {
            let folder = self.config.store.lists.display();
            tracing::error!(%folder, %error, "unfinished lists cannot be looked for");
            Vec::new()
        });
        self.read_kept(kept)
    }

    async fn read_kept(self, lists: Vec<Kept>) {
        for kept in lists {
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
    let ours =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OURS));
    let mut kept = Vec::new();
    for path in &paths {
        let list = path.with_extension(LIST);
        if is(path, ORDER) && list.is_file() {
            match fs::read(path).map(|text| serde_json::from_slice(&text)) {
                Ok(Ok(order)) => kept.push(Kept { list, order }),
                Ok(Err(error)) => tracing::error!(path = %path.display(), %error, "no order"),
                Err(error) => tracing::error!(path = %path.display(), %error, "unreadable order"),
            }
        } else if ours(path)
            && (is(path, PART) || is(path, LIST) && !path.with_extension(ORDER).is_file())
        {
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
        Kept::keep(&folder, list, order.clone())?;
        // The same list twice at once is two lists.
        Kept::keep(&folder, begin(&folder)?, order)?;
        let (_, half) = begin(&folder)?.keep()?;
        let without_order = folder.join(format!("{OURS}x.{LIST}"));
        fs::write(&without_order, "telephone\n")?;
        let of_others = ["mars.csv", "avril.list", "notes.order"].map(|name| folder.join(name));
        for path in &of_others {
            fs::write(path, "telephone\n")?;
        }
        fs::create_dir(folder.join("2026"))?;

        let kept = left(&folder)?;
        let found: Vec<_> = kept.iter().map(|kept| kept.order.sha256.as_str()).collect();
        assert_eq!(found, ["ab", "ab"]);
        assert!(!half.exists() && !without_order.exists());
        assert!(of_others.iter().all(|path| path.exists()), "files of others are left alone");
        assert_eq!(
            fs::read_dir(&folder)?.count(),
            8,
            "two lists with orders, and what others have"
        );
        Ok(())
    }
}

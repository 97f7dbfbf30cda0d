//! Files that are not as the running engine read them.

use std::path::{Path, PathBuf};

use super::{Campaign, Config, toml_files};
use crate::units::Wall;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It was written again.
    Changed,
    /// It is there no more.
    Removed,
}

/// A file that is not as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The file.
    pub path: PathBuf,
    /// Its campaign, if it is one's and can be read.
    pub campaign: Option<String>,
    /// What became of it.
    pub change: Change,
}

impl Config {
    /// Gives the files, the engine's and the campaigns', that were added, changed or removed since
    /// they were read. A folder that cannot be listed tells of no addition.
    #[must_use]
    pub fn unread(&self, since: Wall) -> Vec<Unread> {
        let own = std::iter::once((self.path.as_path(), None));
        let known = self.campaigns.iter().map(|known| (known.path.as_path(), Some(&known.name)));
        let mut unread = Vec::new();
        for (path, name) in own.chain(known) {
            let Some(change) = change(path, since) else { continue };
            unread.push(Unread { path: path.to_owned(), campaign: name.cloned(), change });
        }
        let files = toml_files(&self.campaigns_folder).unwrap_or_default();
        let fresh = |path: &PathBuf| !self.campaigns.iter().any(|known| known.path == *path);
        unread.extend(files.into_iter().filter(fresh).map(|path| Unread {
            campaign: Campaign::load(&path).ok().map(|campaign| campaign.name),
            path,
            change: Change::Added,
        }));
        unread
    }
}

/// Tells what became of a file; one whose time nobody knows is taken for unchanged.
fn change(path: &Path, since: Wall) -> Option<Change> {
    let Ok(there) = std::fs::metadata(path) else { return Some(Change::Removed) };
    let written = jiff::Timestamp::try_from(there.modified().ok()?).ok()?;
    (Wall::from(written) > since).then_some(Change::Changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const CAMPAIGN: &str = "client = \"Acme\"\nmode = \"progressive\"\nroutes = [\"t1\"]\n\
        caller_ids = [\"+33162000000\"]\nhours = \"lun-ven 10:00-20:00\"\n\
        [[disposition]]\nkey = \"1\"\ncode = \"vente\"\nclass = \"ca+\"\n";

    #[test]
    fn files_added_changed_and_removed_are_named_with_their_campaigns() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(format!("campaigns/{name}.toml"));
        let write = |name: &str| fs::write(file(name), format!("name = \"{name}\"\n{CAMPAIGN}"));
        fs::create_dir(folder.path().join("campaigns"))?;
        let engine = folder.path().join("cadran.toml");
        fs::write(
            &engine,
            "[[trunk]]\nname = \"t1\"\nhost = \"127.0.0.1\"\nchannels = 5\n\
             calls_per_second = \"5/s\"\n",
        )?;
        write("one")?;
        write("two")?;
        let config = Config::load(&engine).map_err(std::io::Error::other)?;
        let (before, after) = (Wall::micros(0), Wall::micros(i64::MAX / 4));
        assert_eq!(config.unread(after), []);
        let changed: Vec<_> = config.unread(before).into_iter().map(|file| file.change).collect();
        assert_eq!(changed, [Change::Changed; 3]);
        fs::remove_file(file("one"))?;
        write("three")?;
        let told: Vec<_> =
            config.unread(after).into_iter().map(|file| (file.campaign, file.change)).collect();
        let named = |name: &str, change| (Some(name.to_owned()), change);
        assert_eq!(told, [named("one", Change::Removed), named("three", Change::Added)]);
        Ok(())
    }
}

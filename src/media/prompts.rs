//! The prompts callees hear: music on hold and each campaign's notice, read once at the start.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use super::{MediaError, MediaHandle, Prompt};
use crate::sound::{Clip, tone, wav};

/// A prompt is not longer than ten minutes of 16-bit samples; a larger file is a mistake.
const FILE_BYTES_MAX: u64 = 10 << 20;

/// Every prompt that callees hear.
#[derive(Debug)]
pub struct Prompts {
    hold: Prompt,
    notice: Prompt,
    confirmation: Prompt,
    files: BTreeMap<PathBuf, Prompt>,
}

/// A prompt cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The file is no prompt: the user's to mend.
    #[error("cannot use the prompt {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The reactor takes no prompt.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl Prompts {
    /// Reads the files and adds the built-in music, notice and confirmation.
    ///
    /// # Errors
    /// A file is missing, too large or no 8 kHz WAV, or there are too many.
    pub fn load(
        paths: impl IntoIterator<Item = PathBuf>,
        media: &MediaHandle,
    ) -> Result<Self, PromptError> {
        let hold = media.add_prompt(tone::hold())?;
        let notice = media.add_prompt(tone::notice())?;
        let confirmation = media.add_prompt(tone::confirmation())?;
        let mut files = BTreeMap::new();
        for path in paths {
            if let Entry::Vacant(place) = files.entry(path) {
                let path = place.key();
                let prompt = media.add_prompt(Self::read(path)?)?;
                place.insert(prompt);
            }
        }
        Ok(Self { hold, notice, confirmation, files })
    }

    /// Reads the file of one prompt.
    ///
    /// # Errors
    /// The file is missing, too large or no 8 kHz WAV.
    pub fn read(path: &Path) -> Result<Clip, PromptError> {
        read(path).map_err(|why| PromptError::File { path: path.to_owned(), why })
    }

    /// Gives the music on hold.
    #[must_use]
    pub const fn hold(&self) -> Prompt {
        self.hold
    }

    /// Gives the prompt of a file, if it was read.
    #[must_use]
    pub fn file(&self, file: &Path) -> Option<Prompt> {
        self.files.get(file).copied()
    }

    /// Gives the confirmation of a file, or the built-in one.
    #[must_use]
    pub fn confirmation(&self, file: Option<&Path>) -> Prompt {
        file.and_then(|path| self.file(path)).unwrap_or(self.confirmation)
    }

    /// Gives the notice of a file, or the built-in one.
    #[must_use]
    pub fn notice(&self, file: Option<&Path>) -> Prompt {
        file.and_then(|path| self.file(path)).unwrap_or(self.notice)
    }
}

fn read(path: &Path) -> Result<Clip, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > FILE_BYTES_MAX {
        return Err("it is larger than ten minutes of sound".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    wav::read(&bytes).map_err(|error| error.to_string())
}

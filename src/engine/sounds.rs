//! The sounds callees hear: music on hold and each campaign's notice, read once at the start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::boot::BootError;
use crate::config::{Campaign, Config};
use crate::media::{MediaHandle, Prompt};
use crate::sound::{tone, wav};

/// A prompt is not longer than ten minutes of 16-bit samples; a larger file is a mistake.
const FILE_BYTES_MAX: u64 = 10 << 20;

/// Every sound that callees hear.
#[derive(Debug)]
pub(super) struct Sounds {
    /// Music on hold.
    pub(super) hold: Prompt,
    notice: Prompt,
    notices: BTreeMap<PathBuf, Prompt>,
}

impl Sounds {
    /// Reads every campaign's notice and adds the built-in ones.
    pub(super) fn load(config: &Config, media: &MediaHandle) -> Result<Self, BootError> {
        let hold = media.add_prompt(tone::hold())?;
        let notice = media.add_prompt(tone::notice())?;
        let mut notices = BTreeMap::new();
        for path in config.campaigns.iter().filter_map(|campaign| campaign.notice.as_ref()) {
            if !notices.contains_key(path) {
                let clip = read(&config.prompts.join(path))
                    .map_err(|why| BootError::Prompt { path: path.clone(), why })?;
                notices.insert(path.clone(), media.add_prompt(clip)?);
            }
        }
        Ok(Self { hold, notice, notices })
    }

    /// Gives the notice a campaign plays to an abandoned person.
    pub(super) fn notice(&self, campaign: &Campaign) -> Prompt {
        let own = campaign.notice.as_ref().and_then(|path| self.notices.get(path));
        own.copied().unwrap_or(self.notice)
    }
}

fn read(path: &Path) -> Result<crate::sound::Clip, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > FILE_BYTES_MAX {
        return Err("it is larger than ten minutes of sound".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    wav::read(&bytes).map_err(|error| error.to_string())
}

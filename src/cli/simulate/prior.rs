//! What simulated days begin with, and what they teach.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::cells::{Prior, Solved};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::sim::Learnt;

/// Where a predictive pacer has what it begins with from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    None,
    Learn,
    File(PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "none" => Self::None,
            "learn" => Self::Learn,
            path => Self::File(PathBuf::from(path)),
        })
    }
}

impl Source {
    pub(super) fn read(&self) -> Result<Prior, Failure> {
        let path = match self {
            Self::None => return Ok(Prior::None),
            Self::Learn => return Ok(Prior::Learn),
            Self::File(path) => path,
        };
        let unreadable = |error: &dyn std::fmt::Display| {
            let message = format!("{}: {error}", path.display());
            Failure::new(Exit::Invalid, "prior_unreadable", message)
                .hint("--prior takes `none`, `learn`, or a file that --prior-out wrote")
        };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
        let learnt: Learnt = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
        if learnt.values().all(Vec::is_empty) {
            return Err(unreadable(&"it teaches nothing"));
        }
        Ok(Prior::Given(Arc::new(learnt)))
    }
}

/// Writes down what the days of the one cell taught.
pub(super) fn keep(path: &Path, solved: &[Solved], output: &Output) -> Result<(), Failure> {
    let [Solved { learnt: Some(learnt), .. }] = solved else {
        let message = "--prior-out wants one scenario, pool and dialer, and --prior learn";
        return Err(Failure::new(Exit::Usage, "prior_unwritten", message.to_owned()));
    };
    let text = serde_json::to_string(learnt)
        .map_err(|error| Failure::new(Exit::Error, "prior_unwritten", error.to_string()))?;
    super::write(path, (text + "\n").as_bytes(), output)
}

//! `cadran list score`.

use std::path::PathBuf;

use clap::Args;

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Output, Sheet};
use super::{Global, wait_for};
use crate::api::import::score_of;
use crate::api::types::{ScoreReport, Scored};
use crate::store::SCORES_MAX;

/// The titles of the column of references.
const REFERENCES: [&str; 5] = ["ref", "id", "reference", "external_id", "identifiant"];

/// New scores for contacts.
#[derive(Debug, Args)]
pub(super) struct Score {
    /// The file
    file: PathBuf,
    /// The campaign
    #[arg(long)]
    campaign: String,
}

impl Score {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let wrong = |what: &dyn std::fmt::Display| {
            let message = format!("{}: {what}", self.file.display());
            Failure::new(Exit::Invalid, "scores_invalid", message)
        };
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| wrong(&format!("cannot be read: {error}")))?;
        let scores = read(&text).map_err(|what| {
            wrong(&what).hint("two columns, ref and score, and scores from 0 to 100")
        })?;
        let client = Client::open(global)?;
        let path = At::path(["campaigns", &self.campaign, "contacts:score"]);
        let mut all = ScoreReport { scored: 0, unknown: 0 };
        for scores in scores.chunks(SCORES_MAX) {
            let report: ScoreReport = wait_for(client.post(&path, &scores))?;
            all.scored += report.scored;
            all.unknown += report.unknown;
        }
        output.show(&all, |lang| {
            let mut sheet = Sheet::new(&["", ""]);
            let said = lang.say("contacts with their new score", "fiches à leur nouveau score");
            sheet.add([said.to_owned(), all.scored.to_string()]);
            let said = lang.say("unknown references", "références inconnues");
            sheet.add([said.to_owned(), all.unknown.to_string()]);
            sheet
        });
        Ok(if all.unknown > 0 { Exit::Rejects } else { Exit::Done })
    }
}

/// Reads the file, whatever stands between its columns.
fn read(text: &str) -> Result<Vec<Scored>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let title = text.lines().next().unwrap_or_default();
    let between = [b';', b',', b'\t'].into_iter();
    let between = between.max_by_key(|by| title.bytes().filter(|byte| byte == by).count());
    let mut reader =
        csv::ReaderBuilder::new().delimiter(between.unwrap_or(b';')).from_reader(text.as_bytes());
    let titles = reader.headers().map_err(|error| error.to_string())?.clone();
    let place = |names: &[&str]| {
        titles.iter().position(|title| names.contains(&title.trim().to_lowercase().as_str()))
    };
    let (Some(reference), Some(score)) = (place(&REFERENCES), place(&["score"])) else {
        return Err("has no columns ref and score".to_owned());
    };
    let mut scores = Vec::new();
    for (line, record) in (2..).zip(reader.records()) {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |place| record.get(place).unwrap_or_default().trim();
        let scored = score_of(cell(score)).ok_or_else(|| format!("line {line}: no score"))?;
        scores.push(Scored { external_id: cell(reference).to_owned(), score: scored });
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_whatever_stands_between_the_columns() {
        for text in ["ref;score\nA;80\nB;7,5\n", "\u{feff}nom\tID\tScore\nx\tA\t80\ny\tB\t7.6\n"] {
            let scores = read(text).map(|all| {
                all.into_iter().map(|one| (one.external_id, one.score)).collect::<Vec<_>>()
            });
            assert_eq!(scores, Ok(vec![("A".to_owned(), 80), ("B".to_owned(), 8)]), "{text}");
        }
        for wrong in ["ref;note\nA;1\n", "ref;score\nA;101\n", "ref;score\nA;haut\n", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

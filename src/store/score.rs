//! Puts a list in another order: the highest score first within a priority.

use serde_json::json;

use super::backend::{each, statements};
use super::{SCORE_MAX, Store, StoreError};
use crate::units::CampaignId;

/// Scores in one go at most.
pub const SCORES_MAX: usize = 100_000;

/// Scores in one transaction: some tens of milliseconds, so that no dial waits longer for it.
const CHUNK: usize = 2_500;

/// Finds the contacts first, so that SQLite does not read all scores again for each of them.
macro_rules! score {
    ($given:literal, $score:literal) => {
        concat!(
            "with given (id, score) as materialized (
               select k.id, ",
            $score,
            " from ",
            $given,
            " cross join contact k
               where k.campaign_id = $1 and k.external_id = j.value ->> 0)
             update contact set score = given.score,
               turn = case when turn % 1000 = 0 then turn
                 else turn / 1000 * 1000 + 101 * priority - given.score end
             from given where contact.id = given.id"
        )
    };
}

statements! {
    SCORE = each(
        score!("json_each($2) j", "j.value ->> 1"),
        score!(
            "jsonb_array_elements(cast($2 as jsonb)) j (value)",
            "cast(j.value ->> 1 as bigint)"
        ),
    );
}

impl Store {
    /// Gives contacts, by the CRM's id, other scores, at most [`SCORE_MAX`]; tells how many of them
    /// the campaign has. Promised callbacks stay first.
    ///
    /// # Errors
    /// The database failed; the chunks written before stay.
    pub async fn score(
        &self,
        campaign: CampaignId,
        scores: &[(String, u8)],
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for chunk in scores.chunks(CHUNK) {
            let pairs: Vec<_> =
                chunk.iter().map(|(id, score)| json!([id, score.min(&SCORE_MAX)])).collect();
            let mut writer = self.writer().await;
            let score = SCORE.bind(campaign.0).bind(json!(pairs).to_string());
            changed += score.execute(&mut writer.db().await?).await?;
        }
        Ok(changed)
    }
}

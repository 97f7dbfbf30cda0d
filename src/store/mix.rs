//! Shares of lists: in which order contacts are claimed from lists that have one.
//!
//! Stride scheduling (C. Waldspurger and W. Weihl, *Stride Scheduling: Deterministic
//! Proportional-Share Resource Management*, MIT/LCS/TM-528, 1995): every lane has a pass, the least
//! pass is next, and being next raises it by a stride that is the shorter the greater the share.

use std::collections::VecDeque;

use super::backend::{Db, both, statements};
use super::{NewCampaign, StoreError};

/// What turns of one lane lie apart from those of the next: more than the greatest turn there is,
/// 101 times the priority 9.
pub(super) const LANE_TURNS: i64 = 1_000;

/// The stride of a share of one percent: divided by any percentage it stays exact to a millionth.
const STRIDE: u64 = 100_000_000;

statements! {
    LISTS = both("select id, file, lane from list_import where campaign_id = $1");
    SET_LANE = both("update list_import set lane = $2 where id = $1");
    MOVE = both(
        "update contact set turn = turn % 1000 + 1000 * $3
         where campaign_id = $1 and list_import_id = $2",
    );
}

/// A list and its share of the contacts claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListShare {
    /// The list's file, without its folders.
    pub file: String,
    /// Percent of the contacts claimed, 1 to 100; what is left of a hundred is for all lists that
    /// have no share.
    pub percent: u8,
}

/// Whose turn it is among the lanes of a campaign: lane 0 for lists without a share, then one for
/// each share. Counts from the engine's start.
#[derive(Clone, Debug, Default)]
pub(super) struct Mix {
    lanes: Vec<Lane>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    percent: u64,
    pass: u64,
}

impl Mix {
    /// Makes the mix of a campaign; one without shares has no lanes.
    pub(super) fn new(shares: &[ListShare]) -> Self {
        if shares.is_empty() {
            return Self::default();
        }
        let named: Vec<u64> = shares.iter().map(|share| u64::from(share.percent)).collect();
        let rest = 100_u64.saturating_sub(named.iter().sum());
        let lanes = core::iter::once(rest).chain(named);
        Self { lanes: lanes.map(|percent| Lane { percent, pass: 0 }).collect() }
    }

    /// How many lanes there are; 0 where lists have no shares.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Picks the lane whose turn it is among those that are open; lanes without any share come
    /// after all others.
    fn pick(&mut self, open: impl Fn(usize) -> bool) -> Option<usize> {
        let lanes = self.lanes.iter().enumerate().filter(|(lane, _)| open(*lane));
        let (next, _) = lanes.min_by_key(|(_, lane)| (lane.percent == 0, lane.pass))?;
        let lane = self.lanes.get_mut(next)?;
        lane.pass += STRIDE.checked_div(lane.percent).unwrap_or(0);
        Some(next)
    }

    /// Allots so many contacts to the lanes that are open.
    pub(super) fn allot(&mut self, count: usize, open: &[bool]) -> Vec<usize> {
        let mut allotted = vec![0; self.lanes.len()];
        for _ in 0..count {
            let Some(lane) = self.pick(|lane| open.get(lane) == Some(&true)) else { break };
            if let Some(count) = allotted.get_mut(lane) {
                *count += 1;
            }
        }
        allotted
    }

    /// Puts what the lanes gave in order. A lane that had too few is owed nothing later.
    pub(super) fn interleave<T>(
        &mut self,
        mut given: Vec<VecDeque<T>>,
        had_enough: &[bool],
    ) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(lane) =
            self.pick(|lane| given.get(lane).is_some_and(|given| !given.is_empty()))
        {
            all.extend(given.get_mut(lane).and_then(VecDeque::pop_front));
        }
        let shared = |lane: &&Lane| lane.percent > 0;
        let level = self.lanes.iter().filter(shared).map(|lane| lane.pass).max().unwrap_or(0);
        for (lane, enough) in self.lanes.iter_mut().zip(had_enough) {
            if !enough {
                lane.pass = lane.pass.max(level);
            }
        }
        all
    }
}

/// Puts the lists of a campaign into the lanes of their shares; those that stand in theirs already
/// cost nothing.
pub(super) async fn set(
    db: &mut Db<'_>,
    id: u32,
    campaign: &NewCampaign,
) -> Result<(), StoreError> {
    for row in LISTS.bind(id).fetch_all(db).await? {
        let (list, file): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let wanted = lane_of(&campaign.shares, &file);
        if row.try_get::<i64>(2)? != wanted {
            MOVE.bind(id).bind(list).bind(wanted).execute(db).await?;
            SET_LANE.bind(list).bind(wanted).execute(db).await?;
        }
    }
    Ok(())
}

/// Gives the lane of a list.
pub(super) fn lane_of(shares: &[ListShare], file: &str) -> i64 {
    let place = shares.iter().position(|share| share.file == file);
    place.map_or(0, |place| i64::try_from(place).unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(file: &str, percent: u8) -> ListShare {
        ListShare { file: file.to_owned(), percent }
    }

    /// Takes so many of lanes that hold so many.
    fn taken(mix: &mut Mix, held: &mut [usize], count: usize) -> Vec<usize> {
        let given: Vec<VecDeque<usize>> = held
            .iter()
            .enumerate()
            .map(|(lane, held)| core::iter::repeat_n(lane, *held).collect())
            .collect();
        let mut trial = mix.clone();
        let open: Vec<bool> = held.iter().map(|held| *held > 0).collect();
        let allotted = trial.allot(count, &open);
        let enough: Vec<bool> =
            held.iter().zip(&allotted).map(|(has, wants)| has >= wants).collect();
        let given = given.into_iter().zip(&allotted).map(|(mut given, wanted)| {
            given.truncate(*wanted);
            given
        });
        let all = mix.interleave(given.collect(), &enough);
        for lane in &all {
            held[*lane] -= 1;
        }
        all
    }

    #[test]
    fn seventy_and_thirty_of_a_hundred_come_evenly_and_alike_each_time() {
        let shares = [share("web.csv", 70), share("old.csv", 30)];
        let (mut mix, mut held) = (Mix::new(&shares), [500, 500, 500]);
        let all = taken(&mut mix, &mut held, 100);
        let counts = [0, 1, 2].map(|lane| all.iter().filter(|own| **own == lane).count());
        assert_eq!(counts, [0, 70, 30], "nothing is left for lists without a share");
        for (nth, ten) in all.chunks(10).enumerate() {
            let of_web = ten.iter().filter(|lane| **lane == 1).count();
            assert!((6..=8).contains(&of_web), "the {nth}th ten has {of_web}");
        }
        let again = taken(&mut Mix::new(&shares), &mut [500, 500, 500], 100);
        assert_eq!(all, again);
    }

    #[test]
    fn single_claims_keep_the_shares_as_large_ones_do() {
        let shares = [share("web.csv", 70), share("old.csv", 30)];
        let (mut mix, mut held) = (Mix::new(&shares), [500, 500, 500]);
        let all: Vec<usize> = (0..100).flat_map(|_| taken(&mut mix, &mut held, 1)).collect();
        assert_eq!(all.iter().filter(|lane| **lane == 1).count(), 70);
    }

    #[test]
    fn a_list_that_was_empty_for_a_while_is_owed_nothing() {
        let shares = [share("web.csv", 50), share("old.csv", 50)];
        let (mut mix, mut held) = (Mix::new(&shares), [0, 400, 10]);
        let all = taken(&mut mix, &mut held, 100);
        assert_eq!(all.iter().filter(|lane| **lane == 2).count(), 10);
        held[2] = 400;
        let all = taken(&mut mix, &mut held, 100);
        let of_old = all.iter().filter(|lane| **lane == 2).count();
        assert!((49..=51).contains(&of_old), "{of_old}");
    }

    #[test]
    fn lists_without_a_share_have_what_is_left_or_come_last() {
        let (mut mix, mut held) = (Mix::new(&[share("web.csv", 60)]), [400, 400]);
        let all = taken(&mut mix, &mut held, 100);
        assert_eq!(all.iter().filter(|lane| **lane == 0).count(), 40);
        let (mut mix, mut held) = (Mix::new(&[share("web.csv", 100)]), [400, 0]);
        assert_eq!(taken(&mut mix, &mut held, 100).len(), 100, "the named list is dry");
    }
}

//! The engine is killed, again and again, in the middle of a campaign: nothing may be lost, and
//! nobody may be called twice for one attempt.

mod centre;
mod ledger;
mod tap;

use std::error::Error;

use cadran::engine::scribe::{self, Batch, Scribe, Written};
use cadran::engine::tasks::Tasks;
use cadran::units::{CampaignId, Span};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::store::fixture::{House, call, campaign, contact, list, opened};
use centre::Centre;

pub(crate) type Claim = Result<(), Box<dyn Error>>;

/// Kills when `CADRAN_KILLS` does not say: enough for several crashes on top of each other.
const KILLS: u32 = 3;

/// The seed of every draw; another one kills at other moments.
const SEED: u64 = 2_026;

fn kills() -> Result<u32, Box<dyn Error>> {
    std::env::var("CADRAN_KILLS").map_or(Ok(KILLS), |text| Ok(text.parse()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_loses_nothing_and_calls_nobody_twice() -> Claim {
    let kills = kills()?;
    let mut dice = Pcg64::seed_from_u64(SEED);
    let mut centre = Centre::open(SEED, kills).await?;
    for round in 1..=kills {
        centre.serve(round == 1).await?;
        let calls = 4 + dice.next_u64() % 40;
        let after = Span::millis(dice.next_u64() % 500);
        centre.work_then_kill(calls, after, &mut dice).await?;
    }
    centre.serve(false).await?;
    centre.work(30, &mut dice).await?;
    centre.leave().await?;
    let told = ledger::check(&centre).await?;
    assert!(told.interrupted > 0, "no kill hit a call: {told:?}");
    assert!(told.qualified > 0, "nothing was qualified: {told:?}");
    announce(&format!("{kills} kills: {told:?}, {} stuck phones", centre.stuck));
    Ok(())
}

/// Prints figures for whoever reads the log of a long run.
#[expect(clippy::print_stderr, reason = "the figures of a long run are what it is made for")]
fn announce(line: &str) {
    eprintln!("{line}");
}

#[tokio::test]
async fn a_row_the_store_refuses_does_not_block_those_behind_it() -> Claim {
    let house = House::sqlite().await?;
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("1", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let (scribe, writing) = Scribe::new(house.store.clone());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    let writes = vec![opened(1, CampaignId(99), &lead, 1), opened(2, campaign, &lead, 1)];
    scribe.write(Batch { writes, ..Batch::default() }).map_err(|_| "no room")?;
    scribe.finish().await;
    assert!(house.store.call(call(1)).await?.is_none());
    assert!(house.store.call(call(2)).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_claim_is_made_once_the_rows_before_it_are_there() -> Claim {
    let house = House::sqlite().await?;
    let campaign = campaign(&house.store, "vente").await?;
    list(&house.store, campaign, [contact("1", 1)]).await?;
    let lead = house.first_lead(campaign).await?;
    let (mut scribe, writing) = Scribe::new(house.store.clone());
    let tasks = Tasks::new();
    tasks.spawn(writing);
    let writes = vec![opened(2, campaign, &lead, 1)];
    let claim = scribe::Claim { campaign, count: 1, lease: Span::secs(60) };
    scribe.write(Batch { writes, ..Batch::default() }).map_err(|_| "no room")?;
    scribe.write(Batch { claims: vec![claim], ..Batch::default() }).map_err(|_| "no room")?;
    assert!(matches!(scribe.written().await, Some(Written::Due(claims)) if claims.len() == 1));
    assert!(house.store.call(call(2)).await?.is_some());
    Ok(())
}

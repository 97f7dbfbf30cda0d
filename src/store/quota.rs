//! Quotas: cells of contacts that are not called any more once enough of them said the wanted word.
//!
//! A claim leads past a full cell: the contacts of it that it meets are held, and let go when the
//! quota is raised. Counts are of contacts, kept in memory and counted anew at each start.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::{Db, Row, both, each, statements};
use super::claim::told;
use super::mix::{ListShare, Mix, lane_of};
use super::seal::Seals;
use super::text::json;
use super::{NewCampaign, Store, StoreError};
use crate::core::campaign::DispositionClass;
use crate::core::quota::Quota;
use crate::units::{CampaignId, ContactId};

/// Contacts leased in one go behind a full cell.
pub(super) const BEHIND: u32 = 1_000;

/// Such goes in one claim at most: some tenths of a second of work.
pub(super) const GOES_MAX: usize = 10;

/// Contacts looked at in one go when winners are counted: some MB of cards.
const TRAITS_MAX: usize = 5_000;

statements! {
    WON = both(
        "select distinct a.contact_id, d.class from attempt a
           join disposition d on d.campaign_id = a.campaign_id and d.code = a.disposition_code
         where a.campaign_id = $1 and a.completed_at is not null",
    );
    /// What tells the cell of some contacts.
    TRAITS = each(
        "select k.id, l.file, p.key as contact_key, p.fields, n.zone from contact k
           left join list_import l on l.id = k.list_import_id
           left join contact_personal p on p.contact_id = k.id
           left join number n on n.contact_id = k.id and n.position = 0
         where k.id in (select value from json_each($1))",
        "select k.id, l.file, p.key as contact_key, p.fields, n.zone from contact k
           left join list_import l on l.id = k.list_import_id
           left join contact_personal p on p.contact_id = k.id
           left join number n on n.contact_id = k.id and n.position = 0
         where k.id in (select cast(value as bigint)
             from jsonb_array_elements_text(cast($1 as jsonb)))",
    );
    HOLD = each(
        "update contact set free_at = 9223372036854775805, held = $2
         where id in (select value from json_each($1))
           and state = 'open' and open_call_id is null",
        "update contact set free_at = 9223372036854775805, held = $2
         where id in (select cast(value as bigint)
             from jsonb_array_elements_text(cast($1 as jsonb)))
           and state = 'open' and open_call_id is null",
    );
    HELD = both(
        "select held, count(*) from contact
         where campaign_id = $1 and held is not null group by held",
    );
    LET_GO = both(
        "update contact set free_at = next_at, held = null
         where campaign_id = $1 and held = $2",
    );
}

/// How far a quota is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaRow {
    /// The quota.
    pub quota: Quota,
    /// Contacts with a disposition of its class.
    pub reached: u64,
    /// Contacts held because it is full.
    pub held: u64,
}

impl QuotaRow {
    /// Whether nobody of it is called any more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.reached >= u64::from(self.quota.max)
    }
}

/// What a claim must know of a campaign.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) mix: Mix,
    shares: Vec<ListShare>,
    cells: Vec<Cell>,
    /// Whether leads tell how their earlier attempts ended.
    pub(super) history: bool,
}

#[derive(Debug)]
struct Cell {
    quota: Quota,
    reached: BTreeSet<ContactId>,
}

/// What tells the cells of a contact.
struct Traits {
    contact: ContactId,
    file: Option<String>,
    fields: BTreeMap<String, String>,
    zone: Option<String>,
}

impl Cell {
    fn is_full(&self) -> bool {
        self.reached.len() >= usize::try_from(self.quota.max).unwrap_or(usize::MAX)
    }

    /// Counts erased contacts no more; gives the quota's name if that opened it.
    fn uncount(&mut self, erased: &[ContactId]) -> Option<String> {
        let Quota { fields, zones, .. } = &self.quota;
        if fields.is_empty() && zones.is_empty() {
            return None;
        }
        let before = self.is_full();
        self.reached.retain(|contact| !erased.contains(contact));
        (before && !self.is_full()).then(|| self.quota.name.clone())
    }

    fn holds(&self, traits: &Traits) -> bool {
        let alike = |(name, wanted): (&String, &String)| {
            let own =
                traits.fields.iter().find(|(own, _)| own.to_lowercase() == name.to_lowercase());
            own.is_some_and(|(_, own)| own.trim().to_lowercase() == wanted.trim().to_lowercase())
        };
        let Quota { fields, lists, zones, .. } = &self.quota;
        let listed =
            lists.is_empty() || traits.file.as_ref().is_some_and(|own| lists.contains(own));
        let there = zones.is_empty()
            || traits.zone.as_ref().is_some_and(|own| zones.iter().any(|zone| zone.name() == own));
        listed && there && fields.iter().all(alike)
    }
}

impl Plan {
    /// Gives the lane of a list.
    pub(super) fn lane(&self, file: &str) -> i64 {
        lane_of(&self.shares, file)
    }

    /// Whether some cell is full, so that a claim must look where contacts belong.
    fn is_full(&self) -> bool {
        self.cells.iter().any(Cell::is_full)
    }

    fn full_cell(&self, traits: &Traits) -> Option<&Quota> {
        let mut full = self.cells.iter().filter(|cell| cell.is_full());
        full.find(|cell| cell.holds(traits)).map(|cell| &cell.quota)
    }

    /// Counts a contact who said a word; tells whether that filled a cell.
    fn count(&mut self, traits: &Traits, class: DispositionClass) -> bool {
        let mut filled = false;
        let counts = |cell: &&mut Cell| cell.quota.class == class && cell.holds(traits);
        for cell in self.cells.iter_mut().filter(counts) {
            let before = cell.is_full();
            cell.reached.insert(traits.contact);
            filled |= cell.is_full() && !before;
        }
        filled
    }
}

impl Store {
    /// Takes a campaign's shares and quotas: counts what was reached, and lets contacts go whose
    /// quota is not full any more.
    pub(super) async fn plan(
        &self,
        id: CampaignId,
        campaign: &NewCampaign,
    ) -> Result<(), StoreError> {
        let cell = |quota: &Quota| Cell { quota: quota.clone(), reached: BTreeSet::new() };
        let cells = campaign.quotas.iter().map(cell).collect();
        let shares = campaign.shares.clone();
        let history = campaign.history;
        let mut plan = Plan { mix: Mix::new(&shares), shares, cells, history };
        let mut writer = self.writer().await;
        let mut db = writer.db().await?;
        if !plan.cells.is_empty() {
            let mut won: BTreeMap<DispositionClass, Vec<ContactId>> = BTreeMap::new();
            for row in WON.bind(id.0).fetch_all(&mut db).await? {
                let class = super::text::read("class", &row.try_get::<String>(1)?)?;
                won.entry(class).or_default().push(contact_id(&row)?);
            }
            won.retain(|class, _| plan.cells.iter().any(|cell| cell.quota.class == *class));
            for (class, contacts) in won {
                for some in contacts.chunks(TRAITS_MAX) {
                    for traits in traits(&mut db, &self.shared.seals, some).await? {
                        plan.count(&traits, class);
                    }
                }
            }
        }
        for row in HELD.bind(id.0).fetch_all(&mut db).await? {
            let name: String = row.try_get(0)?;
            let keeps = |cell: &Cell| cell.quota.name == name && cell.is_full();
            if !plan.cells.iter().any(keeps) {
                LET_GO.bind(id.0).bind(name).execute(&mut db).await?;
            }
        }
        self.shared.plans().insert(id, plan);
        Ok(())
    }

    /// Tells how far the quotas of a campaign are.
    ///
    /// # Errors
    /// The database failed.
    pub async fn quotas(&self, campaign: CampaignId) -> Result<Vec<QuotaRow>, StoreError> {
        let mut held = BTreeMap::new();
        for row in HELD.bind(campaign.0).fetch_all(&mut self.reader().await?.db()).await? {
            held.insert(row.try_get::<String>(0)?, row.try_get::<i64>(1)?.cast_unsigned());
        }
        let plans = self.shared.plans();
        let cells = plans.get(&campaign).map_or(&[][..], |plan| &plan.cells);
        let row = |cell: &Cell| QuotaRow {
            quota: cell.quota.clone(),
            reached: cell.reached.len() as u64,
            held: held.get(&cell.quota.name).copied().unwrap_or(0),
        };
        Ok(cells.iter().map(row).collect())
    }

    /// Gives the full quota a contact falls under, by its name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn full_quota(
        &self,
        campaign: CampaignId,
        contact: ContactId,
    ) -> Result<Option<String>, StoreError> {
        let traits = traits(&mut self.reader().await?.db(), &self.shared.seals, &[contact]).await?;
        let plans = self.shared.plans();
        let plan = plans.get(&campaign).filter(|plan| plan.is_full());
        let full = plan.and_then(|plan| plan.full_cell(traits.first()?));
        Ok(full.map(|quota| quota.name.clone()))
    }

    /// Holds those of some leased contacts whose cell is full, and gives them.
    pub(super) async fn hold(
        &self,
        campaign: CampaignId,
        contacts: &[ContactId],
    ) -> Result<BTreeSet<ContactId>, StoreError> {
        if contacts.is_empty() || !self.shared.plans().get(&campaign).is_some_and(Plan::is_full) {
            return Ok(BTreeSet::new());
        }
        let mut writer = self.writer().await;
        let mut db = writer.db().await?;
        let traits = traits(&mut db, &self.shared.seals, contacts).await?;
        let mut full: BTreeMap<String, Vec<ContactId>> = BTreeMap::new();
        if let Some(plan) = self.shared.plans().get(&campaign) {
            for own in &traits {
                if let Some(quota) = plan.full_cell(own) {
                    full.entry(quota.name.clone()).or_default().push(own.contact);
                }
            }
        }
        for (name, contacts) in &full {
            HOLD.bind(ids(contacts)).bind(name).execute(&mut db).await?;
        }
        Ok(full.into_values().flatten().collect())
    }

    /// Counts erased contacts no more in the cells that nobody can tell they belonged to, as the
    /// next start will not; lets those go who were held by such a quota.
    pub(super) async fn uncount(&self, erased: &[ContactId]) -> Result<(), StoreError> {
        let opened: Vec<(CampaignId, String)> = {
            let mut plans = self.shared.plans();
            let cells = plans.iter_mut().flat_map(|(id, plan)| {
                plan.cells.iter_mut().filter_map(|cell| Some((*id, cell.uncount(erased)?)))
            });
            cells.collect()
        };
        for (campaign, quota) in opened {
            let mut writer = self.writer().await;
            LET_GO.bind(campaign.0).bind(quota).execute(&mut writer.db().await?).await?;
            self.shared.restock(campaign);
        }
        Ok(())
    }
}

/// Counts a contact whose call is told to the end.
pub(super) async fn count(
    db: &mut Db<'_>,
    shared: &super::Shared,
    (campaign, contact): (CampaignId, ContactId),
    class: DispositionClass,
) -> Result<(), StoreError> {
    let wanted = |plan: &Plan| plan.cells.iter().any(|cell| cell.quota.class == class);
    if !shared.plans().get(&campaign).is_some_and(wanted) {
        return Ok(());
    }
    let traits = traits(db, &shared.seals, &[contact]).await?;
    let mut plans = shared.plans();
    let plan = plans.get_mut(&campaign).zip(traits.first());
    if plan.is_some_and(|(plan, traits)| plan.count(traits, class)) {
        shared.restock(campaign);
    }
    Ok(())
}

async fn traits(
    db: &mut Db<'_>,
    seals: &Seals,
    contacts: &[ContactId],
) -> Result<Vec<Traits>, StoreError> {
    let rows = TRAITS.bind(ids(contacts)).fetch_all(db).await?;
    let traits = |row: &Row| {
        let (_, fields) = told(seals, row)?.unwrap_or_default();
        Ok(Traits {
            contact: contact_id(row)?,
            file: row.try_get("file")?,
            fields,
            zone: row.try_get("zone")?,
        })
    };
    rows.iter().map(traits).collect()
}

fn contact_id(row: &Row) -> Result<ContactId, StoreError> {
    Ok(ContactId(row.try_get::<i64>(0)?.cast_unsigned()))
}

fn ids(contacts: &[ContactId]) -> String {
    let ids: Vec<i64> = contacts.iter().map(|contact| contact.0.cast_signed()).collect();
    json(&ids)
}

//! In which order a campaign's lists are called, and when enough of a cell is reached: `[mix]` and
//! `[[quota]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::dispositions::CLASSES;
use super::reader::{Fields, Value};
use crate::core::campaign::DispositionClass;
use crate::core::quota::Quota;
use crate::units::Zone;

/// What is said of the order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// The files of lists that have a share of the contacts claimed, in percent.
    pub shares: Vec<(String, u8)>,
    /// The cells of contacts of which so many are wanted.
    pub quotas: Vec<Quota>,
}

/// Lists with a share in one campaign at most; each costs a claim a statement.
const SHARES_MAX: usize = 20;

/// Quotas of one campaign at most; each contact claimed is held against every one.
const QUOTAS_MAX: usize = 200;

/// Contacts wanted of one cell at most: those of the longest list.
const WANTED_MAX: u32 = 1_000_000;

pub(super) fn read(root: &Fields<'_, '_>) -> Order {
    Order { shares: shares(root), quotas: quotas(root) }
}

/// Reads `[mix]`: `"web.csv" = 70`.
fn shares(root: &Fields<'_, '_>) -> Vec<(String, u8)> {
    let Some(fields) = root.table("mix") else { return Vec::new() };
    let mut shares = Vec::new();
    let mut sum = 0;
    for (file, value) in fields.entries() {
        let percent = value.whole(1..=100).and_then(|percent| u8::try_from(percent).ok());
        let Some(percent) = percent else { continue };
        sum += u32::from(percent);
        if sum > 100 {
            value.error("makes the shares more than 100 percent", None);
        }
        shares.push((file, percent));
    }
    if shares.len() > SHARES_MAX {
        fields.error("mix", "has more than 20 lists", "give a share to the main ones only");
    }
    shares.truncate(SHARES_MAX);
    shares
}

/// Reads every `[[quota]]`.
fn quotas(root: &Fields<'_, '_>) -> Vec<Quota> {
    let tables = root.tables("quota");
    if tables.len() > QUOTAS_MAX {
        root.error("quota", "is there over 200 times", "join some of them");
    }
    let (mut quotas, mut names) = (Vec::new(), BTreeSet::new());
    for fields in tables.iter().take(QUOTAS_MAX) {
        let quota = quota(fields);
        fields.finish();
        let Some(quota) = quota else { continue };
        if !names.insert(quota.name.clone()) {
            fields.error("name", "is the name of another quota too", "rename one of them");
        }
        quotas.push(quota);
    }
    quotas
}

fn quota(fields: &Fields<'_, '_>) -> Option<Quota> {
    let name = fields.must("name", "\"Bretagne\"").and_then(|value| value.name());
    let max = fields.must("max", "200").and_then(|value| value.whole(0..=WANTED_MAX));
    let class =
        fields.or("class", DispositionClass::ArguedPositive, |value| value.choice(&CLASSES));
    let mut wanted = BTreeMap::new();
    for (name, value) in fields.table("where").map(|own| own.entries()).unwrap_or_default() {
        if let Some(text) = value.text() {
            wanted.insert(name, text.to_owned());
        }
    }
    let many = |key| fields.get(key).map(Value::one_or_more).unwrap_or_default();
    let lists = many("lists").iter().filter_map(Value::name).collect::<Vec<_>>();
    let zone = |value: &Value<'_, '_>| {
        value.parse(|text| Zone::new(text).map_err(|_| "is no time zone".to_owned()))
    };
    let zones = many("zones").iter().filter_map(zone).collect::<Vec<_>>();
    if wanted.is_empty() && lists.is_empty() && zones.is_empty() {
        let hint = "write where with the fields that make the cell, or lists or zones";
        fields.error("where", "is missing: a quota is about some of the contacts", hint);
    }
    Some(Quota { name: name?, fields: wanted, lists, zones, class, max: max? })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::campaign::Campaign;
    use super::super::problem::Problems;
    use super::*;
    use crate::core::order::Outcome;
    use crate::core::recycle::{Delay, Plan};
    use crate::core::rules::DaySpan;
    use crate::units::Span;

    const FILE: &str = "name = \"essai\"\nclient = \"Acme\"\nmode = \"progressive\"\n\
        routes = [\"t1\"]\ncaller_ids = [\"+33162000000\"]\nhours = \"lun-ven 10:00-18:00\"\n\
        [[disposition]]\ncode = \"vente\"\nclass = \"ca+\"\n";

    fn read(more: &str) -> Result<Campaign, Problems> {
        Campaign::read(Path::new("essai.toml"), &format!("{FILE}{more}"))
    }

    #[test]
    fn shares_and_quotas_are_read() -> Result<(), Problems> {
        let order = read(
            "[mix]\n\"web.csv\" = 70\n\"vieux.csv\" = 30\n\
             [[quota]]\nname = \"Bretagne\"\nwhere = { region = \"Bretagne\" }\nmax = 200\n\
             [[quota]]\nname = \"Iles\"\nzones = \"Indian/Reunion\"\nclass = \"ca-\"\nmax = 9\n",
        )?
        .order;
        let shares = [("web.csv", 70), ("vieux.csv", 30)];
        let shares = shares.map(|(file, percent)| (file.to_owned(), percent));
        assert_eq!(BTreeMap::from_iter(order.shares), BTreeMap::from(shares));
        let told: Vec<_> = order.quotas.iter().map(|quota| (quota.class, quota.max)).collect();
        let (won, lost) = (DispositionClass::ArguedPositive, DispositionClass::ArguedNegative);
        assert_eq!(told, [(won, 200), (lost, 9)]);
        assert_eq!(read("")?.order, Order::default());
        Ok(())
    }

    #[test]
    fn shares_and_quotas_that_cannot_be_are_refused() {
        for (more, word) in [
            ("[mix]\n\"a.csv\" = 70\n\"b.csv\" = 31\n", "100 percent"),
            ("[[quota]]\nname = \"A\"\nmax = 2\n", "a quota is about some"),
            ("[[quota]]\nname = \"A\"\nlists = \"a.csv\"\n", "is missing"),
            (
                "[[quota]]\nname = \"A\"\nlists = \"a.csv\"\nmax = 2\n\
                 [[quota]]\nname = \"A\"\nlists = \"b.csv\"\nmax = 2\n",
                "another quota",
            ),
        ] {
            let said = read(more).map(drop).map_err(|problems| problems.to_string());
            assert!(said.as_ref().is_err_and(|said| said.contains(word)), "{more}: {said:?}");
        }
    }

    #[test]
    fn a_retry_plan_is_read_and_old_files_have_none() -> Result<(), Problems> {
        let settings = read(
            "[retry]\nslots = [\"9:00-12:00\", \"17:00-20:00\"]\nbest_within = \"2d\"\n\
             no_answer = { wait = \"4h\", max = 5, other_day = true, other_slot = true }\n\
             machine = { wait = \"24h\", best_hour = true }\nbusy = \"20m\"\n",
        )?
        .retry;
        let wait = |hours: u64| Delay::of(Span::secs(hours * 3_600), false);
        let spread = Delay { max: Some(5), other_day: true, other_slot: true, ..wait(4) };
        assert_eq!(settings.after.get(&Outcome::NoAnswer), Some(&spread));
        let best = Delay { best_hour: true, ..wait(24) };
        assert_eq!(settings.after.get(&Outcome::Machine), Some(&best));
        let slots = [(540, 720), (1_020, 1_200)].map(|(from, to)| DaySpan { from, to });
        let best_within = Span::secs(2 * 86_400);
        assert_eq!(settings.plan, Some(Plan { slots: slots.to_vec(), best_within }));
        assert_eq!(read("[retry]\nno_answer = \"4h\"\n")?.retry.plan, None);
        let lost = "[retry]\nno_answer = { wait = \"4h\", other_slot = true }\n";
        assert!(read(lost).is_err_and(|said| said.to_string().contains("asks for another slot")));
        Ok(())
    }
}

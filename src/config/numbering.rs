//! Numbering plans: of which country a number is and of what class there, as the law packs tell.

use super::law::Pack;
use super::reader::Fields;
use crate::core::rules::caller_id::{Card, Class, Dialing};
use crate::units::{Number, Territory};

/// The numbers of one class in a country's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The class.
    pub class: Class,
    /// How they begin, international, such as `+336`.
    pub begins: Vec<String>,
}

/// What `class` of a block, and the classes of a rule, may say.
pub const CLASSES: [(&str, Class); 6] = [
    ("geographic", Class::Geographic),
    ("verified", Class::Verified),
    ("non-geographic", Class::NonGeographic),
    ("mobile", Class::Mobile),
    ("platform", Class::Platform),
    ("special", Class::Special),
];

/// What `modes` of a rule may say.
pub const MODES: [(&str, Dialing); 4] = [
    ("preview", Dialing::Preview),
    ("progressive", Dialing::Progressive),
    ("power", Dialing::Power),
    ("predictive", Dialing::Predictive),
];

/// Reads every `[[numbers]]` of a pack.
pub(super) fn blocks(fields: &Fields<'_, '_>) -> Vec<Block> {
    let block = |fields: &Fields<'_, '_>| {
        let class = fields.must("class", "\"mobile\"").and_then(|value| value.choice(&CLASSES));
        let begins = fields.must("begins", "[\"+336\"]").map(|value| value.list());
        fields.finish();
        let begins = begins.unwrap_or_default();
        let begins = begins.iter().filter_map(|value| value.parse(super::routes::prefix));
        Some(Block { class: class?, begins: begins.collect() })
    };
    fields.tables("numbers").iter().filter_map(block).collect()
}

/// Tells the country of a number and its class there: that of the longest beginning that fits.
#[must_use]
pub fn of(number: &Number, packs: &[Pack]) -> (Option<Territory>, Class) {
    let blocks = packs.iter().flat_map(|pack| {
        pack.numbers.iter().flat_map(move |block| {
            block.begins.iter().map(move |begin| (begin, block.class, &pack.territory))
        })
    });
    let fitting = blocks.filter(|(begin, ..)| number.reveal().starts_with(begin.as_str()));
    let longest = fitting.max_by_key(|(begin, ..)| begin.len());
    longest.map_or((None, Class::Other), |(_, class, country)| (Some(country.clone()), class))
}

/// Gives what the law knows of a number but for its trunks.
pub(super) fn card(number: &Number, packs: &[Pack]) -> Card {
    let (country, class) = of(number, packs);
    Card { country, class, mandated: false, trunks: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::law::built_in;

    #[test]
    fn a_number_is_of_the_class_its_plan_gives_it() -> Result<(), Box<dyn std::error::Error>> {
        let packs = built_in();
        for (number, country, class) in [
            ("+33123456789", Some("FR"), Class::Geographic),
            ("+33162000000", Some("FR"), Class::Verified),
            ("+33161000000", Some("FR"), Class::Geographic),
            ("+33948000000", Some("FR"), Class::Verified),
            ("+33947500000", Some("FR"), Class::Verified),
            ("+33947400000", Some("FR"), Class::NonGeographic),
            ("+590947500000", Some("FR"), Class::Verified),
            ("+262947900000", Some("FR"), Class::Verified),
            ("+262262000000", Some("FR"), Class::Geographic),
            ("+262692000000", Some("FR"), Class::Mobile),
            ("+33972000000", Some("FR"), Class::NonGeographic),
            ("+33938000000", Some("FR"), Class::Platform),
            ("+33612345678", Some("FR"), Class::Mobile),
            ("+33712345678", Some("FR"), Class::Mobile),
            ("+33801000000", Some("FR"), Class::Special),
            ("+34612345678", Some("ES"), Class::Mobile),
            ("+34912345678", Some("ES"), Class::Geographic),
            ("+442079460000", Some("GB"), Class::Geographic),
            ("+12025550100", None, Class::Other),
        ] {
            let (of, found) = of(&Number::new(number)?, &packs);
            assert_eq!((of.as_ref().map(Territory::code), found), (country, class), "{number}");
        }
        Ok(())
    }
}

//! What kind of person a record tells of, in French or English.

use super::columns::plain;
use crate::core::fact::PersonKind;

/// Words as [`plain`] writes them, by the kind they mean.
const WORDS: [(PersonKind, &str); 3] = [
    (
        PersonKind::Consumer,
        "particulier particuliers part consommateur consommatrice consommateurs b2c btoc \
         personne_physique menage foyer prive consumer consumers individual individuals private \
         private_person household residential",
    ),
    (
        PersonKind::Professional,
        "professionnel professionnels professionnelle pro pros entreprise entreprises societe \
         societes b2b btob personne_morale association collectivite administration professional \
         professionals business businesses company companies corporate organization organisation",
    ),
    (
        PersonKind::SoleTrader,
        "auto_entrepreneur autoentrepreneur auto_entreprise micro_entrepreneur \
         microentrepreneur micro_entreprise entrepreneur_individuel entreprise_individuelle ei \
         eirl artisan artisane commercant commercante independant independante \
         travailleur_non_salarie tns liberal profession_liberale sole_trader sole_proprietor \
         self_employed freelance \
         freelancer",
    ),
];

/// Reads a kind; `None` of a word that is none.
pub(super) fn read(cell: &str) -> Option<PersonKind> {
    let word = plain(cell);
    let means = |words: &str| words.split_whitespace().any(|known| known == word);
    WORDS.iter().find(|(_, words)| means(words)).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_both_languages_and_any_dress() {
        for (cell, kind) in [
            ("Particulier", Some(PersonKind::Consumer)),
            ("PERSONNE PHYSIQUE", Some(PersonKind::Consumer)),
            ("consumer", Some(PersonKind::Consumer)),
            (" Pro ", Some(PersonKind::Professional)),
            ("Société", Some(PersonKind::Professional)),
            ("B2B", Some(PersonKind::Professional)),
            ("Auto-entrepreneur", Some(PersonKind::SoleTrader)),
            ("Micro-entreprise", Some(PersonKind::SoleTrader)),
            ("Commerçant", Some(PersonKind::SoleTrader)),
            ("sole trader", Some(PersonKind::SoleTrader)),
            ("maison", None),
            ("?", None),
        ] {
            assert_eq!(read(cell), kind, "{cell}");
        }
    }
}

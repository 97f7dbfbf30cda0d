//! Why a record is rejected, and what to do about it.

/// Why a record is rejected; the code is printed, counted and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No cell holds a number.
    NumberMissing,
    /// The digits were lost in a spreadsheet.
    NumberLost,
    /// It has too few digits.
    NumberShort,
    /// It has too many digits.
    NumberLong,
    /// Letters stand among its digits.
    NumberLetters,
    /// It is a date, a fax, a reference, or out of use.
    NumberOther,
    /// It has the right length, and nobody can have it.
    NumberUnassigned,
    /// It is one of another country, without the `+`.
    NumberForeign,
    /// It begins with the code of no country.
    CountryUnknown,
    /// It costs whoever calls it, and is no person's.
    NumberPremium,
    /// The country has several time zones.
    ZoneUnknown,
    /// The zone column names no zone.
    ZoneInvalid,
    /// The priority is no digit from 1 to 9.
    PriorityInvalid,
    /// The score is no number from 0 to 100.
    ScoreInvalid,
    /// The agent is not known.
    AgentUnknown,
    /// The law asks for a right to call, and the record has none.
    ConsentMissing,
    /// The date of a consent or contract is none.
    ConsentUnreadable,
    /// The consent is to be given yet.
    ConsentFuture,
    /// The consent or the contract is over.
    ConsentOver,
    /// A contract without number, object or end.
    ContractIncomplete,
    /// A wish reaches a client company or a campaign that is not there.
    ReachUnknown,
    /// The end of a wish is no date.
    EndUnreadable,
    /// The wish is over.
    EndOver,
    /// Another record of the file has the same number.
    Doubled,
    /// Another record of the file has the same reference.
    IdDoubled,
    /// It has more or fewer cells than the header.
    Cells,
    /// It is not UTF-8.
    Encoding,
    /// It is too long.
    TooLong,
}

const NUMBER_PREMIUM: [&str; 2] = [
    "numéro surtaxé, jamais celui d'une personne : mettez un numéro ordinaire",
    "a premium-rate number is no person's: write an ordinary one",
];
const ZONE_UNKNOWN: [&str; 2] = [
    "ce numéro ne dit pas son fuseau : colonne zone (America/Chicago), ou --zone",
    "this number does not tell its zone: column zone (America/Chicago), or --zone",
];
const ZONE_INVALID: [&str; 2] = [
    "écrivez un fuseau IANA (Europe/Paris), ou faites ignorer la colonne (--columns)",
    "write an IANA zone (Europe/Paris), or have the column ignored (--columns)",
];
const CELLS: [&str; 2] = [
    "pas autant de cellules que de titres : un guillemet ou un séparateur est de trop",
    "not as many cells as titles: a quote or a delimiter is too much",
];
const CONSENT_MISSING: [&str; 2] = [
    "écrivez sous « date consentement » le jour où il a été donné ; s'il doit l'être encore : \
     list import --consent-later, puis consent import",
    "write the day on which it was given below \"consent date\"; if it is to be given yet: \
     list import --consent-later, then consent import",
];
const CONSENT_UNREADABLE: [&str; 2] =
    ["écrivez un jour, par ex. 12/09/2026", "write a day, such as 2026-09-12"];
const CONSENT_FUTURE: [&str; 2] = [
    "ce jour est à venir : écrivez celui où le consentement a été donné",
    "that day is to come: write the one on which the consent was given",
];
const CONSENT_OVER: [&str; 2] = [
    "le consentement (un an au plus) ou le contrat est échu : faites-le renouveler",
    "the consent (a year at most) or the contract is over: have it renewed",
];
const REACH_UNKNOWN: [&str; 2] = [
    "écrivez un client ou une campagne qui existe (cadran campaign list), ou « tous »",
    "write a client company or a campaign that is there (cadran campaign list), or \"all\"",
];
const END_OVER: [&str; 2] = [
    "cette opposition est échue : supprimez la ligne, ou écrivez un jour à venir",
    "this wish is over: delete the line, or write a day to come",
];
const CONTRACT_INCOMPLETE: [&str; 2] = [
    "un contrat demande numéro, objet et fin : complétez ces colonnes",
    "a contract needs its number, object and end: complete those columns",
];

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 28] = [
        Self::NumberMissing,
        Self::NumberLost,
        Self::NumberShort,
        Self::NumberLong,
        Self::NumberLetters,
        Self::NumberOther,
        Self::NumberUnassigned,
        Self::NumberForeign,
        Self::CountryUnknown,
        Self::NumberPremium,
        Self::ZoneUnknown,
        Self::ZoneInvalid,
        Self::PriorityInvalid,
        Self::ScoreInvalid,
        Self::AgentUnknown,
        Self::ConsentMissing,
        Self::ConsentUnreadable,
        Self::ConsentFuture,
        Self::ConsentOver,
        Self::ContractIncomplete,
        Self::ReachUnknown,
        Self::EndUnreadable,
        Self::EndOver,
        Self::Doubled,
        Self::IdDoubled,
        Self::Cells,
        Self::Encoding,
        Self::TooLong,
    ];

    /// Gives the stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NumberMissing => "number_missing",
            Self::NumberLost => "number_lost",
            Self::NumberShort => "number_short",
            Self::NumberLong => "number_long",
            Self::NumberLetters => "number_letters",
            Self::NumberOther => "number_other",
            Self::NumberUnassigned => "number_unassigned",
            Self::NumberForeign => "number_foreign",
            Self::CountryUnknown => "country_unknown",
            Self::NumberPremium => "number_premium",
            Self::ZoneUnknown => "zone_unknown",
            Self::ZoneInvalid => "zone_invalid",
            Self::PriorityInvalid => "priority_invalid",
            Self::ScoreInvalid => "score_invalid",
            Self::AgentUnknown => "agent_unknown",
            Self::ConsentMissing => "consent_missing",
            Self::ConsentUnreadable => "consent_unreadable",
            Self::ConsentFuture => "consent_future",
            Self::ConsentOver => "consent_over",
            Self::ContractIncomplete => "contract_incomplete",
            Self::ReachUnknown => "reach_unknown",
            Self::EndUnreadable => "end_unreadable",
            Self::EndOver => "end_over",
            Self::Doubled => "doubled",
            Self::IdDoubled => "id_doubled",
            Self::Cells => "cells",
            Self::Encoding => "encoding",
            Self::TooLong => "too_long",
        }
    }

    /// Says what to do, in French and English.
    #[must_use]
    pub fn fix(self) -> [&'static str; 2] {
        match self {
            Self::NumberMissing => ["ajoutez un numéro de téléphone", "add a telephone number"],
            Self::NumberLost => [
                "le tableur a perdu des chiffres : reprenez le numéro à la source, en texte",
                "the spreadsheet lost digits: take the number from its source, as text",
            ],
            Self::NumberShort => ["il y manque des chiffres", "digits are missing"],
            Self::NumberLong => [
                "il y a trop de chiffres : un seul numéro par cellule, 10 chiffres en France",
                "there are too many digits: write one number into a cell",
            ],
            Self::NumberLetters => [
                "écrivez le numéro en chiffres, sans lettre au milieu",
                "write the number in digits, without letters in it",
            ],
            Self::NumberOther => [
                "date, fax, référence ou ancien numéro ? n'y laissez que le numéro à appeler",
                "a date, fax, reference or old number? leave only the number to call",
            ],
            Self::NumberUnassigned => [
                "la longueur est bonne, mais ce début n'est celui d'aucun numéro : vérifiez-le",
                "the length is right, but no number begins like this: check it",
            ],
            Self::NumberForeign => [
                "numéro d'un autre pays ? écrivez + devant l'indicatif, +32 ; d'ici ? son 0",
                "of another country? write + before its country code, +32; of here? its 0",
            ],
            Self::CountryUnknown => [
                "aucun pays n'a cet indicatif : vérifiez ce qui suit le + ou le 00",
                "no country has this code: check what follows the + or 00",
            ],
            Self::NumberPremium => NUMBER_PREMIUM,
            Self::ZoneUnknown => ZONE_UNKNOWN,
            Self::ZoneInvalid => ZONE_INVALID,
            Self::PriorityInvalid => {
                ["écrivez une priorité de 1 à 9", "write a priority from 1 to 9"]
            }
            Self::ScoreInvalid => ["écrivez un score de 0 à 100", "write a score from 0 to 100"],
            Self::AgentUnknown => [
                "ajoutez cet agent (cadran agent add) ou videz la cellule",
                "add this agent (cadran agent add) or empty the cell",
            ],
            Self::ConsentMissing => CONSENT_MISSING,
            Self::ConsentUnreadable => CONSENT_UNREADABLE,
            Self::ConsentFuture => CONSENT_FUTURE,
            Self::ConsentOver => CONSENT_OVER,
            Self::ContractIncomplete => CONTRACT_INCOMPLETE,
            Self::ReachUnknown => REACH_UNKNOWN,
            Self::EndUnreadable => CONSENT_UNREADABLE,
            Self::EndOver => END_OVER,
            Self::Doubled => [
                "le même numéro figure plus haut : supprimez cette ligne",
                "the same number stands above: delete this line",
            ],
            Self::IdDoubled => [
                "la même référence figure plus haut : corrigez-la, ou videz la cellule",
                "the same reference stands above: mend it, or empty the cell",
            ],
            Self::Cells => CELLS,
            Self::Encoding => ["enregistrez le fichier en CSV UTF-8", "save the file as CSV UTF-8"],
            Self::TooLong => [
                "plus de 64 Ko : un guillemet n'est pas fermé",
                "over 64 KB: a quote is not closed",
            ],
        }
    }

    /// Finds the reason of a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Tells whether a cell's digits are no number of the country they were read for: where nearly
    /// all are, the list is of another one.
    #[must_use]
    pub fn doubts_the_country(self) -> bool {
        let doubtful =
            [Self::NumberShort, Self::NumberLong, Self::NumberUnassigned, Self::NumberForeign];
        doubtful.contains(&self)
    }
}

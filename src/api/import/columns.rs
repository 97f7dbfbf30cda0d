//! Which column of a list means what: told by a mapping, or by its French or English title.

use std::collections::BTreeMap;

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use super::consent::About;
use super::rejects::ARMED;
use crate::units::Zone;

/// What a column means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// A telephone number.
    Phone,
    /// The family or whole name.
    Name,
    /// The first name.
    FirstName,
    /// The CRM's own id.
    ExternalId,
    /// The time zone of the person.
    Zone,
    /// 1 is called first, 9 last.
    Priority,
    /// From 0 to 100, the highest first within a priority.
    Score,
    /// The agent whose portfolio holds the contact.
    Agent,
    /// What kind of person the contact is.
    Kind,
    /// Something of the right to call the person.
    Right(About),
    /// Any other field, under this name.
    Field(String),
    /// A column we wrote ourselves into a file of rejects.
    Ignored,
}

/// Titles as [`plain`] writes them, digits at the end left out, by what they mean.
const TITLES: [(Meaning, &str); 19] = [
    (
        Meaning::Phone,
        "tel tels telephone telephones telephone_fixe telephone_mobile telephone_portable \
         telephone_domicile \
         telephone_bureau telephone_professionnel telephone_pro telephone_perso \
         telephone_personnel telephone_principal telephone_secondaire tel_fixe tel_mobile \
         tel_portable tel_domicile tel_bureau tel_pro tel_perso tel_port tel_dom no_tel n_tel \
         no_de_tel n_de_tel num_tel num_telephone n_telephone no_telephone no_de_telephone \
         n_de_telephone numero numero_de_telephone numero_telephone numero_tel numero_de_tel \
         numero_portable numero_mobile numero_fixe ligne_fixe ligne_mobile fixe portable \
         mobile mob gsm cellulaire phone phone_number phone_no phones telephone_number \
         mobile_phone mobile_number home_phone home_number work_phone work_number \
         business_phone contact_number landline cell cell_phone cellphone msisdn",
    ),
    (
        Meaning::Name,
        "nom nom_de_famille nom_complet nom_client nom_du_contact nom_prenom nom_et_prenom \
         prenom_nom contact name last_name lastname surname family_name full_name \
         contact_name customer_name",
    ),
    (Meaning::FirstName, "prenom first_name firstname given_name forename"),
    (
        Meaning::ExternalId,
        "id identifiant ref reference external_id id_externe id_client id_contact id_crm \
         ref_client reference_client code_client code_contact numero_client no_client \
         n_client num_client contact_id customer_id client_id crm_id lead_id",
    ),
    (Meaning::Zone, "zone fuseau fuseau_horaire timezone time_zone tz"),
    (Meaning::Priority, "priorite priority"),
    (Meaning::Score, "score scoring note_score lead_score appetence"),
    (Meaning::Agent, "agent teleconseiller"),
    (
        Meaning::Kind,
        "type type_contact type_de_contact type_client type_de_client type_personne \
         type_de_personne nature_client nature_du_client nature_contact categorie_client \
         particulier_professionnel particulier_pro pro_part kind person_kind person_type \
         contact_kind contact_type client_type customer_type consumer_or_business",
    ),
    (
        Meaning::Right(About::ObtainedAt),
        "consentement date_consentement date_de_consentement date_du_consentement \
         consentement_date consentement_le consenti_le date_recueil date_de_recueil \
         date_recueil_consentement recueil_consentement consent consent_date date_of_consent \
         consent_at consent_given_at consent_obtained_at consent_timestamp opt_in optin \
         opt_in_date optin_date date_optin date_opt_in opt_in_at",
    ),
    (
        Meaning::Right(About::Source),
        "source_consentement source_du_consentement origine_consentement \
         origine_du_consentement canal_consentement consent_source consent_channel \
         opt_in_source optin_source source_optin source_opt_in",
    ),
    (
        Meaning::Right(About::Proof),
        "preuve preuve_consentement preuve_de_consentement preuve_du_consentement \
         empreinte_consentement id_consentement consent_proof proof_of_consent consent_hash \
         consent_id",
    ),
    (
        Meaning::Right(About::Scope),
        "objet_consentement objet_du_consentement portee_consentement consent_scope",
    ),
    (
        Meaning::Right(About::ExpiresAt),
        "fin_consentement fin_de_consentement date_fin_consentement expiration_consentement \
         consent_expires consent_expires_at consent_expiry consent_until",
    ),
    (
        Meaning::Right(About::OutOfHours),
        "consentement_hors_horaires hors_horaires consent_out_of_hours out_of_hours",
    ),
    (
        Meaning::Right(About::Contract),
        "contrat numero_contrat numero_de_contrat num_contrat no_contrat n_contrat \
         n_de_contrat id_contrat contract contract_id contract_number contract_no",
    ),
    (
        Meaning::Right(About::Object),
        "objet_contrat objet_du_contrat contract_object contract_subject",
    ),
    (
        Meaning::Right(About::BeginsAt),
        "debut_contrat debut_du_contrat date_debut_contrat date_contrat contract_start \
         contract_begin contract_start_date contract_date",
    ),
    (
        Meaning::Right(About::EndsAt),
        "fin_contrat fin_de_contrat fin_du_contrat date_fin_contrat date_de_fin_de_contrat \
         echeance_contrat contract_end contract_ends contract_end_date contract_until",
    ),
];

/// Titles that mean something else in a file of consents alone, where nothing else can be meant.
const IN_CONSENTS: [(About, &str); 6] = [
    (About::ObtainedAt, "date obtained_at obtained given_at le collected_at recueilli_le"),
    (About::Source, "source origine canal channel formulaire form"),
    (About::Proof, "proof hash empreinte"),
    (About::Scope, "scope portee objet purpose finalite"),
    (About::ExpiresAt, "expires expires_at expiration fin until"),
    (About::Object, "object"),
];

/// Titles of time zones that sales districts have as well.
const DOUBTFUL_ZONES: [&str; 1] = ["zone"];

/// Titles of kinds of persons that other sorts have as well.
const DOUBTFUL_KINDS: [&str; 4] = ["type", "type_contact", "contact_type", "kind"];

/// Common fields under one name in both languages.
const FIELDS: [(&str, &str); 6] = [
    ("postal_code", "cp code_postal codepostal zip zip_code zipcode postcode post_code"),
    ("city", "ville commune localite town"),
    (
        "address",
        "adresse rue adresse_1 adresse_postale street street_address \
         address_line_1",
    ),
    ("title", "civilite civ salutation"),
    (
        "company",
        "societe entreprise raison_sociale nom_societe organisation \
         organization company_name",
    ),
    (
        "email",
        "courriel mail e_mail email_address adresse_mail adresse_email \
         adresse_e_mail adresse_electronique",
    ),
];

/// What the columns of lists mean, by title: `phone`, `name`, `first_name`, `external_id`, `zone`,
/// `priority`, `score`, `agent`, `person`, `consent.obtained_at` and its like, `ignored`, or
/// `fields.` and a name.
/// Columns it does not name are told by their titles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Mapping(BTreeMap<String, Meaning>);

/// A word that is no meaning of a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "column {title:?}: {word:?} is no meaning: write phone, name, first_name, external_id, zone, \
     priority, score, agent, person, ignored, consent.obtained_at, consent.source, consent.proof, \
     consent.scope, consent.expires_at, consent.out_of_hours, contract.id, contract.object, \
     contract.begins_at, contract.ends_at, or fields. and a name"
)]
pub struct NotAMeaning {
    title: String,
    word: String,
}

impl Mapping {
    /// Tells whether it names no column.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes titles as they are meant in a file of consents, but for those it names itself.
    #[must_use]
    pub fn of_consents(mut self) -> Self {
        for (about, titles) in IN_CONSENTS {
            for title in titles.split(' ') {
                self.0.entry(title.to_owned()).or_insert(Meaning::Right(about));
            }
        }
        self
    }
}

impl TryFrom<BTreeMap<String, String>> for Mapping {
    type Error = NotAMeaning;

    fn try_from(words: BTreeMap<String, String>) -> Result<Self, NotAMeaning> {
        let known = |(title, word): (String, String)| match Meaning::of_word(&word) {
            Some(meaning) => Ok((plain(&title), meaning)),
            None => Err(NotAMeaning { title, word }),
        };
        words.into_iter().map(known).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Mapping> for BTreeMap<String, String> {
    fn from(mapping: Mapping) -> Self {
        mapping.0.into_iter().map(|(title, meaning)| (title, meaning.word())).collect()
    }
}

impl Meaning {
    /// Says it as mappings and reports do.
    fn word(&self) -> String {
        match self {
            Self::Phone => "phone".to_owned(),
            Self::Name => "name".to_owned(),
            Self::FirstName => "first_name".to_owned(),
            Self::ExternalId => "external_id".to_owned(),
            Self::Zone => "zone".to_owned(),
            Self::Priority => "priority".to_owned(),
            Self::Score => "score".to_owned(),
            Self::Agent => "agent".to_owned(),
            Self::Kind => "person".to_owned(),
            Self::Right(about) => right_word(*about).to_owned(),
            Self::Field(name) => format!("fields.{name}"),
            Self::Ignored => "ignored".to_owned(),
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        if let Some(name) = word.strip_prefix("fields.").filter(|name| !name.is_empty()) {
            return Some(Self::Field(name.to_owned()));
        }
        let words = TITLES.into_iter().map(|(meaning, _)| meaning).chain([Self::Ignored]);
        words.into_iter().find(|meaning| meaning.word() == word)
    }
}

fn right_word(about: About) -> &'static str {
    match about {
        About::ObtainedAt => "consent.obtained_at",
        About::Source => "consent.source",
        About::Proof => "consent.proof",
        About::Scope => "consent.scope",
        About::ExpiresAt => "consent.expires_at",
        About::OutOfHours => "consent.out_of_hours",
        About::Contract => "contract.id",
        About::Object => "contract.object",
        About::BeginsAt => "contract.begins_at",
        About::EndsAt => "contract.ends_at",
    }
}

/// The columns of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    meanings: Vec<Meaning>,
    /// The titles as fields are named.
    names: Vec<String>,
}

impl Columns {
    /// Reads a header.
    #[must_use]
    pub(super) fn of(header: &StringRecord, mapping: &Mapping) -> Self {
        let mut taken = BTreeMap::new();
        let meaning = |(place, title): (usize, &str)| {
            let meaning = meaning(title, mapping);
            let shared = matches!(meaning, Meaning::Phone | Meaning::Ignored);
            let repeated = !shared && taken.insert(meaning.clone(), ()).is_some();
            match plain(title) {
                plain if plain.is_empty() => Meaning::Field(format!("column_{}", place + 1)),
                plain if repeated => Meaning::Field(plain),
                _ => meaning,
            }
        };
        let meanings = header.iter().enumerate().map(meaning).collect();
        Self { meanings, names: header.iter().map(plain).collect() }
    }

    /// Gives the name of a field of a column's title.
    #[must_use]
    pub(super) fn name(&self, place: usize) -> Option<&str> {
        self.names.get(place).map(String::as_str)
    }

    /// Gives the place of the column of a title, as fields are named.
    #[must_use]
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Gives the place of the first column of telephone numbers.
    #[must_use]
    pub(super) fn phone(&self) -> Option<usize> {
        self.meanings.iter().position(|meaning| *meaning == Meaning::Phone)
    }

    /// Takes a column called zone for a field after all where its cells name no time zone: many
    /// call a sales district so. The first cell that is not empty tells; a mapping is obeyed.
    pub(super) fn doubt_zone(&mut self, titles: &StringRecord, mapping: &Mapping, cells: &[&str]) {
        let Some(place) = self.zone() else { return };
        let title = plain(titles.get(place).unwrap_or_default());
        let told = mapping.0.contains_key(&title) || !DOUBTFUL_ZONES.contains(&title.as_str());
        let first = cells.iter().find(|cell| !cell.trim().is_empty());
        let other = first.is_some_and(|cell| Zone::new(cell.trim()).is_err());
        if let Some(meaning) = self.meanings.get_mut(place)
            && other
            && !told
        {
            *meaning = Meaning::Field(title);
        }
    }

    /// Takes a column called type for a field after all where none of its first cells names a kind
    /// of person. A mapping is obeyed.
    pub(super) fn doubt_kind(
        &mut self,
        titles: &StringRecord,
        mapping: &Mapping,
        sample: &[StringRecord],
    ) {
        let place = self.meanings.iter().position(|meaning| *meaning == Meaning::Kind);
        let Some(place) = place else { return };
        let title = plain(titles.get(place).unwrap_or_default());
        let told = mapping.0.contains_key(&title) || !DOUBTFUL_KINDS.contains(&title.as_str());
        let mut cells = sample.iter().filter_map(|record| record.get(place));
        if let Some(meaning) = self.meanings.get_mut(place)
            && !told
            && !cells.any(|cell| super::person::read(cell).is_some())
        {
            *meaning = Meaning::Field(title);
        }
    }

    /// Gives the place of the column of time zones.
    #[must_use]
    pub(super) fn zone(&self) -> Option<usize> {
        self.meanings.iter().position(|meaning| *meaning == Meaning::Zone)
    }

    /// Gives the place of the column of references.
    #[must_use]
    pub(super) fn external_id(&self) -> Option<usize> {
        self.meanings.iter().position(|meaning| *meaning == Meaning::ExternalId)
    }

    /// Gives each cell of a record that is not empty with its place and meaning.
    pub(super) fn cells<'r>(
        &'r self,
        record: &'r StringRecord,
    ) -> impl Iterator<Item = (usize, &'r Meaning, &'r str)> {
        let cells = self.meanings.iter().zip(record).enumerate();
        let cells = cells.map(|(place, (meaning, cell))| (place, meaning, disarmed(cell.trim())));
        cells.filter(|(_, _, cell)| !cell.is_empty())
    }

    /// Says what each column was taken for.
    #[must_use]
    pub(super) fn say(&self, header: &StringRecord) -> BTreeMap<String, String> {
        header.iter().map(str::to_owned).zip(self.meanings.iter().map(Meaning::word)).collect()
    }
}

fn meaning(title: &str, mapping: &Mapping) -> Meaning {
    if title.trim().starts_with('_') {
        return Meaning::Ignored;
    }
    let plain = plain(title);
    if let Some(meaning) = mapping.0.get(&plain) {
        return meaning.clone();
    }
    let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    let means = |titles: &str| titles.split(' ').any(|title| title == stem || title == plain);
    if let Some((meaning, _)) = TITLES.iter().find(|(_, titles)| means(titles)) {
        return meaning.clone();
    }
    let same = |titles: &str| titles.split(' ').any(|title| title == plain);
    let field = FIELDS.iter().find(|(_, titles)| same(titles)).map(|(name, _)| (*name).to_owned());
    Meaning::Field(field.unwrap_or(plain))
}

/// Takes off the quote that keeps a spreadsheet from running a cell (see `rejects`).
fn disarmed(cell: &str) -> &str {
    let rest = cell.strip_prefix('\'').map(str::trim_start);
    rest.filter(|rest| rest.starts_with(ARMED)).unwrap_or(cell)
}

/// Writes a title in small letters without accents, other signs as single underscores.
#[must_use]
pub fn plain(title: &str) -> String {
    let mut plain = String::new();
    for letter in title.trim().to_lowercase().chars() {
        let letter = match letter {
            'à' | 'â' | 'ä' => 'a',
            'ç' => 'c',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'î' | 'ï' => 'i',
            'ô' | 'ö' => 'o',
            'ù' | 'û' | 'ü' => 'u',
            'º' => ' ',
            other => other,
        };
        if letter.is_alphanumeric() {
            plain.push(letter);
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(titles: &[&str]) -> Vec<Meaning> {
        Columns::of(&StringRecord::from(titles.to_vec()), &Mapping::default()).meanings
    }

    #[test]
    fn titles_are_known_in_both_languages_and_any_dress() {
        for title in [
            "Tél",
            "TELEPHONE 2",
            "N° tél.",
            "Nº de téléphone",
            "Tél. portable",
            "Tél (mobile)",
            "phone",
            "Mobile",
            "gsm1",
            "Phone Number",
        ] {
            assert_eq!(guessed(&[title]), [Meaning::Phone], "{title}");
        }
        assert_eq!(guessed(&["Prénom"]), [Meaning::FirstName]);
        assert_eq!(guessed(&["Code postal"]), [Meaning::Field("postal_code".into())]);
        assert_eq!(guessed(&["Surface m²"]), [Meaning::Field("surface_m²".into())]);
        assert_eq!(guessed(&["_motif"]), [Meaning::Ignored]);
        assert_eq!(guessed(&["Nom", ""]), [Meaning::Name, Meaning::Field("column_2".into())]);
    }

    #[test]
    fn no_column_of_a_file_of_rejects_becomes_a_field() {
        let ours = Meaning::Ignored;
        let expected = [Meaning::Phone, ours.clone(), ours.clone(), ours];
        assert_eq!(guessed(&["tel", "_ligne", "_motif", "_correction_proposee"]), expected);
    }

    #[test]
    fn a_second_name_column_stays_a_field() {
        let expected =
            [Meaning::Name, Meaning::Field("name".into()), Meaning::Phone, Meaning::Phone];
        assert_eq!(guessed(&["nom", "name", "tel", "tel2"]), expected);
    }

    #[test]
    fn a_mapping_is_obeyed_before_the_titles_and_comes_back_as_it_went() -> Result<(), NotAMeaning>
    {
        let words = [("Contact joignable", "phone"), ("id", "ignored"), ("CA", "fields.turnover")];
        let words = words.map(|(title, word)| (title.to_owned(), word.to_owned()));
        let mapping = Mapping::try_from(BTreeMap::from(words))?;
        let header = StringRecord::from(vec!["contact joignable", "ID", "ca", "nom"]);
        let turnover = Meaning::Field("turnover".into());
        let expected = [Meaning::Phone, Meaning::Ignored, turnover, Meaning::Name];
        assert_eq!(Columns::of(&header, &mapping).meanings, expected);
        let again = Mapping::try_from(BTreeMap::from(mapping.clone()))?;
        assert_eq!(again, mapping);
        let wrong = BTreeMap::from([("Tél".to_owned(), "fone".to_owned())]);
        let told = Mapping::try_from(wrong).map_err(|error| error.to_string());
        assert!(told.is_err_and(|told| told.contains("\"Tél\"") && told.contains("phone, name")));
        Ok(())
    }
}

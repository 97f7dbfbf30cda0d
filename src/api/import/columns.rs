//! Which column of a list means what, by its French or English title.

use std::collections::BTreeMap;

use csv::StringRecord;

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
    /// The agent whose portfolio holds the contact.
    Agent,
    /// Any other field, under this name.
    Field(String),
    /// A column we wrote ourselves into a file of rejects.
    Ignored,
}

/// Titles as [`plain`] writes them, digits at the end left out.
const TITLES: [(&str, Meaning); 54] = [
    ("tel", Meaning::Phone),
    ("telephone", Meaning::Phone),
    ("telephone_fixe", Meaning::Phone),
    ("telephone_mobile", Meaning::Phone),
    ("telephone_portable", Meaning::Phone),
    ("telephone_domicile", Meaning::Phone),
    ("tel_fixe", Meaning::Phone),
    ("tel_mobile", Meaning::Phone),
    ("tel_portable", Meaning::Phone),
    ("tel_domicile", Meaning::Phone),
    ("tel_bureau", Meaning::Phone),
    ("no_tel", Meaning::Phone),
    ("n_tel", Meaning::Phone),
    ("num_tel", Meaning::Phone),
    ("numero", Meaning::Phone),
    ("numero_de_telephone", Meaning::Phone),
    ("numero_telephone", Meaning::Phone),
    ("fixe", Meaning::Phone),
    ("portable", Meaning::Phone),
    ("mobile", Meaning::Phone),
    ("gsm", Meaning::Phone),
    ("phone", Meaning::Phone),
    ("phone_number", Meaning::Phone),
    ("mobile_phone", Meaning::Phone),
    ("home_phone", Meaning::Phone),
    ("work_phone", Meaning::Phone),
    ("landline", Meaning::Phone),
    ("cell", Meaning::Phone),
    ("cell_phone", Meaning::Phone),
    ("nom", Meaning::Name),
    ("nom_de_famille", Meaning::Name),
    ("name", Meaning::Name),
    ("last_name", Meaning::Name),
    ("surname", Meaning::Name),
    ("prenom", Meaning::FirstName),
    ("first_name", Meaning::FirstName),
    ("given_name", Meaning::FirstName),
    ("id", Meaning::ExternalId),
    ("identifiant", Meaning::ExternalId),
    ("ref", Meaning::ExternalId),
    ("reference", Meaning::ExternalId),
    ("external_id", Meaning::ExternalId),
    ("id_client", Meaning::ExternalId),
    ("ref_client", Meaning::ExternalId),
    ("code_client", Meaning::ExternalId),
    ("contact_id", Meaning::ExternalId),
    ("customer_id", Meaning::ExternalId),
    ("zone", Meaning::Zone),
    ("fuseau", Meaning::Zone),
    ("timezone", Meaning::Zone),
    ("priorite", Meaning::Priority),
    ("priority", Meaning::Priority),
    ("agent", Meaning::Agent),
    ("teleconseiller", Meaning::Agent),
];

/// Common fields under one name in both languages.
const FIELDS: [(&str, &str); 15] = [
    ("cp", "postal_code"),
    ("code_postal", "postal_code"),
    ("zip", "postal_code"),
    ("postcode", "postal_code"),
    ("ville", "city"),
    ("commune", "city"),
    ("adresse", "address"),
    ("rue", "address"),
    ("civilite", "title"),
    ("societe", "company"),
    ("entreprise", "company"),
    ("raison_sociale", "company"),
    ("courriel", "email"),
    ("mail", "email"),
    ("e_mail", "email"),
];

/// The columns of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    meanings: Vec<Meaning>,
}

impl Columns {
    /// Reads a header.
    #[must_use]
    pub(super) fn of(header: &StringRecord) -> Self {
        let mut taken = BTreeMap::new();
        let meaning = |title: &str| {
            let meaning = meaning(title);
            let shared = matches!(meaning, Meaning::Phone | Meaning::Ignored);
            let repeated = !shared && taken.insert(meaning.clone(), ()).is_some();
            if repeated { Meaning::Field(plain(title)) } else { meaning }
        };
        Self { meanings: header.iter().map(meaning).collect() }
    }

    /// Tells whether any column holds telephone numbers.
    #[must_use]
    pub(super) fn has_phone(&self) -> bool {
        self.meanings.contains(&Meaning::Phone)
    }

    /// Gives each cell of a record with its meaning.
    pub(super) fn cells<'r>(
        &'r self,
        record: &'r StringRecord,
    ) -> impl Iterator<Item = (&'r Meaning, &'r str)> {
        self.meanings.iter().zip(record.iter().map(str::trim)).filter(|(_, cell)| !cell.is_empty())
    }

    /// Says what each column was taken for.
    #[must_use]
    pub(super) fn say(&self, header: &StringRecord) -> BTreeMap<String, String> {
        let said = |meaning: &Meaning| match meaning {
            Meaning::Phone => "phone".to_owned(),
            Meaning::Name => "name".to_owned(),
            Meaning::FirstName => "first_name".to_owned(),
            Meaning::ExternalId => "external_id".to_owned(),
            Meaning::Zone => "zone".to_owned(),
            Meaning::Priority => "priority".to_owned(),
            Meaning::Agent => "agent".to_owned(),
            Meaning::Field(name) => format!("fields.{name}"),
            Meaning::Ignored => "ignored".to_owned(),
        };
        header.iter().map(str::to_owned).zip(self.meanings.iter().map(said)).collect()
    }
}

fn meaning(title: &str) -> Meaning {
    if title.trim().starts_with('_') {
        return Meaning::Ignored;
    }
    let plain = plain(title);
    let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
    let known = TITLES.iter().find(|(word, _)| *word == stem || *word == plain);
    match known {
        Some((_, meaning)) => meaning.clone(),
        None => {
            let field = FIELDS.iter().find(|(word, _)| *word == plain);
            Meaning::Field(field.map_or(plain, |(_, name)| (*name).to_owned()))
        }
    }
}

/// Writes a title in small letters without accents, other signs as single underscores.
fn plain(title: &str) -> String {
    let mut plain = String::new();
    for letter in title.trim().to_lowercase().chars() {
        let letter = match letter {
            'à' | 'â' | 'ä' => 'a',
            'ç' => 'c',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'î' | 'ï' => 'i',
            'ô' | 'ö' => 'o',
            'ù' | 'û' | 'ü' => 'u',
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

    #[test]
    fn titles_are_known_in_both_languages_and_any_dress() {
        for title in ["Tél", "TELEPHONE 2", "N° tél.", "Tél. portable", "phone", "Mobile", "gsm1"]
        {
            assert_eq!(meaning(title), Meaning::Phone, "{title}");
        }
        assert_eq!(meaning("Prénom"), Meaning::FirstName);
        assert_eq!(meaning("Code postal"), Meaning::Field("postal_code".into()));
        assert_eq!(meaning("Surface m²"), Meaning::Field("surface_m²".into()));
        assert_eq!(meaning("_motif"), Meaning::Ignored);
    }

    #[test]
    fn no_column_of_a_file_of_rejects_becomes_a_field() {
        let header = StringRecord::from(vec!["tel", "_ligne", "_motif", "_correction_proposee"]);
        let ours = Meaning::Ignored;
        let expected = [Meaning::Phone, ours.clone(), ours.clone(), ours];
        assert_eq!(Columns::of(&header).meanings, expected);
    }

    #[test]
    fn a_second_name_column_stays_a_field() {
        let columns = Columns::of(&StringRecord::from(vec!["nom", "name", "tel", "tel2"]));
        let expected =
            [Meaning::Name, Meaning::Field("name".into()), Meaning::Phone, Meaning::Phone];
        assert_eq!(columns.meanings, expected);
    }
}

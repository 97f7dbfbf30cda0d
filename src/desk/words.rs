//! What the pages of the door say, in French and in English.

use serde::Deserialize;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Tongue {
    /// English.
    En,
    /// French.
    Fr,
}

impl Tongue {
    /// Chooses by what a browser accepts (RFC 9110 §12.5.4); French where it names neither.
    pub(super) fn accepted(header: &str) -> Self {
        let mut best = (Self::Fr, 0.0);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            let tongue = match tag.split('-').next() {
                Some("fr") => Self::Fr,
                Some("en") => Self::En,
                Some(_) | None => continue,
            };
            let weight: f32 = weight.unwrap_or(1.0);
            if weight > best.1 {
                best = (tongue, weight);
            }
        }
        best.0
    }
}

/// Puts a page's words in the place of their keys.
pub(super) fn told(page: &str, tongue: Tongue) -> String {
    WORDS.iter().fold(page.to_owned(), |text, (key, english, french)| {
        let said = if tongue == Tongue::Fr { french } else { english };
        text.replace(&format!("{{{{{key}}}}}"), said)
    })
}

/// Every word: its key, English, French.
pub(super) const WORDS: &[(&str, &str, &str)] = &[
    ("lang", "en", "fr"),
    ("other", "fr", "en"),
    ("other_name", "Français", "English"),
    ("sign_in", "Sign in", "Se connecter"),
    ("name", "Name", "Nom"),
    ("password", "Password", "Mot de passe"),
    ("code", "Code from your telephone", "Code de votre téléphone"),
    (
        "code_hint",
        "Six digits, from the application you set up.",
        "Six chiffres, donnés par l’application.",
    ),
    ("no_script", "This page needs JavaScript.", "Cette page a besoin de JavaScript."),
    ("invitation", "Choose your password", "Choisissez votre mot de passe"),
    ("for_you", "You sign in as", "Vous vous connecterez sous le nom"),
    (
        "rule",
        "12 characters at least. Four words do well.",
        "12 caractères au moins. Quatre mots conviennent.",
    ),
    ("again", "The same once more", "Encore une fois"),
    ("choose", "Choose it and sign in", "Valider et se connecter"),
    ("account", "Your account", "Votre compte"),
    ("sign_out", "Sign out", "Se déconnecter"),
    ("factor", "Code from a telephone", "Code par téléphone"),
    (
        "factor_why",
        "Beside the password, sign-in can ask for a code that your telephone shows.",
        "En plus du mot de passe, la connexion peut demander un code affiché par votre téléphone.",
    ),
    ("factor_new", "Set it up", "La mettre en place"),
    (
        "factor_secret",
        "Type this key into the application:",
        "Saisissez cette clé dans l’application :",
    ),
    ("factor_open", "Or open it on this device", "Ou l’ouvrir sur cet appareil"),
    ("factor_set", "Ask for codes from now on", "Demander un code désormais"),
    ("factor_remove", "Ask for codes no more", "Ne plus demander de code"),
    ("done", "Done.", "C’est fait."),
    ("wrong", "The name or the password is wrong.", "Le nom ou le mot de passe est faux."),
    (
        "code_needed",
        "Type the code from your telephone too.",
        "Saisissez aussi le code de votre téléphone.",
    ),
    (
        "code_wrong",
        "The code is wrong, or was used before: wait for the next one.",
        "Le code est faux ou a déjà servi : attendez le suivant.",
    ),
    (
        "too_many",
        "Too many tries: wait a quarter of an hour, or ask for a new invitation.",
        "Trop d’essais : attendez un quart d’heure ou demandez une nouvelle invitation.",
    ),
    (
        "weak",
        "12 characters at least, and not your name.",
        "12 caractères au moins, et pas votre nom.",
    ),
    ("unlike", "The two are not the same.", "Les deux ne sont pas identiques."),
    (
        "over",
        "This invitation was used, replaced or is too old: ask for another one.",
        "Cette invitation a servi, a été remplacée ou est trop ancienne : demandez-en une autre.",
    ),
    (
        "away",
        "The server cannot answer at this moment: try again.",
        "Le serveur ne peut pas répondre pour le moment : réessayez.",
    ),
];

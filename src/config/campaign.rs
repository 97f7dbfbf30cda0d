//! One campaign's file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::dispositions::{self, Disposition};
use super::incoming::Answering;
use super::law::{self, Called, Laws, Purpose};
use super::likeness::{likeliest, suggestion};
use super::order::Order;
use super::problem::{Problem, Problems, Severity};
use super::reader::{Fields, Reader, Value};
use super::routes::{NamedRoute, PrefixRoutes};
use super::secret::Webhook;
use super::shared::SharedRate;
use super::shown::{self, ShownNumber};
use super::trunk::Trunk;
use super::{hours, measure, numbering, order, read_file, routes};
use crate::core::campaign::{
    Abandon, Guarantee, Mode, Others, RING_MAX, RING_MIN, Settings, VALUE, Wrap,
};
use crate::core::pacing::account;
use crate::core::rules::law::Regime;
use crate::core::rules::{AttemptCap, Week};
use crate::core::{hopper, recycle, respect, rules};
use crate::units::{ClientId, Number, Ratio, Span, TrunkId};

/// One campaign as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// The file.
    pub path: PathBuf,
    /// The name used in commands and addresses: small letters, digits and hyphens.
    pub name: String,
    /// What people read.
    pub title: String,
    /// The client company on whose behalf it calls.
    pub client: String,
    /// How that company was called before.
    pub client_was: Option<String>,
    /// What it calls for, which decides what the law asks.
    pub purpose: Purpose,
    /// Whom it calls.
    pub persons: Called,
    /// What it calls about, where the law forbids to sell some things by telephone.
    pub subject: Option<String>,
    /// How calls are started.
    pub mode: Mode,
    /// The skills an agent must have to take its calls, such as a language.
    pub requires: Vec<String>,
    /// The trunks it may use.
    pub routes: Vec<NamedRoute>,
    /// The trunks for the numbers of some prefixes.
    pub by_prefix: Vec<PrefixRoutes>,
    /// The numbers shown in turn.
    pub caller_ids: Vec<Number>,
    /// How long a call may ring.
    pub ring_max: Span,
    /// How long a call must have rung before a surplus one is given up.
    pub ring_min: Span,
    /// What happens when a person answers and no agent is free.
    pub abandon: Abandon,
    /// How the share of abandoned persons is counted.
    pub account: account::Settings,
    /// The rate it shares with other campaigns, if it does.
    pub shared: Option<SharedRate>,
    /// What an answered call is worth, against those of campaigns that share its agents.
    pub value: f64,
    /// The prompt played to an abandoned person, in the prompts folder.
    pub notice: Option<PathBuf>,
    /// What whoever calls its numbers hears, and may do.
    pub answering: Answering,
    /// The write-up after a talk.
    pub wrap: Wrap,
    /// What is owed to the agents between and among its calls.
    pub respect: respect::Settings,
    /// When calls may ring, in the called number's zone.
    pub week: Week,
    /// How often a person may be tried.
    pub attempt_caps: Vec<AttemptCap>,
    /// When a contact is tried again.
    pub retry: recycle::Settings,
    /// Shares of its lists, and quotas.
    pub order: Order,
    /// The stock of claimed contacts.
    pub hopper: hopper::Settings,
    /// How often the pacer runs when nothing happens.
    pub pace_every: Span,
    /// The dispositions; [`DispositionId`](crate::units::DispositionId) is a place in this list.
    pub dispositions: Vec<Disposition>,
    /// Where its events are posted; the engine's webhook otherwise.
    pub webhook: Option<Webhook>,
    /// What should be looked at although it can be used.
    pub warnings: Vec<Problem>,
    /// The line of the name, for problems found among campaigns.
    pub(super) name_line: usize,
    /// The line of the numbers shown, likewise.
    pub(super) caller_ids_line: usize,
}

/// A campaign names a trunk nobody configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("campaign {campaign:?} uses trunk {trunk:?}, which cadran.toml does not have")]
pub struct UnknownTrunk {
    /// The campaign.
    pub campaign: String,
    /// The trunk.
    pub trunk: String,
}

impl Campaign {
    /// Reads one file by itself; trunks and prompts are not looked up.
    ///
    /// # Errors
    /// The file cannot be read or has problems; all of them are told.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::read(path, &read_file(path)?)
    }

    /// Reads the text of one file, which may not be on a disk yet; trunks and prompts are not
    /// looked up.
    ///
    /// # Errors
    /// The text has problems; all of them are told.
    pub fn read(path: &Path, text: &str) -> Result<Self, Problems> {
        let (campaign, problems) = parse(path, text, Around::default());
        match campaign {
            Some(mut campaign) if problems.iter().all(|p| p.severity == Severity::Warning) => {
                campaign.warnings = problems;
                Ok(campaign)
            }
            Some(_) | None => Err(Problems(problems)),
        }
    }

    /// Gives the settings as the core needs them, with ids in the place of names.
    ///
    /// # Errors
    /// A route names a trunk that has no id.
    pub fn settings(
        &self,
        client: ClientId,
        trunks: &BTreeMap<String, TrunkId>,
        shown: &[ShownNumber],
    ) -> Result<Settings, UnknownTrunk> {
        let laws = self.laws();
        let others = Others { consumers: !laws.consumers, rules: self.rules_by(laws.others) };
        Ok(Settings {
            client,
            mode: self.mode,
            routes: self.core_routes(&self.routes, trunks)?,
            by_group: self.core_groups(trunks)?,
            caller_ids: u16::try_from(self.caller_ids.len()).unwrap_or(u16::MAX),
            caller_caps: self.caller_caps(shown),
            caller_cards: self.caller_cards(shown, trunks),
            ring_max: self.ring_max,
            ring_min: self.ring_min,
            listen: false,
            abandon: self.abandon,
            account: self.account.clone(),
            wrap: self.wrap,
            respect: self.respect,
            rules: self.rules_by(laws.own),
            others: Some(Box::new(others)),
            retry: self.retry.clone(),
            hopper: self.hopper,
            dispositions: self.dispositions.iter().map(Disposition::meaning).collect(),
            pace_every: self.pace_every,
            value: self.value,
            inbound: self.answering.settings,
        })
    }

    /// Gives who may be called when: its own hours and caps, and the law.
    #[must_use]
    pub fn rules(&self) -> rules::Settings {
        self.rules_by(self.laws().own)
    }

    /// Gives the law for the persons it calls, and for those it calls by exception.
    #[must_use]
    pub fn laws(&self) -> Laws {
        Laws::of(self.purpose, self.persons, self.subject.as_deref())
    }

    fn rules_by(&self, law: Vec<Regime>) -> rules::Settings {
        let (week, attempts) = (self.week.clone(), self.attempt_caps.clone());
        rules::Settings { week, attempts, law }
    }

    /// Finds a disposition by its code or its key.
    #[must_use]
    pub fn disposition(&self, code: &str) -> Option<&Disposition> {
        let by_key =
            |disposition: &&Disposition| disposition.key.is_some_and(|key| code.parse() == Ok(key));
        let by_code = self.dispositions.iter().find(|disposition| disposition.code == code);
        by_code.or_else(|| self.dispositions.iter().find(by_key))
    }
}

/// A year, the longest wait one can name.
const YEAR: Span = Span::secs(365 * 86_400);

/// What surrounds a campaign's file, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around<'c> {
    /// The trunks of the engine's file.
    pub(super) trunks: Option<&'c [Trunk]>,
    /// The folder of prompts.
    pub(super) prompts: Option<&'c Path>,
}

pub(super) fn parse(
    path: &Path,
    text: &str,
    around: Around<'_>,
) -> (Option<Campaign>, Vec<Problem>) {
    let reader = Reader::new(path, text);
    let campaign = reader.parse().and_then(|document| {
        let root = Fields::root(&reader, &document);
        let campaign = campaign(&root, path, around);
        root.finish();
        campaign
    });
    (campaign, reader.finish())
}

fn campaign(root: &Fields<'_, '_>, path: &Path, around: Around<'_>) -> Option<Campaign> {
    let named = root.must("name", "\"prospection-fr\"");
    let name_line = named.as_ref().map_or(0, Value::line);
    let name = named.and_then(|value| value.parse(plain_name));
    let client = root.must("client", "\"Acme Jardin\"").and_then(|value| value.name());
    let client_was = root.get("client_was").and_then(|value| value.name());
    let mode = mode(root);
    let purpose = root.or("purpose", Purpose::default(), |value| value.choice(&law::PURPOSES));
    let persons = root.or("persons", Called::default(), |value| value.choice(&law::CALLED));
    let requires = root.get("requires").map(Value::one_or_more).unwrap_or_default();
    let requires = requires.iter().filter_map(|skill| skill.parse(plain_skill)).collect();
    let by_prefix = routes::by_prefix(root, around.trunks);
    let routes = routes::usual(root, by_prefix.is_empty(), around.trunks);
    let (caller_ids, caller_ids_line) = caller_ids(root, mode.map(|mode| (purpose, persons, mode)));
    let subject = subject(root, (purpose, persons), &caller_ids);
    let (dispositions, whole) = dispositions::read(root);
    let (ring_min, ring_max) = ring(root);
    let (abandon, (account, shared), notice) = abandon(root, mode, &caller_ids, around.prompts);
    let value = root.or("value", 1.0, |value| value.real(VALUE.0..=VALUE.1));
    let answering = Answering::read(root, around.prompts);
    let wrap = wrap(root, whole.then_some(&dispositions));
    let respect = super::respect::read(root);
    let week = week(root);
    let webhook = root.table("webhook").and_then(|fields| Webhook::of(&fields));
    let retry = super::retry::read(root, abandon.recall_lock);
    let order = order::read(root);
    let hopper = hopper(root);
    let caps = root.get("attempt_caps").map(Value::one_or_more).unwrap_or_default();
    let title = root.get("title").and_then(|value| value.name());
    let pace_every = root
        .or("pace_every", Span::secs(1), |value| value.span_in(Span::millis(100)..=Span::secs(10)));
    Some(Campaign {
        path: path.to_owned(),
        title: title.or_else(|| name.clone())?,
        name: name?,
        client: client?,
        client_was,
        purpose,
        persons,
        subject,
        mode: mode?,
        requires,
        routes,
        by_prefix,
        caller_ids,
        ring_max,
        ring_min,
        abandon,
        account,
        shared,
        value,
        notice,
        answering,
        wrap,
        respect,
        week: week?,
        attempt_caps: caps.iter().filter_map(|cap| cap.parse(measure::attempt_cap)).collect(),
        retry,
        order,
        hopper,
        pace_every,
        dispositions,
        webhook,
        warnings: Vec::new(),
        name_line,
        caller_ids_line,
    })
}

/// Names a mode as the files do.
#[must_use]
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Preview => "preview",
        Mode::Progressive => "progressive",
        Mode::Power { .. } => "power",
        Mode::Predictive { .. } => "predictive",
        Mode::Directed => "directed",
    }
}

/// Gives those of the required skills that are not among an agent's; with none he or she may take
/// the calls.
#[must_use]
pub fn lacks<'r>(requires: &'r [String], skills: &[String]) -> Vec<&'r str> {
    requires.iter().filter(|skill| !skills.contains(skill)).map(String::as_str).collect()
}

/// Reads a skill: a word or two, told from others by its small letters.
///
/// # Errors
/// The text is no skill; the message says so in the user's words.
pub fn plain_skill(text: &str) -> Result<String, String> {
    let skill = text.trim().to_lowercase();
    let plain = skill.chars().all(|c| c.is_alphanumeric() || c == '-' || c == ' ');
    if plain && (1..=SKILL_MAX).contains(&skill.chars().count()) {
        Ok(skill)
    } else {
        Err(format!("is no skill: use 1 to {SKILL_MAX} letters, digits, hyphens and spaces"))
    }
}

/// A skill is a word or two: it stands in commands and tables.
const SKILL_MAX: usize = 40;

/// A name stands in commands, addresses and file names.
pub(super) fn plain_name(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&text.len()) && text.bytes().all(letter) && !text.starts_with('-') {
        Ok(text.to_owned())
    } else {
        Err("is no name: use 1 to 64 small letters, digits and hyphens".to_owned())
    }
}

#[derive(Clone, Copy)]
enum ModeWord {
    Preview,
    Progressive,
    Power,
    Predictive,
}

const GUARANTEES: [(&str, Guarantee); 2] =
    [("expected", Guarantee::Expected), ("strict", Guarantee::Strict)];

fn mode(root: &Fields<'_, '_>) -> Option<Mode> {
    let lines = root.get("lines_per_agent");
    let guarantee = root.get("guarantee");
    let value = root.must("mode", "\"progressive\"")?;
    let word = value.choice(&[
        ("preview", ModeWord::Preview),
        ("progressive", ModeWord::Progressive),
        ("power", ModeWord::Power),
        ("predictive", ModeWord::Predictive),
    ])?;
    if let (Some(guarantee), false) = (&guarantee, matches!(word, ModeWord::Predictive)) {
        guarantee.error("is for `mode = \"predictive\"` only", Some("remove it".to_owned()));
    }
    if let (Some(lines), false) = (&lines, matches!(word, ModeWord::Power)) {
        lines.error("is for `mode = \"power\"` only", Some("remove it".to_owned()));
    }
    match word {
        ModeWord::Preview => Some(Mode::Preview),
        ModeWord::Progressive => Some(Mode::Progressive),
        ModeWord::Power => {
            if lines.is_none() {
                root.error("lines_per_agent", "is missing", "add `lines_per_agent = 1.5`");
            }
            let lines_per_agent = lines.and_then(|value| value.real(1.0..=10.0))?;
            Some(Mode::Power { lines_per_agent })
        }
        ModeWord::Predictive => {
            let expected = Guarantee::Expected;
            let guarantee = guarantee.and_then(|value| value.choice(&GUARANTEES));
            Some(Mode::Predictive { guarantee: guarantee.unwrap_or(expected) })
        }
    }
}

/// A campaign shows at most this many numbers in turn; the core counts them in 16 bits.
const CALLER_IDS_MAX: usize = 1_000;

/// Reads the numbers shown, and tells of those that the law lets no such campaign show.
fn caller_ids(
    root: &Fields<'_, '_>,
    campaign: Option<(Purpose, Called, Mode)>,
) -> (Vec<Number>, usize) {
    let Some(value) = root.must("caller_ids", "[\"+33162000000\"]") else { return (Vec::new(), 0) };
    let line = value.line();
    let packs = law::built_in();
    let read = |value: &Value<'_, '_>| {
        let number = caller_id(value)?;
        if let Some(campaign) = campaign {
            shown::forbidden(value, &number, campaign, &packs);
        }
        Some(number)
    };
    if !value.is_list() {
        return (read(&value).into_iter().collect(), line);
    }
    let values = value.list();
    if values.is_empty() || values.len() > CALLER_IDS_MAX {
        let hint = format!("list 1 to {CALLER_IDS_MAX} numbers your carrier lets you show");
        value.error("shows no number, or too many", Some(hint));
    }
    (values.iter().filter_map(read).collect(), line)
}

/// Reads what a campaign is about. One that the law of a country whose number it shows lets nobody
/// sell by telephone cannot be prospected among its consumers.
fn subject(
    root: &Fields<'_, '_>,
    (purpose, persons): (Purpose, Called),
    caller_ids: &[Number],
) -> Option<String> {
    let value = root.get("subject")?;
    let subject = value.parse(plain_subject)?;
    let packs = law::built_in();
    let rules = packs.iter().flat_map(|pack| pack.rules.iter().map(move |rule| (pack, rule)));
    let banning = rules.filter(|(_, rule)| !rule.subjects.is_empty());
    let known: Vec<_> = banning.clone().flat_map(|(_, rule)| &rule.subjects).collect();
    if !known.contains(&&subject)
        && let Some(meant) = likeliest(&subject, known.iter().map(|known| known.as_str()))
    {
        let hint = format!("write `{meant}`, or a word less like it");
        value.error("is almost the name of a subject that the law names", Some(hint));
    }
    let here = |pack: &law::Pack| {
        let country = |number| numbering::of(number, &packs).0;
        caller_ids.iter().any(|number| country(number).as_ref() == Some(&pack.territory))
    };
    let banned = banning
        .filter(|(pack, rule)| rule.concerns(purpose, persons) && here(pack))
        .find(|(_, rule)| rule.is_about(Some(&subject)));
    if let Some((_, rule)) = banned {
        let message = format!("may not be sold to consumers by telephone ({})", rule.id.as_str());
        let hint = "write `purpose = \"contract\"` for calls about a contract that runs, or \
                    `persons = \"professionals\"`";
        value.error(&message, Some(hint.to_owned()));
    }
    Some(subject)
}

/// A subject is a word or two in one, as `purpose` is.
fn plain_subject(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=40).contains(&text.len()) && text.bytes().all(letter) {
        Ok(text.to_owned())
    } else {
        Err("is no subject: use 1 to 40 small letters, digits and _".to_owned())
    }
}

pub(super) fn caller_id(value: &Value<'_, '_>) -> Option<Number> {
    value.parse(|text| {
        let number = Number::new(&text.replace([' ', '.'], ""));
        national(number.map_err(|error| match abroad(text) {
            Some(whole) => {
                format!("is a French number without its country code: write {whole}")
            }
            None => format!("is {error}"),
        })?)
    })
}

/// Gives a French number as it is dialled from abroad, if it is written as in France: ten digits
/// from 01 on (Arcep, décision 2018-0881).
fn abroad(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|sign| !" .-/".contains(*sign)).collect();
    let behind = digits.strip_prefix('0').filter(|behind| !behind.starts_with('0'))?;
    let whole = behind.len() == 9 && behind.bytes().all(|digit| digit.is_ascii_digit());
    whole.then(|| format!("+33{behind}"))
}

/// Digits behind the codes of countries whose numbers all have one length: the North American plan
/// (ITU-T E.164.2) and the French one (Arcep, décision 2018-0881).
const NATIONAL_DIGITS: [(&str, usize); 6] =
    [("+1", 10), ("+33", 9), ("+262", 9), ("+590", 9), ("+594", 9), ("+596", 9)];

/// Refuses a number nobody can have.
fn national(number: Number) -> Result<Number, String> {
    let behind =
        |(code, digits): &(&str, usize)| Some((number.reveal().strip_prefix(code)?.len(), *digits));
    let plan = NATIONAL_DIGITS.iter().find_map(|plan| Some((plan.0, behind(plan)?)));
    match plan {
        Some((code, (found, wanted))) if found != wanted => {
            Err(format!("is no number anybody has: {code} is followed by {wanted} digits"))
        }
        Some(_) | None => Ok(number),
    }
}

fn ring(root: &Fields<'_, '_>) -> (Span, Span) {
    let Some(fields) = root.table("ring") else { return (RING_MIN, RING_MAX) };
    let limits = || Span::secs(1)..=Span::secs(180);
    let min = fields.sound("min", RING_MIN, |value| value.span_in(limits()));
    let max = fields.sound("max", RING_MAX, |value| value.span_in(limits()));
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        fields.error("min", "is longer than max", "let a call ring at least as long as min");
    }
    fields.finish();
    (min.unwrap_or(RING_MIN), max.unwrap_or(RING_MAX))
}

fn abandon(
    root: &Fields<'_, '_>,
    mode: Option<Mode>,
    shown: &[Number],
    prompts: Option<&Path>,
) -> (Abandon, (account::Settings, Option<SharedRate>), Option<PathBuf>) {
    let mut abandon = Abandon::default();
    let Some(fields) = root.table("abandon") else {
        return (abandon, (super::account::usual(), None), None);
    };
    let within = Span::millis(500)..=Span::secs(30);
    abandon.within = fields.or("within", abandon.within, |value| value.span_in(within));
    abandon.recall_lock =
        fields.or("recall_lock", abandon.recall_lock, |value| value.span_in(Span::ZERO..=YEAR));
    abandon.cap = fields.or("cap", abandon.cap, |value| cap(value, mode, shown));
    let notice = fields.get("notice").and_then(|value| notice(&value, prompts));
    abandon.notice = notice.is_some();
    let strict = mode == Some(Mode::Predictive { guarantee: Guarantee::Strict });
    let account = super::account::read(&fields, strict);
    fields.finish();
    (abandon, account, notice)
}

/// A share above this is no cap: it is four times what the most lenient known rule lets pass, the
/// 5 % a month of Canada.
const CAP_MAX: f64 = 0.2;

/// The share that every known rule with a number allows but that one.
const CAP_OF_LAWS: f64 = 0.03;

/// The countries, by the codes of the numbers shown, whose rules have a number.
const LAWS: [(&str, &str); 3] = [
    ("+1", "the limit of the United States (16 CFR 310.4(b)(4)(i)); Canada's is 5 % a month"),
    ("+44", "the yardstick of the United Kingdom (Ofcom, 2010)"),
    ("+39", "the limit of Italy (Garante, 20 February 2014, n. 83)"),
];

/// Where no rule has a number: France is one of these countries.
const NO_LAW: &str = "the limit of the countries that set one; a judge of another may ask why";

fn cap(value: &Value<'_, '_>, mode: Option<Mode>, shown: &[Number]) -> Option<Ratio> {
    let cap = value.ratio()?;
    if cap > Ratio::new(CAP_MAX) {
        let hint = "write a share such as \"3%\"";
        value.error("lets more than one person in five be abandoned", Some(hint.to_owned()));
    } else if cap == Ratio::new(0.0) && matches!(mode, Some(Mode::Predictive { .. })) {
        value.warn(
            "lets nobody be risked: one line is dialled per ready agent, as in progressive",
            "write a share such as \"3%\", or `mode = \"progressive\"`",
        );
    } else if cap > Ratio::new(CAP_OF_LAWS) {
        let of = |(code, _): &&(&str, &str)| {
            shown.iter().any(|number| number.reveal().starts_with(code))
        };
        let law = LAWS.iter().find(of).map_or(NO_LAW, |(_, law)| law);
        value.warn(&format!("is above 3%, {law}"), "write \"3%\", or keep your reason at hand");
    }
    Some(cap)
}

/// Reads the name of a prompt that must be there.
fn notice(value: &Value<'_, '_>, prompts: Option<&Path>) -> Option<PathBuf> {
    let file = PathBuf::from(value.name()?);
    if let Some(path) = prompts.map(|folder| folder.join(&file)).filter(|path| !path.is_file()) {
        let hint = "record it as WAV, 8 kHz mono, or take `notice` out: then nothing is played";
        value.error(&format!("there is no file {}", path.display()), Some(hint.to_owned()));
    }
    Some(file)
}

/// Reads `[wrap]`; the default is not looked up while dispositions are unreadable.
fn wrap(root: &Fields<'_, '_>, dispositions: Option<&Vec<Disposition>>) -> Wrap {
    let mut wrap =
        Wrap { max: Some(Span::secs(60)), default: None, extension_max: Span::secs(120) };
    let Some(fields) = root.table("wrap") else { return wrap };
    let limits = || Span::ZERO..=Span::secs(3_600);
    if let Some(value) = fields.get("max") {
        let endless = value.is_text() && matches!(value.text(), Some("none" | "sans limite"));
        wrap.max = if endless { None } else { value.span_in(limits()) };
    }
    wrap.extension_max =
        fields.or("extension_max", wrap.extension_max, |value| value.span_in(limits()));
    let default = fields.get("default");
    wrap.default = default.zip(dispositions).and_then(|(value, dispositions)| {
        let code = value.name()?;
        let found = dispositions.iter().find(|disposition| disposition.code == code);
        if found.is_none() {
            let codes = dispositions.iter().map(|disposition| disposition.code.as_str());
            let hint = suggestion(&code, codes);
            value.error(&format!("no disposition has the code {code:?}"), hint);
        }
        found.map(|disposition| disposition.id)
    });
    fields.finish();
    wrap
}

fn week(root: &Fields<'_, '_>) -> Option<Week> {
    let value = root.must("hours", &format!("{:?}", hours::FR_D223_9))?;
    let mut week = Week::default();
    if value.is_table() {
        let fields = value.fields()?;
        for (days, spans) in fields.entries() {
            for span in spans.one_or_more() {
                span.parse(|text| hours::add_days(&mut week, &days, text));
            }
        }
        return Some(week);
    }
    for text in value.one_or_more() {
        text.parse(|text| hours::add(&mut week, text));
    }
    Some(week)
}

fn hopper(root: &Fields<'_, '_>) -> hopper::Settings {
    let mut settings = hopper::Settings::default();
    let Some(fields) = root.table("hopper") else { return settings };
    let size = fields.sound("size", settings.size, |value| value.whole(1..=10_000));
    settings.size = size.unwrap_or(settings.size);
    settings.low = fields.or("low", settings.size.div_ceil(2), |value| value.whole(1..=10_000));
    settings.lease = fields
        .or("lease", settings.lease, |value| value.span_in(Span::secs(10)..=Span::secs(86_400)));
    if size.is_some_and(|size| settings.low > size) {
        fields.error("low", "is above size", "claim more before the hopper is empty: size / 2");
    }
    fields.finish();
    settings
}

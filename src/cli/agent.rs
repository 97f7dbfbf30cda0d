//! `cadran agent`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::client::{At, Client};
use super::correct::Correct;
use super::failure::{Exit, Failure, Outcome};
use super::output::{Lang, Output, Sheet};
use super::qualify::Qualify;
use super::{Global, wait_for};
use crate::api::types::{self, PauseRequest, SkipRequest};
use crate::config::SecretPlace;
use crate::core::fact::SkipReason;

/// How often a waiting command asks whether the phones are up.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A phone that has not picked up by then is not there.
const LEGS_WITHIN: Duration = Duration::from_secs(30);

/// A phone that is there and answers by itself has picked up by then; about others a word is said.
const LEGS_SOON: Duration = Duration::from_secs(2);

/// Add agents and act for them.
#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// Add agents, or change them
    #[command(before_help = "Examples:
  cadran agent add amina --secret-file amina.secret     her phone registers with this password
  cadran agent add a1 a2 a3 --sip 'sip:{name}@127.0.0.20:5080'
  cadran agent add bruno --campaign vente --campaign prospection-fr --secret-file bruno.secret
  cadran agent add chloe --campaign export-uk --skill anglais --secret-file chloe.secret")]
    Add(Add),
    /// Remove agents: they sign out after their call and are listed no more
    #[command(before_help = "Examples:
  cadran agent remove bruno")]
    Remove(Names),
    /// List agents with their state
    #[command(before_help = "Examples:
  cadran agent list
  cadran agent list --json")]
    List,
    /// Sign agents in: their phones ring once and stay connected for the shift
    #[command(before_help = "Examples:
  cadran agent login amina bruno
  cadran agent login --all --wait")]
    Login(Login),
    /// Make agents ready for calls
    #[command(before_help = "Examples:
  cadran agent ready amina
  cadran agent ready --all")]
    Ready(Who),
    /// Send agents on a break, now or after their call
    #[command(before_help = "Examples:
  cadran agent pause amina --code repas")]
    Pause(Pause),
    /// Sign agents out, now or after their call
    #[command(before_help = "Examples:
  cadran agent logout --all")]
    Logout(Who),
    /// Say how an agent's call ended
    #[command(before_help = "Examples:
  cadran agent qualify amina refus
  cadran agent qualify amina vente --amount 149.90
  cadran agent qualify amina rappel --callback 2026-11-24T10:30:00+01:00 --personal
  cadran agent qualify amina rdv --appointment 2026-11-25T14:00:00+01:00 --place Lyon")]
    Qualify(Qualify),
    /// Correct the card of a contact the agent has or had in a call
    #[command(before_help = "Examples:
  cadran agent correct amina email=camille@example.org fonction='responsable achats'
  cadran agent correct amina --contact 42 --number +33639980042 --wrong-number +33199000042

What was before stays in the history, with agent, call and date: `cadran list export --changed`.")]
    Correct(Correct),
    /// Preview: dial the shown contact
    #[command(before_help = "Examples:
  cadran agent dial amina")]
    Dial(Who),
    /// Preview: pass over the shown contact
    #[command(before_help = "Examples:
  cadran agent skip amina --reason later")]
    Skip(Skip),
    /// End an agent's conversation
    #[command(before_help = "Examples:
  cadran agent hangup amina")]
    Hangup(Who),
    /// Put an agent's callee on hold
    #[command(before_help = "Examples:
  cadran agent hold amina")]
    Hold(Who),
    /// Take an agent's callee back
    #[command(before_help = "Examples:
  cadran agent retrieve amina")]
    Retrieve(Who),
}

/// Agents to be added.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Their names, also their phones' user names
    #[arg(required = true)]
    names: Vec<String>,
    /// A campaign they take calls of, best first [default: every campaign]
    #[arg(long = "campaign", value_name = "CAMPAIGN")]
    campaigns: Vec<String>,
    /// What they can do that campaigns may require, such as a language [default: as it was]
    #[arg(long = "skill", value_name = "SKILL", conflicts_with = "no_skill")]
    skills: Vec<String>,
    /// Take all skills away
    #[arg(long)]
    no_skill: bool,
    /// The fixed address of a phone that does not register; `{name}` stands for the name
    #[arg(long, value_name = "URI")]
    sip: Option<String>,
    /// The file with the password their phones register with
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: Option<PathBuf>,
}

/// Agents named one by one.
#[derive(Debug, Args)]
pub(super) struct Names {
    /// The agents' names
    #[arg(required = true)]
    names: Vec<String>,
}

/// Which agents.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// The agents' names
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// Every agent
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

/// Which agents to sign in.
#[derive(Debug, Args)]
pub(super) struct Login {
    #[command(flatten)]
    who: Who,
    /// Return when their phones have picked up, or fail after 30 s
    #[arg(long)]
    wait: bool,
}

/// A break.
#[derive(Debug, Args)]
pub(super) struct Pause {
    #[command(flatten)]
    who: Who,
    /// The pause's code in cadran.toml; otherwise the second one there
    #[arg(long)]
    code: Option<String>,
}

/// A previewed contact to be passed over.
#[derive(Debug, Args)]
pub(super) struct Skip {
    #[command(flatten)]
    who: Who,
    /// Why: later, bad-record or not-ours
    #[arg(long, default_value = "later", value_parser = skip_reason)]
    reason: SkipReason,
}

fn skip_reason(text: &str) -> Result<SkipReason, String> {
    match text {
        "later" => Ok(SkipReason::Later),
        "bad-record" => Ok(SkipReason::BadRecord),
        "not-ours" => Ok(SkipReason::NotOurs),
        other => Err(format!("{other:?} is none of later, bad-record, not-ours")),
    }
}

impl Agent {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::Add(add) => add.run(&client, output),
            Self::Remove(gone) => remove(&client, output, &gone.names),
            Self::List => list(&client, output),
            Self::Login(login) => login.run(&client, output),
            Self::Ready(who) => ready(&client, output, &who),
            Self::Pause(pause) => {
                go(&client, output, &pause.who, "pause", &PauseRequest { code: pause.code })
            }
            Self::Logout(who) => go(&client, output, &who, "logout", &()),
            Self::Qualify(qualify) => qualify.run(&client, output),
            Self::Correct(correct) => correct.run(&client, output),
            Self::Dial(who) => act(&client, output, &who, "dial", &()),
            Self::Skip(skip) => {
                act(&client, output, &skip.who, "skip", &SkipRequest { reason: skip.reason })
            }
            Self::Hangup(who) => act(&client, output, &who, "hangup", &()),
            Self::Hold(who) => act(&client, output, &who, "hold", &()),
            Self::Retrieve(who) => act(&client, output, &who, "retrieve", &()),
        }
    }
}

impl Add {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let secret = match self.secret_file {
            Some(path) => Some(
                SecretPlace::File(path)
                    .read()
                    .map_err(|error| Failure::new(Exit::Invalid, "secret_missing", error))?,
            ),
            None => None,
        };
        let skills = (self.no_skill || !self.skills.is_empty()).then_some(self.skills);
        let mut agents: Vec<types::Agent> = Vec::new();
        for name in self.names {
            let agent = types::NewAgent {
                contact: self.sip.as_ref().map(|sip| sip.replace("{name}", &name)),
                secret: secret.as_ref().map(|secret| secret.reveal().to_owned()),
                campaigns: self.campaigns.clone(),
                skills: skills.clone(),
                name,
            };
            agents.push(wait_for(client.post(&At::path(["agents"]), &agent))?);
        }
        output.show(&agents, |lang| sheet(&agents, lang));
        output.note("    → cadran agent login --all");
        Ok(Exit::Done)
    }
}

impl Who {
    async fn names(&self, client: &Client) -> Result<Vec<String>, Failure> {
        if !self.all {
            return Ok(self.names.clone());
        }
        let agents: Vec<types::Agent> = client.get(&At::path(["agents"])).await?;
        if agents.is_empty() {
            let failure = Failure::new(Exit::NotFound, "no_agents", "there are no agents yet");
            return Err(failure.hint("add some with `cadran agent add`"));
        }
        Ok(agents.into_iter().map(|agent| agent.name).collect())
    }
}

impl Login {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let acted = wait_for(async {
            let names = self.who.names(client).await?;
            let acted = each(client, output, &names, "login", &()).await?;
            let names: Vec<_> = acted.agents.iter().map(|agent| agent.name.clone()).collect();
            let bar = output.progress(u64::try_from(names.len()).ok(), "login");
            let patience = if self.wait { LEGS_WITHIN } else { LEGS_SOON };
            let waited = tokio::time::timeout(patience, legs_up(client, &names, &bar)).await;
            bar.finish_and_clear();
            let agents = match waited {
                Ok(agents) => agents?,
                Err(_) => these(client, &names).await?,
            };
            Ok(Acted { agents, ..acted })
        })?;
        acted.show(output)?;
        let absent = unreached(output, &acted.agents);
        if self.wait && absent > 0 {
            let message = format!("{absent} of {} phones did not pick up", acted.agents.len());
            return Err(Failure::new(Exit::Unreachable, "phone_unreachable", message)
                .hint("check that they are registered, ring and answer"));
        }
        Ok(acted.exit)
    }
}

/// Says whose phones are not connected and what to do; gives how many.
fn unreached(output: &Output, agents: &[types::Agent]) -> usize {
    let signed_in = |agent: &&types::Agent| agent.state != "logged_out" && !agent.leg_up;
    let absent: Vec<_> = agents.iter().filter(signed_in).collect();
    for agent in &absent {
        let said = match &agent.contact {
            Some(_) => output.lang.say(
                "{name} takes no calls: no phone has answered at {uri} yet",
                "{name} ne reçoit pas d'appels : aucun poste n'a encore décroché à {uri}",
            ),
            None => output.lang.say(
                "{name} takes no calls: no phone is registered as {name}, or it still rings",
                "{name} ne reçoit pas d'appels : aucun poste enregistré comme {name}, ou il sonne",
            ),
        };
        let uri = agent.contact.as_deref().unwrap_or_default();
        output.warn(&said.replace("{name}", &agent.name).replace("{uri}", uri));
    }
    if !absent.is_empty() {
        output.note(output.lang.say(
            "    → register it with the agent's name and password, or give its address with\n      \
             `cadran agent add NAME --sip URI`; it is then called by itself",
            "    → enregistrez-le au nom de l'agent, ou donnez son adresse par\n      \
             `cadran agent add NOM --sip URI` ; il est alors appelé de lui-même",
        ));
    }
    absent.len()
}

/// Makes agents ready, and says whose phones are still missing.
fn ready(client: &Client, output: &Output, who: &Who) -> Outcome {
    let acted = all(client, output, who, "ready", &())?;
    unreached(output, &acted.agents);
    acted.show(output)
}

async fn legs_up(
    client: &Client,
    names: &[String],
    bar: &indicatif::ProgressBar,
) -> Result<Vec<types::Agent>, Failure> {
    loop {
        let agents = these(client, names).await?;
        let up = agents.iter().filter(|agent| agent.leg_up).count();
        bar.set_position(u64::try_from(up).unwrap_or(u64::MAX));
        if up == names.len() {
            return Ok(agents);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Removes agents, and lists those who are left; who is in a call goes after it.
fn remove(client: &Client, output: &Output, names: &[String]) -> Outcome {
    let acted = wait_for(each(client, output, names, "remove", &()))?;
    for name in names.iter().filter(|_| acted.exit == Exit::Done) {
        let said = output.lang.say(
            "{name} is removed, and signed out as soon as no call needs it",
            "{name} est retiré, et déconnecté dès qu'aucun appel n'en a besoin",
        );
        output.note(&said.replace("{name}", name));
    }
    list(client, output)?;
    Ok(acted.exit)
}

/// What was done for several agents.
pub(super) struct Acted {
    /// Those it was done for, as they are then.
    agents: Vec<types::Agent>,
    /// How the first refusal ends the command.
    exit: Exit,
}

impl Acted {
    pub(super) fn show(&self, output: &Output) -> Outcome {
        if !self.agents.is_empty() {
            output.show(&self.agents, |lang| sheet(&self.agents, lang));
        }
        Ok(self.exit)
    }
}

/// Has one thing done for each of several agents. One who is refused keeps the others from
/// nothing: each refusal is told, and the first one gives the exit code.
pub(super) async fn each(
    client: &Client,
    output: &Output,
    names: &[String],
    verb: &str,
    body: &impl serde::Serialize,
) -> Result<Acted, Failure> {
    let (mut done, mut exit) = (Vec::new(), Exit::Done);
    for name in names {
        let answer: Result<types::Accepted, Failure> =
            client.post(&At::path(["agents", name, verb]), body).await;
        match answer {
            Ok(_) => done.push(name.clone()),
            Err(gone) if gone.exit == Exit::Unreachable => return Err(gone),
            Err(refused) => {
                output.failure(&refused);
                exit = if exit == Exit::Done { refused.exit } else { exit };
            }
        }
    }
    Ok(Acted { agents: these(client, &done).await?, exit })
}

/// Has one thing done for each agent who was meant.
fn all(
    client: &Client,
    output: &Output,
    who: &Who,
    verb: &str,
    body: &impl serde::Serialize,
) -> Result<Acted, Failure> {
    wait_for(async {
        let names = who.names(client).await?;
        each(client, output, &names, verb, body).await
    })
}

/// Gives some agents in a state no older than now.
async fn these(client: &Client, names: &[String]) -> Result<Vec<types::Agent>, Failure> {
    let path = At::path(["agents"]).with("fresh", Some(true));
    let agents: Vec<types::Agent> = client.get(&path).await?;
    Ok(agents.into_iter().filter(|agent| names.contains(&agent.name)).collect())
}

/// Sends agents on a break or home, and says who cannot go at once.
fn go(
    client: &Client,
    output: &Output,
    who: &Who,
    verb: &str,
    body: &impl serde::Serialize,
) -> Outcome {
    let acted = all(client, output, who, verb, body)?;
    for said in acted.agents.iter().filter_map(|agent| postponed(agent, output.lang)) {
        output.note(&said);
    }
    acted.show(output)
}

/// Says what the break or leave just asked for waits for, if it does.
fn postponed(agent: &types::Agent, lang: Lang) -> Option<String> {
    let said = match agent.state.as_str() {
        "ready" if agent.leaving => lang.say(
            "{name} goes when the lines that ring can do without one agent more, at the latest \
             when they have rung out",
            "{name} part dès que les appels qui sonnent peuvent se passer d'un agent, au plus \
             tard à la fin de leur sonnerie",
        ),
        "reserved" | "talking" | "holding" => lang.say(
            "{name} goes when the present call is over",
            "{name} part à la fin de l'appel en cours",
        ),
        _ => return None,
    };
    Some(said.replace("{name}", &agent.name))
}

fn act(
    client: &Client,
    output: &Output,
    who: &Who,
    verb: &str,
    body: &impl serde::Serialize,
) -> Outcome {
    all(client, output, who, verb, body)?.show(output)
}

fn list(client: &Client, output: &Output) -> Outcome {
    let mut agents: Vec<types::Agent> = wait_for(client.get(&At::path(["agents"])))?;
    agents.sort_by(|a, b| (counted(&a.name), &a.name).cmp(&(counted(&b.name), &b.name)));
    output.show(&agents, |lang| sheet(&agents, lang));
    Ok(Exit::Done)
}

/// Cuts a name into its words, each with the number behind it: `a2` comes before `a10`.
fn counted(name: &str) -> Vec<(&str, u128)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digit = |sign: char| sign.is_ascii_digit();
        let (word, behind) = rest.split_at(rest.find(digit).unwrap_or(rest.len()));
        let end = behind.find(|sign| !digit(sign)).unwrap_or(behind.len());
        let (number, behind) = behind.split_at(end);
        parts.push((word, number.parse().unwrap_or(0)));
        rest = behind;
    }
    parts
}

fn sheet(agents: &[types::Agent], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        "agent",
        lang.say("state", "état"),
        lang.say("for", "depuis"),
        lang.say("phone", "poste"),
        lang.say("calls", "appels"),
        lang.say("talk", "conversation"),
        lang.say("wrap-up", "post-appel"),
        lang.say("idle", "attente"),
        lang.say("campaigns", "campagnes"),
        lang.say("skills", "compétences"),
    ]);
    for agent in agents {
        let state = crate::watch::agent_state_word(&agent.state, agent.leaving, lang).to_owned();
        let rest = agent.rest.as_deref().map(|why| crate::watch::rest_word(why, lang));
        let state = match agent.pause.as_deref().or(rest) {
            Some(why) => format!("{state} ({why})"),
            None => state,
        };
        sheet.add([
            agent.name.clone(),
            state,
            crate::watch::clock(agent.since_s),
            lang.say(
                if agent.leg_up { "up" } else { "–" },
                if agent.leg_up { "connecté" } else { "–" },
            )
            .to_owned(),
            agent.handled.to_string(),
            crate::watch::clock(agent.talk_s),
            crate::watch::clock(agent.wrap_s),
            crate::watch::clock(agent.idle_s),
            agent.campaigns.join(", "),
            agent.skills.join(", "),
        ]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_that_must_wait_says_for_what() -> Result<(), serde_json::Error> {
        let cases = [
            ("ready", true, Some("the lines that ring")),
            ("ready", false, None),
            ("talking", false, Some("the present call")),
            ("paused", false, None),
        ];
        for (state, leaving, expected) in cases {
            let agent: types::Agent = serde_json::from_value(serde_json::json!({
                "name": "amina", "state": state, "leaving": leaving, "since_s": 0.0,
                "leg_up": true, "campaigns": [], "handled": 0,
                "talk_s": 0.0, "wrap_s": 0.0, "idle_s": 0.0,
            }))?;
            let said = postponed(&agent, Lang::En);
            let fits = match (&said, expected) {
                (Some(said), Some(expected)) => {
                    said.starts_with("amina goes") && said.contains(expected)
                }
                (said, expected) => said.is_none() && expected.is_none(),
            };
            assert!(fits, "{state} {leaving}: {said:?}");
            let shown = format!("{:?}", sheet(&[agent], Lang::En));
            assert_eq!(shown.contains("ready, leaving"), leaving, "{shown}");
        }
        Ok(())
    }

    #[test]
    fn numbers_in_names_are_sorted_as_numbers() {
        let mut names = ["a10", "b", "a2", "a1", "é-7-1", "a11", "a", "é-7", "a01"];
        names.sort_by(|a, b| (counted(a), a).cmp(&(counted(b), b)));
        assert_eq!(names, ["a", "a01", "a1", "a2", "a10", "a11", "b", "é-7", "é-7-1"]);
    }
}

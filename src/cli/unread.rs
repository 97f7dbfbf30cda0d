//! Says which files a running engine has not read as they are now.

use super::client::{At, Client};
use super::failure::{Exit, Outcome};
use super::output::{Form, Output, moment};
use super::wait_for;
use crate::api::types;

/// Warns of files that the engine has not read as they are: those of one campaign and the engine's
/// own, or all.
pub(super) fn warn(client: &Client, campaign: Option<&str>, output: &Output) -> Outcome {
    if output.form == Form::Json {
        return Ok(Exit::Done);
    }
    let lang = output.lang;
    let told: types::Configuration = wait_for(client.get(&At::path(["configuration"])))?;
    let at = moment(&told.read_at, "%H:%M:%S");
    let of = |file: &&types::Unread| {
        let own = file.campaign.as_deref();
        own.is_none() || campaign.is_none() || own == campaign
    };
    let mut stale = told.unread.iter().filter(of).peekable();
    let any = stale.peek().is_some();
    for types::Unread { file, change, .. } in stale {
        let change = match change {
            types::Change::Added => lang.say("was added after", "a été ajouté après"),
            types::Change::Changed => lang.say("was changed after", "a été modifié après"),
            types::Change::Removed => lang.say("was removed after", "a été retiré après"),
        };
        let start = lang.say("the engine started at", "le démarrage du moteur à");
        let so = lang.say("it goes on without that", "il continue sans en tenir compte");
        output.warn(&format!("{file} {change} {start} {at}{} {so}", lang.colon()));
    }
    if any {
        output.note(lang.say(
            "    → stop `cadran serve` with Ctrl-C: conversations end; then start it again",
            "    → arrêtez `cadran serve` par Ctrl-C : les conversations finissent ; puis relancez",
        ));
    }
    Ok(Exit::Done)
}

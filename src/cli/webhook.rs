//! `cadran webhook`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::client::{At, Client};
use super::failure::{Exit, Failure, Outcome};
use super::output::{Lang, Output, Sheet, minute};
use super::{Global, wait_for};
use crate::api::types;

/// How often a test asks whether its event was taken.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A receiver that has not answered by then is not there; retries go on without us.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// Test webhooks and list their deliveries.
#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// Send a `webhook.test` event and wait until it is taken
    #[command(before_help = "Examples:
  cadran webhook test prospection-fr")]
    Test(Test),
    /// List events with their deliveries, newest first
    #[command(before_help = "Examples:
  cadran webhook deliveries
  cadran webhook deliveries --waiting --json")]
    Deliveries(Deliveries),
}

/// Whose webhook.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The campaign
    campaign: String,
}

/// Which deliveries.
#[derive(Debug, Args)]
pub(super) struct Deliveries {
    /// Only events no receiver has taken
    #[arg(long)]
    waiting: bool,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

impl Webhook {
    pub(super) fn run(self, global: &Global, output: &Output) -> Outcome {
        let client = Client::open(global)?;
        match self {
            Self::Test(test) => test.run(&client, output),
            Self::Deliveries(deliveries) => deliveries.run(&client, output),
        }
    }
}

impl Test {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let request = types::WebhookTest { campaign: self.campaign };
        let delivery = wait_for(async {
            let sent: types::Delivery =
                client.post(&At::path(["webhooks", "test"]), &request).await?;
            let waited = tokio::time::timeout(TAKEN_WITHIN, tried(client, &sent)).await;
            waited.unwrap_or(Ok(sent))
        })?;
        output.show(&vec![delivery.clone()], |lang| sheet(std::slice::from_ref(&delivery), lang));
        if delivery.delivered_at.is_some() {
            return Ok(Exit::Done);
        }
        let said = delivery.error.unwrap_or_else(|| "no answer yet".to_owned());
        let message = format!("{} did not take the event: {said}", delivery.endpoint);
        Err(Failure::new(Exit::Unreachable, "webhook_refused", message)
            .hint("it is tried again by itself: `cadran webhook deliveries --waiting`"))
    }
}

/// Waits for the first try of an event.
async fn tried(client: &Client, sent: &types::Delivery) -> Result<types::Delivery, Failure> {
    loop {
        let path = At::path(["webhooks", "deliveries"]).with("limit", Some(100));
        let deliveries: Vec<types::Delivery> = client.get(&path).await?;
        let found = deliveries.into_iter().find(|delivery| delivery.event == sent.event);
        if let Some(delivery) = found.filter(|delivery| delivery.tries > 0) {
            return Ok(delivery);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

impl Deliveries {
    fn run(self, client: &Client, output: &Output) -> Outcome {
        let path = At::path(["webhooks", "deliveries"])
            .with("waiting", self.waiting.then_some(true))
            .with("limit", Some(self.limit));
        let deliveries: Vec<types::Delivery> = wait_for(client.get(&path))?;
        output.show(&deliveries, |lang| sheet(&deliveries, lang));
        Ok(Exit::Done)
    }
}

fn sheet(deliveries: &[types::Delivery], lang: Lang) -> Sheet {
    let mut sheet = Sheet::new(&[
        lang.say("event", "événement"),
        "type",
        lang.say("endpoint", "destination"),
        lang.say("tries", "essais"),
        "HTTP",
        lang.say("delivered", "livré"),
        lang.say("next try", "prochain essai"),
        lang.say("what went wrong", "échec"),
    ]);
    for delivery in deliveries {
        sheet.add([
            delivery.event.clone(),
            delivery.kind.clone(),
            delivery.endpoint.clone(),
            delivery.tries.to_string(),
            delivery.status.map(|status| status.to_string()).unwrap_or_default(),
            delivery.delivered_at.as_deref().map(minute).unwrap_or_default(),
            delivery.next_try_at.as_deref().map(minute).unwrap_or_default(),
            delivery.error.clone().unwrap_or_default(),
        ]);
    }
    sheet
}

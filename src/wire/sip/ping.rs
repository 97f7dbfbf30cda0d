//! Signs of life: OPTIONS to the server of a trunk that its next call would go to.

use super::client::{News, Outcome, Owner};
use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Hop};
use super::lexer::{Message, Name};
use super::uac::{retry_after_span, said};
use super::values::Method;
use super::writer::host_text;
use crate::units::{Mono, TrunkId};

impl Endpoint {
    /// Asks a trunk for a sign of life; answered by [`Event::Options`]. A server that is silent,
    /// unreachable or says 503 is spared, and the trunk's next one is asked instead: only when
    /// none is left does the trunk give none. While one is left, silence is 10 s long.
    ///
    /// # Errors
    /// The trunk is unknown, or the tables are full.
    pub fn send_options(&mut self, now: Mono, trunk: TrunkId) -> Result<(), CommandError> {
        self.net.now = now;
        let (hop, spare) = self.ways(trunk).ok_or(CommandError::UnknownTrunk)?;
        let left = spare.iter().filter(|hop| !self.spared.holds(now, **hop)).count();
        self.ping(trunk, hop, left)
    }

    fn ping(&mut self, trunk: TrunkId, to: Hop, left: usize) -> Result<(), CommandError> {
        let held = self.trunks.get(&trunk).ok_or(CommandError::UnknownTrunk)?;
        if self.clients.is_full() {
            return Err(CommandError::Full);
        }
        self.spared.tries(self.net.now, to);
        let net = &mut self.net;
        let key = self.clients.next_key(net);
        let host = held.domain.clone().unwrap_or_else(|| held.address.address.to_string());
        let uri = format!("sip:{host}");
        let mut writer = net.writer();
        let local = net.local(to);
        writer.request_head(Method::Options, uri.as_bytes(), &local.via, key);
        writer
            .text(held.path())
            .text("From: <sip:cadran@")
            .text(host_text(self.settings.local.ip()));
        writer.text(">;tag=").hex(net.draw(), 16).text("\r\nTo: <").text(&uri);
        writer.text(">\r\nCall-ID: ").hex(net.draw(), 16).text("\r\nCSeq: 1 OPTIONS\r\n");
        writer.contact(net.local(to)).header("Accept", "application/sdp");
        writer.header("User-Agent", &net.agent).body("", &[]);
        let names = (key, Owner::Ping(trunk, left), Method::Options);
        self.clients.begin(net, names, to, writer.0);
        Ok(())
    }

    /// Takes the answer to a sign of life in; without a message there was none.
    pub(super) fn ping_news(
        &mut self,
        (trunk, left): (TrunkId, usize),
        news: News,
        status: u16,
        message: Option<&Message<'_>>,
    ) {
        if news.outcome == Outcome::Provisional {
            return;
        }
        self.spared.heard(self.net.now, news.to, message.map_or(0, |_| status));
        let wait = message.and_then(|message| message.first(Name::RetryAfter));
        let wait = wait.and_then(retry_after_span);
        if news.outcome == Outcome::Timeout || status == 503 {
            self.spared.note(self.net.now, news.to, wait);
            let next = self.ways(trunk).filter(|_| left > 0).map(|(hop, _)| hop);
            let next = next.filter(|hop| !self.spared.holds(self.net.now, *hop));
            if next.is_some_and(|hop| self.ping(trunk, hop, left - 1).is_ok()) {
                return;
            }
        }
        let status = said(status, message);
        self.events.push_back(Event::Options(trunk, status, wait));
    }
}

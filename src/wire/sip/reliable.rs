//! Reliable provisional answers of ours (RFC 3262 §3): one at a time, repeated until its PRACK.

use super::endpoint::Endpoint;
use super::event::{CommandError, Event, Sdp};
use super::leg::{Leg, Ringing};
use super::lexer::{Name, number};
use super::slab::Key;
use super::values::{Request, cseq};
use super::writer::{SDP_TYPE, Writer};
use crate::units::LegId;

/// How far the reliable answers to one INVITE are.
#[derive(Debug)]
pub(super) struct Reliable {
    /// Whether the caller requires them.
    wanted: bool,
    /// Whether the INVITE held an offer.
    offered: bool,
    /// The INVITE's CSeq.
    cseq: u32,
    /// The number of the latest.
    rseq: u32,
    /// Whether its PRACK is still to come, and whether it held a description.
    waits: Option<bool>,
    /// Whether a description of ours was acknowledged.
    pub(super) settled: bool,
    /// What is to be said once the PRACK came.
    next: Option<Said>,
}

/// What was said while an earlier answer waited for its PRACK.
#[derive(Debug)]
enum Said {
    Early(u16, Sdp),
    Answer(Sdp),
}

impl Reliable {
    /// Begins for an INVITE; `chance` becomes the first number, between 1 and 2^31 - 1 (§3).
    pub(super) fn new(wanted: bool, request: &Request<'_>, chance: u64) -> Self {
        let rseq = u32::try_from(chance % (1 << 30)).unwrap_or_default();
        let offered = !request.message.body.is_empty();
        let cseq = request.cseq;
        Self { wanted, offered, cseq, rseq, waits: None, settled: false, next: None }
    }

    /// Keeps an answer back until the PRACK came; tells whether it must wait (§3).
    pub(super) fn keeps(&mut self, answer: &Sdp) -> bool {
        let waits = self.waits.is_some();
        if waits {
            self.next = Some(Said::Answer(answer.clone()));
        }
        waits
    }
}

impl Endpoint {
    /// Sends a provisional response to an incoming leg.
    pub(super) fn early(
        &mut self,
        leg: LegId,
        status: u16,
        sdp: &[u8],
    ) -> Result<(), CommandError> {
        let key = self.key(leg)?;
        let ringing = self.legs.get_mut(key).and_then(Leg::ringing);
        let (dialog, Ringing { server, reliable, .. }) = ringing.ok_or(CommandError::WrongState)?;
        if reliable.waits.is_some() {
            if !matches!(reliable.next, Some(Said::Answer(_))) {
                reliable.next = Some(Said::Early(status, sdp.to_vec()));
            }
            return Ok(());
        }
        let mut lines = Writer(Vec::new());
        lines.contact(self.net.local(dialog.home.address));
        if reliable.wanted {
            reliable.rseq += 1;
            reliable.waits = Some(!sdp.is_empty());
            lines.header("Require", "100rel");
            lines.text("RSeq: ").number(reliable.rseq).text("\r\n");
        }
        self.servers.respond(&mut self.net, *server, status, |writer| {
            writer.text(&lines.0).body(SDP_TYPE, sdp);
        });
        if reliable.wanted {
            self.servers.await_prack(&mut self.net, *server);
        }
        Ok(())
    }

    /// Takes the PRACK of an answer of ours in, with the answer or the offer it may hold (§3, §5).
    pub(super) fn pracked(&mut self, key: Key, print: u64, request: &Request<'_>) {
        let Some(leg) = self.legs.get_mut(key) else {
            return;
        };
        let id = leg.id;
        let Some((_, Ringing { server, reliable, offer, .. })) = leg.ringing() else {
            self.reply(print, request, 481, b"");
            return;
        };
        let described = reliable.waits.filter(|_| acknowledges(request, reliable));
        let Some(described) = described else {
            self.reply(print, request, 481, b"");
            return;
        };
        reliable.waits = None;
        reliable.settled |= described;
        let next = reliable.next.take();
        let (offered, settled) = (reliable.offered, reliable.settled);
        self.servers.pracked(&mut self.net, *server);
        match request.sdp() {
            Some(sdp) if offered && settled && !self.servers.is_full() => {
                *offer = Some(self.servers.begin(&mut self.net, print, request, (key, b"")));
                self.events.push_back(Event::Offer(id, Some(sdp)));
            }
            Some(sdp) if !offered && described => {
                self.events.push_back(Event::Acked(id, Some(sdp)));
                self.reply(print, request, 200, b"");
            }
            Some(_) => self.reply(print, request, 488, b""),
            None => self.reply(print, request, 200, b""),
        }
        let said = match next {
            Some(Said::Early(status, sdp)) => self.early(id, status, &sdp),
            Some(Said::Answer(sdp)) => self.accept_call(key, &sdp),
            None => Ok(()),
        };
        debug_assert_eq!(said, Ok(()), "the leg still rings");
    }
}

/// Tells whether a PRACK names our latest answer: `RAck: number CSeq INVITE` (§7.2).
fn acknowledges(request: &Request<'_>, reliable: &Reliable) -> bool {
    let value = request.message.first(Name::RAck).unwrap_or_default();
    let (first, rest) =
        value.split_at(value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len()));
    number(first) == Some(reliable.rseq.into())
        && cseq(rest.trim_ascii_start()) == Some((reliable.cseq, b"INVITE"))
}

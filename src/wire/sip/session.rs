//! Session timers (RFC 4028): how long a session lives without a refresh, and who refreshes it.

use super::digest::Tries;
use super::lexer::{Message, Name, Split, number, trim};
use super::settings::{Refresher, SessionTimers, TimerMode};
use super::values::{has_tag, param};
use super::writer::Writer;
use crate::units::{Mono, Span};

/// The shortest interval believed of a peer's answer. RFC 4028 §4 forbids less than 90 s, but who
/// answers less means to hang up then; below this its refreshes would be a load.
const INTERVAL_LEAST: u64 = 4;
/// The longest interval (RFC 4028 §4: delta-seconds, RFC 3261 §25.1: at most 2^32 - 1).
const INTERVAL_MOST: u64 = u32::MAX as u64;
/// How often one session's interval is raised by 422: each hop of a usual route may do so once.
const RAISES_MAX: u8 = 3;
/// How long before the end of a session that nobody refreshed its BYE goes out: this, or a third
/// of the interval if that is less (RFC 4028 §10).
const MARGIN: Span = Span::secs(32);

/// What one side wants of a session's timer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub(super) timers: SessionTimers,
    raises: u8,
}

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    interval: Span,
    /// Whether we refresh.
    ours: bool,
    /// Whether the peer speaks of timers, and so must heed an answer that does.
    spoken: bool,
}

/// The timer of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    agreed: Agreed,
    refresh: Option<Mono>,
    end: Mono,
}

impl Wish {
    pub(super) const fn new(timers: SessionTimers) -> Self {
        Self { timers, raises: 0 }
    }

    fn spoken(&self) -> bool {
        self.timers.mode != TimerMode::Refuse
    }

    /// Writes what an INVITE of ours that begins a call asks for (§7.1); Supported is written
    /// with the other extensions. After a 422 it asks for a timer in any case: somebody on the way
    /// wants one, and would want the same again.
    pub(super) fn write_first(&self, writer: &mut Writer) {
        if self.timers.mode == TimerMode::Ask || self.raises > 0 {
            let refresher = match self.timers.refresher {
                Refresher::Any => "",
                Refresher::Us => ";refresher=uac",
                Refresher::Them => ";refresher=uas",
            };
            self.write(writer, self.timers.interval, refresher);
        }
    }

    /// Writes what a request of ours inside a dialog says of the session's timer (§7.4).
    pub(super) fn write_next(&self, writer: &mut Writer, timer: Option<&Timer>) {
        if self.spoken() {
            writer.header("Supported", "timer");
        }
        if let Some(Timer { agreed, .. }) = timer {
            let refresher = if agreed.ours { ";refresher=uac" } else { ";refresher=uas" };
            self.write(writer, agreed.interval, refresher);
        } else if self.raises > 0 {
            self.write_least(writer);
        }
    }

    fn write(&self, writer: &mut Writer, interval: Span, refresher: &str) {
        writer.text("Session-Expires: ").number(whole_seconds(interval.max(self.timers.least)));
        writer.text(refresher).text("\r\n");
        self.write_least(writer);
    }

    fn write_least(&self, writer: &mut Writer) {
        writer.text("Min-SE: ").number(whole_seconds(self.timers.least)).text("\r\n");
    }

    /// Takes the Min-SE of a 422 in; tells whether to ask again (§7.3). Whoever says so has taken
    /// the credentials: a challenge after it refuses none.
    pub(super) fn raise(
        &mut self,
        status: u16,
        message: Option<&Message<'_>>,
        tries: &mut Tries,
    ) -> bool {
        let least = message.filter(|_| status == 422).and_then(|m| seconds(m.first(Name::MinSe)?));
        let Some(least) = least.filter(|least| self.spoken() && *least > self.timers.least) else {
            return false;
        };
        self.raises = self.raises.saturating_add(1);
        self.timers.least = least;
        *tries = Tries::default();
        self.raises <= RAISES_MAX
    }

    /// Reads what a 2xx to a request of ours settled (§7.2).
    pub(super) fn of_answer(&self, message: &Message<'_>) -> Option<Agreed> {
        let value = message.first(Name::SessionExpires).filter(|_| self.spoken())?;
        let floor = Span::secs(INTERVAL_LEAST);
        let interval = seconds(value)?.max(floor);
        // A far end that forgets to say who refreshes leaves it to us: too much does no harm.
        let ours = !refresher(value).is_some_and(|who| who.eq_ignore_ascii_case(b"uas"));
        Some(Agreed { interval, ours, spoken: true })
    }

    /// Settles what a peer's request asks for (§9, table 2).
    ///
    /// # Errors
    /// Its interval is too short: 422 with our Min-SE, which is given.
    pub(super) fn of_request(&self, message: &Message<'_>) -> Result<Option<Agreed>, Span> {
        let value = message.first(Name::SessionExpires).filter(|_| self.spoken());
        let Some((value, interval)) = value.and_then(|value| Some((value, seconds(value)?))) else {
            return Ok(None);
        };
        let spoken =
            has_tag(message, Name::Supported, "timer") || has_tag(message, Name::Require, "timer");
        if spoken && interval < self.timers.least {
            return Err(self.timers.least);
        }
        let ours = match refresher(value) {
            _ if !spoken => true,
            Some(who) => who.eq_ignore_ascii_case(b"uas"),
            None => self.timers.refresher == Refresher::Us,
        };
        let floor = Span::secs(INTERVAL_LEAST);
        Ok(Some(Agreed { interval: interval.max(floor), ours, spoken }))
    }

    /// Writes what a 2xx of ours says of the session's timer (§9).
    pub(super) fn write_answer(&self, writer: &mut Writer, agreed: Option<Agreed>) {
        if self.spoken() {
            writer.header("Supported", "timer");
        }
        if let Some(agreed) = agreed {
            if agreed.spoken {
                writer.header("Require", "timer");
            }
            writer.text("Session-Expires: ").number(agreed.interval.as_millis() / 1_000);
            writer.text(if agreed.ours { ";refresher=uas\r\n" } else { ";refresher=uac\r\n" });
        }
    }
}

impl Timer {
    /// Begins anew after a request that was agreed to.
    pub(super) fn start(now: Mono, agreed: Agreed) -> Self {
        let whole = agreed.interval.as_micros();
        let margin = MARGIN.as_micros().min(whole / 3);
        // Half of the interval is what §7.4 recommends.
        let refresh = agreed.ours.then(|| now + Span::micros(whole / 2));
        Self { agreed, refresh, end: now + Span::micros(whole - margin) }
    }

    /// Tells when it wants to be looked at next.
    pub(super) fn next(&self) -> Mono {
        self.refresh.map_or(self.end, |refresh| refresh.min(self.end))
    }

    /// Tells whether nobody refreshed the session in time.
    pub(super) fn has_run_out(&self, now: Mono) -> bool {
        self.end <= now
    }

    /// Tells once that it is time for us to refresh the session.
    pub(super) fn take_refresh(&mut self, now: Mono) -> bool {
        let due = self.refresh.is_some_and(|refresh| refresh <= now);
        if due {
            self.refresh = None;
        }
        due
    }

    /// Puts a refresh that failed, or had to wait, off to half-way to the end.
    pub(super) fn put_off(&mut self, now: Mono) {
        let left = self.end.since(now);
        if self.agreed.ours && left > Span::secs(1) {
            self.refresh = Some(now + Span::micros(left.as_micros() / 2));
        }
    }
}

fn whole_seconds(span: Span) -> u64 {
    span.as_millis().div_ceil(1_000)
}

/// Reads delta-seconds before any parameter.
fn seconds(value: &[u8]) -> Option<Span> {
    let digits = trim(Split::new(value, b';').next()?);
    Some(Span::secs(number(digits)?.min(INTERVAL_MOST)))
}

fn refresher(value: &[u8]) -> Option<&[u8]> {
    let params = value.get(value.iter().position(|byte| *byte == b';')?..)?;
    param(params, "refresher").filter(|who| !who.is_empty())
}

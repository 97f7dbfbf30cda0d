//! Does what an agent wishes, and says why where it is not done.

use serde_json::{Value, json};

use super::protocol::{Correction, Disposal, EXTEND_S, Refusal, Wish};
use super::session::Room;
use super::{card, moment, view};
use crate::api::agents::{self, call_of};
use crate::api::contacts::{self, Corrections};
use crate::api::dnc::{self, NewWishes, Reach};
use crate::api::promise::{self, NoPromise};
use crate::api::types::{PauseRequest, QualifyRequest};
use crate::api::{ApiError, import};
use crate::config::{self, Need};
use crate::core::campaign::Then;
use crate::core::floor::AgentFloor;
use crate::core::order::AgentState;
use crate::engine::handle::{AgentVerb, Appointment, Ask, Details, Qualification, Refused, Reply};
use crate::store::StoreError;
use crate::units::{AgentId, CallId, ContactId, DispositionId, PauseId, Span, Wall, Zone};

/// An agent who wishes something.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) room: Room,
    pub(super) agent: AgentId,
    pub(super) name: String,
}

/// The call an agent is in or writes up.
struct Present<'a> {
    call: CallId,
    contact: ContactId,
    campaign: &'a config::Campaign,
    said: Option<DispositionId>,
}

impl Seat {
    /// Does what the agent wishes; gives what there is to tell of it.
    pub(super) async fn ask(&self, wish: Wish) -> Result<Value, Refusal> {
        match wish {
            Wish::Login => self.act(AgentVerb::Login).await?,
            Wish::Logout => self.leave(AgentVerb::Logout).await?,
            Wish::Ready => self.ready().await?,
            Wish::Pause { code } => self.leave(AgentVerb::Pause(self.pause(code)?)).await?,
            Wish::LastCall { code } => self.last_call(self.pause(code)?).await?,
            Wish::HangUp => self.hang_up().await?,
            Wish::Hold => self.act(AgentVerb::Hold).await?,
            Wish::Retrieve => self.act(AgentVerb::Retrieve).await?,
            Wish::Dispose(said) => self.dispose(said).await?,
            Wish::Undo => self.undo().await?,
            Wish::When { at } => return self.when(&at).await,
            Wish::Extend => self.act(AgentVerb::ExtendWrap(Span::secs(EXTEND_S))).await?,
            Wish::DoNotCall => self.never_again().await?,
            Wish::Edit(correction) => self.correct(correction).await?,
            Wish::Dial => self.act(AgentVerb::Dial).await?,
            Wish::Skip { reason } => self.act(AgentVerb::Skip(reason)).await?,
            Wish::Transfer { to } => self.transfer(&to).await?,
            Wish::Offer { sdp } => return self.offer(sdp).await,
        }
        Ok(true.into())
    }

    async fn act(&self, verb: AgentVerb) -> Result<(), Refusal> {
        self.room.desk.handle.ask(Ask::Agent(self.agent, verb)).await?;
        Ok(())
    }

    /// Makes the browser the agent's telephone; gives what it is to be told.
    async fn offer(&self, sdp: String) -> Result<Value, Refusal> {
        let offer = Ask::Offer(self.agent, sdp.into_boxed_str());
        match self.room.desk.handle.ask(offer).await? {
            Reply::Answer(answer) => Ok(json!({ "answer": answer })),
            Reply::Done | Reply::Tested(_) => {
                Err(refusal("no_audio", "the browser cannot be a phone here: use a SIP one"))
            }
        }
    }

    async fn ready(&self) -> Result<(), Refusal> {
        self.room.seats.note(self.agent, |note| note.last_call = None);
        match self.floor().map_or(AgentState::LoggedOut, |floor| floor.state) {
            AgentState::LoggedOut => self.act(AgentVerb::Login).await?,
            AgentState::Wrapping(_) => self.has_said()?,
            AgentState::Paused(_)
            | AgentState::Ready
            | AgentState::Previewing(_)
            | AgentState::Reserved(_)
            | AgentState::Talking(_)
            | AgentState::Holding(_)
            | AgentState::Resting(_) => {}
        }
        self.act(AgentVerb::Ready).await
    }

    /// Ends the conversation. What was said of it and taken back is said anew first: no write-up
    /// follows in which to say it.
    async fn hang_up(&self) -> Result<(), Refusal> {
        let floor = self.floor();
        let call = floor.filter(|floor| floor.said.is_some());
        let call = call.and_then(|floor| call_of(floor.state));
        if call.is_some() && self.room.seats.read(self.agent, |note| note.undone) == call {
            return Err(dispose_first());
        }
        self.act(AgentVerb::HangUp).await
    }

    /// Goes on a break, or home.
    async fn leave(&self, verb: AgentVerb) -> Result<(), Refusal> {
        if let Some(AgentState::Wrapping(_)) = self.floor().map(|floor| floor.state) {
            self.has_said()?;
        }
        self.room.seats.note(self.agent, |note| note.last_call = None);
        self.act(verb).await
    }

    async fn last_call(&self, pause: PauseId) -> Result<(), Refusal> {
        match self.floor().map_or(AgentState::LoggedOut, |floor| floor.state) {
            AgentState::Talking(_) | AgentState::Holding(_) => {
                self.act(AgentVerb::Pause(pause)).await
            }
            AgentState::Ready
            | AgentState::Reserved(_)
            | AgentState::Previewing(_)
            | AgentState::Resting(_) => {
                self.room.seats.note(self.agent, |note| note.last_call = Some(pause));
                Ok(())
            }
            AgentState::LoggedOut | AgentState::Paused(_) | AgentState::Wrapping(_) => {
                Err(refusal("wrong_state", "a last call is announced while calls come"))
            }
        }
    }

    /// Whether the call being written up has a disposition, one that was not taken back.
    fn has_said(&self) -> Result<(), Refusal> {
        let floor = self.floor();
        let said = floor.as_ref().and_then(|floor| floor.said);
        let call = floor.and_then(|floor| call_of(floor.state));
        let undone = self.room.seats.read(self.agent, |note| note.undone);
        if said.is_some() && undone != call {
            return Ok(());
        }
        Err(dispose_first())
    }

    async fn dispose(&self, said: Disposal) -> Result<(), Refusal> {
        let present = self.present()?;
        let needs = present.campaign.disposition(&said.code).and_then(|own| own.needs);
        let mut request = QualifyRequest {
            disposition: said.code,
            call: Some(present.call.0),
            callback_personal: said.mine,
            details: Details {
                notes: said.notes,
                amount_cents: said.amount_cents,
                ..Details::default()
            },
            ..QualifyRequest::default()
        };
        if let Some(text) = said.at.as_deref() {
            let (local, zone) = self.local(&present, text).await?;
            if needs == Some(Need::Appointment) {
                let at = zone.to_zoned(local).map_err(|_| unread(moment::Unread::Unknown))?;
                let at = at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
                let place = said.place;
                request.details.appointment = Some(Appointment { at, place, salesperson: None });
            } else {
                self.promised(&present, &local.to_string()).await?;
                request.callback_at = Some(local.to_string());
            }
        } else if needs == Some(Need::Callback) {
            return Err(refusal("moment_missing", "say when to call back"));
        }
        let word = agents::qualification(&self.room.desk, self.agent, request).await?;
        self.qualify(present.call, word).await
    }

    async fn qualify(&self, call: CallId, word: Qualification) -> Result<(), Refusal> {
        self.act(AgentVerb::Qualify(Box::new(word))).await?;
        let now = self.room.desk.clock.mono();
        self.room.seats.note(self.agent, |note| {
            (note.said, note.undone) = (Some((call, now)), None);
        });
        Ok(())
    }

    /// Takes a disposition back: what the campaign makes of a call of which nothing was said holds
    /// until another one is chosen.
    async fn undo(&self) -> Result<(), Refusal> {
        let present = self.present()?;
        let now = self.room.desk.clock.mono();
        let undoable = self.room.seats.read(self.agent, |note| note.undoable(Some(present.call)));
        if undoable.is_none_or(|until| until < now) {
            return Err(refusal("undo_over", "it is too late to take that back: choose another"));
        }
        let said = present.said.and_then(|id| present.campaign.dispositions.get(usize::from(id.0)));
        if said.is_some_and(|said| said.then == Then::DoNotCall) {
            return Err(refusal("wish_stands", "a wish not to be called stands"));
        }
        if let Some(default) = present.campaign.wrap.default {
            let word = Qualification {
                call: Some(present.call),
                disposition: Some(default),
                ..Qualification::default()
            };
            self.act(AgentVerb::Qualify(Box::new(word))).await?;
        }
        self.room.seats.note(self.agent, |note| {
            (note.said, note.undone) = (None, Some(present.call));
        });
        Ok(())
    }

    /// Tells when a text says, and whether a callback may be promised for it.
    async fn when(&self, text: &str) -> Result<Value, Refusal> {
        let present = self.present()?;
        let (local, zone) = self.local(&present, text).await?;
        let at = self.promised(&present, &local.to_string()).await?;
        let zone = zone.iana_name().unwrap_or_default();
        Ok(json!({ "at": at.as_micros() / 1_000, "zone": zone }))
    }

    async fn promised(&self, present: &Present<'_>, local: &str) -> Result<Wall, Refusal> {
        let desk = &self.room.desk;
        let name = &present.campaign.name;
        Ok(promise::callback_at(desk, name, present.call, local).await?)
    }

    /// Reads a moment on the clock of the person called.
    async fn local(
        &self,
        present: &Present<'_>,
        text: &str,
    ) -> Result<(jiff::civil::DateTime, jiff::tz::TimeZone), Refusal> {
        let desk = &self.room.desk;
        let zone = card::zone_of(desk, present.contact, Some(present.call)).await?;
        let zone = zone.as_ref().map_or("Europe/Paris", Zone::name);
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let now = desk.clock.now().wall.timestamp().to_zoned(zone.clone()).datetime();
        Ok((moment::read(text, now).map_err(unread)?, zone))
    }

    async fn never_again(&self) -> Result<(), Refusal> {
        let present = self.present()?;
        let mut own = present.campaign.dispositions.iter();
        if let Some(disposition) = own.find(|own| own.then == Then::DoNotCall) {
            let word = Qualification {
                call: Some(present.call),
                disposition: Some(disposition.id),
                ..Qualification::default()
            };
            return self.qualify(present.call, word).await;
        }
        let desk = &self.room.desk;
        let row = desk.store.call(present.call).await?;
        let number = row.and_then(|row| row.to).ok_or(Refused::Unknown("number of this call"))?;
        let wish = NewWishes {
            numbers: vec![number.reveal().to_owned()],
            reach: Reach { client: Some(present.campaign.client.clone()), campaign: None },
            reason: "said in conversation".to_owned(),
            source: format!("call {}", present.call),
            until: None,
        };
        dnc::wished(desk, wish).await?;
        Ok(())
    }

    async fn correct(&self, correction: Correction) -> Result<(), Refusal> {
        let floor = self.floor().and_then(|floor| Some((floor.card?.1, call_of(floor.state))));
        let (contact, call) = floor.ok_or_else(no_call)?;
        let new = Corrections {
            agent: self.name.clone(),
            call: call.map(|call| call.0),
            name: correction.name,
            fields: correction.fields,
            ..Corrections::default()
        };
        contacts::corrected(&self.room.desk, (self.agent, contact), new, "page").await?;
        Ok(())
    }

    async fn transfer(&self, to: &str) -> Result<(), Refusal> {
        let present = self.present()?;
        let to = import::number(to, import::Region::FR)
            .ok_or_else(|| refusal("number_unread", "this is no number that can be called"))?;
        self.room.desk.handle.ask(Ask::Transfer(present.call, to)).await?;
        Ok(())
    }

    fn pause(&self, code: Option<String>) -> Result<PauseId, ApiError> {
        agents::pause(&self.room.desk, PauseRequest { code })
    }

    fn floor(&self) -> Option<AgentFloor> {
        view::at(&self.room.desk.handle.snapshot(), self.agent).cloned()
    }

    /// Finds the call of which something can be said.
    fn present(&self) -> Result<Present<'_>, Refusal> {
        let found = || {
            let floor = self.floor()?;
            let (campaign, contact) = floor.card?;
            let campaign = view::campaign_of(&self.room.desk, campaign)?;
            Some(Present { call: call_of(floor.state)?, contact, campaign, said: floor.said })
        };
        found().ok_or_else(no_call)
    }
}

fn refusal(code: &str, words: &str) -> Refusal {
    Refusal { code: code.to_owned(), words: words.to_owned(), ..Refusal::default() }
}

fn dispose_first() -> Refusal {
    refusal("dispose_first", "say first how the call ended")
}

fn no_call() -> Refusal {
    refusal("no_call", "there is no call now")
}

fn unread(why: moment::Unread) -> Refusal {
    let code = match why {
        moment::Unread::Unknown => "moment_unread",
        moment::Unread::HourMissing => "hour_missing",
        moment::Unread::Past => "moment_past",
    };
    refusal(code, &why.to_string())
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        refusal(error.code(), &error.to_string())
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        ApiError::from(refused).into()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<NoPromise> for Refusal {
    fn from(why: NoPromise) -> Self {
        let NoPromise::Forbidden(forbidden) = &why else { return ApiError::from(why).into() };
        let (rule, next) = (forbidden.kind(), forbidden.next.clone());
        let law = Some(forbidden.rule.clone()).filter(|law| *law != rule);
        let told: Self = ApiError::from(why).into();
        Self { rule: Some(rule), law, next, ..told }
    }
}

//! The agent's socket: shows a page what the engine knows, at each change, and does what it wishes.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::SignedIn;
use super::asks::Seat;
use super::protocol::{Asked, Card, FRAME_BYTES_MAX, Refusal, Told, View, Wish};
use super::seats::{Note, Seats};
use super::view::{self, Around};
use super::waiting::{Waiting, lines};
use crate::api::types::Cause;
use crate::api::{Desk, agents};
use crate::core::floor::AgentFloor;
use crate::core::order::AgentState;
use crate::engine::handle::{AgentVerb, Ask, Snapshot};
use crate::store::AgentRow;
use crate::units::{AgentId, CallId, ContactId, Mono, Span};

/// How often the page is told that the server is there, and asked whether it is.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// A page that was not heard for three beats is gone.
const SILENT_MAX: Span = Span::secs(15);

/// A page that does not take what it is sent within so long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// An agent whose page is gone keeps working for so long: a page loaded anew takes two seconds, a
/// network that changes five.
const GRACE: Duration = Duration::from_secs(10);

/// Wishes that may be under way at once, and answers that may wait: nobody presses faster.
const UNDER_WAY_MAX: usize = 8;

/// Wishes that may come at once, and how many a second after that.
const BURST: f64 = 20.0;
const PER_SECOND: f64 = 5.0;

/// A page that goes on after so many wishes too many is no page of ours.
const EXCESS_MAX: u32 = 100;

/// Why an agent waits is told anew so often: what rings changes from moment to moment.
const WHY_EVERY: Span = Span::secs(1);

/// The status of a socket that is closed because another page took over (4000 to 4999 are private,
/// RFC 6455 §7.4.2).
const TAKEN: u16 = 4_001;

/// The status of one that broke the rules (RFC 6455 §7.4.1).
const POLICY: u16 = 1_008;

/// What every socket shares.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) desk: Desk,
    pub(super) seats: Seats,
    pub(super) waiting: Waiting,
}

/// Lays out the agent's socket, `GET /desk/socket`; whoever mounts it says who asks, by the request
/// extension [`SignedIn`].
pub fn router(desk: Desk) -> Router {
    let room = Room { desk, seats: Seats::default(), waiting: Waiting::default() };
    Router::new().route("/desk/socket", get(socket)).with_state(room)
}

async fn socket(
    State(room): State<Room>,
    who: Option<Extension<SignedIn>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let no = |status: StatusCode, code: &str, words: &str| {
        (status, Json(json!({ "code": code, "detail": words }))).into_response()
    };
    let Some(Extension(who)) = who else {
        return no(StatusCode::UNAUTHORIZED, "signed_out", "sign in first");
    };
    let Some(agent) = who.agent else {
        return no(StatusCode::FORBIDDEN, "no_seat", "this account takes no calls");
    };
    let rows = match room.desk.store.agents().await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::warn!(%error, "an agent's page cannot be opened");
            return no(StatusCode::SERVICE_UNAVAILABLE, "store_busy", "the database is away");
        }
    };
    let Some(row) = rows.into_iter().find(|row| row.id == agent) else {
        return no(StatusCode::FORBIDDEN, "no_seat", "the agent of this account was removed");
    };
    let upgrade = upgrade.max_message_size(FRAME_BYTES_MAX).max_frame_size(FRAME_BYTES_MAX);
    upgrade.on_upgrade(move |socket| Page::new(room, row).run(socket))
}

/// What comes from work done beside the socket.
enum News {
    Answer(Told, bool),
    Card(Shown, Option<Box<Card>>),
    Why(Option<Box<Cause>>),
}

/// What a socket's loop has to see to.
enum Next {
    News(News),
    Beat,
    Frame(Message),
}

/// What a card is of.
type Shown = (ContactId, Option<CallId>);

/// Why a socket ends.
enum End {
    Gone,
    Taken,
    Closing,
    Broke(&'static str),
}

/// One page of an agent.
struct Page {
    room: Room,
    row: AgentRow,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    under_way: usize,
    allowance: Allowance,
    heard: Mono,
    shown: Option<Shown>,
    card: Option<Box<Card>>,
    why: Option<Box<Cause>>,
    /// When `why` was last asked for, and whether the answer is awaited.
    asked_why: (Option<Mono>, bool),
    /// What was last shown, and whether there is more to show since: most snapshots tell this agent
    /// nothing new.
    seen: (Option<AgentFloor>, Note),
    stale: bool,
    sent: Option<Box<View>>,
}

impl Page {
    fn new(room: Room, row: AgentRow) -> Self {
        let now = room.desk.clock.mono();
        Self {
            room,
            row,
            news: mpsc::channel(UNDER_WAY_MAX + 2),
            under_way: 0,
            allowance: Allowance::new(now),
            heard: now,
            shown: None,
            card: None,
            why: None,
            asked_why: (None, false),
            seen: (None, Note::default()),
            stale: true,
            sent: None,
        }
    }

    async fn run(mut self, mut socket: WebSocket) {
        let agent = self.row.id;
        let (turn, turns) = self.room.seats.take(agent);
        tracing::info!(%agent, "the agent's page is open");
        let end = self.serve(&mut socket, (turn, turns.clone())).await;
        let (code, reason) = match end {
            End::Taken => (TAKEN, "taken"),
            End::Broke(reason) => (POLICY, reason),
            End::Gone | End::Closing => (1_001, "going away"),
        };
        if matches!(end, End::Taken) {
            drop(send(&mut socket, &Told::Taken { taken: true }).await);
        }
        let close = CloseFrame { code, reason: reason.into() };
        drop(timeout(SEND_WITHIN, socket.send(Message::Close(Some(close)))).await);
        tracing::info!(%agent, reason, "the agent's page is closed");
        if !matches!(end, End::Taken | End::Closing) {
            let desk = self.room.desk.clone();
            self.room.desk.tasks.spawn(left_alone(desk, agent, (turn, turns)));
        }
    }

    /// Serves the page until either side ends it.
    async fn serve(
        &mut self,
        socket: &mut WebSocket,
        (turn, mut turns): (u64, watch::Receiver<u64>),
    ) -> End {
        let mut floor = self.room.desk.handle.watch();
        let mut closing = self.room.desk.closing.clone();
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.show(socket).await.is_err() {
                return End::Gone;
            }
            // The guards of what is watched are let go before anything is waited for.
            let next = tokio::select! {
                changed = floor.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return End::Closing,
                },
                _ = closing.wait_for(|closing| *closing) => return End::Closing,
                _ = turns.wait_for(|now| *now != turn) => return End::Taken,
                Some(news) = self.news.1.recv() => Next::News(news),
                _ = beat.tick() => Next::Beat,
                frame = socket.recv() => match frame {
                    Some(Ok(frame)) => Next::Frame(frame),
                    Some(Err(_)) | None => return End::Gone,
                },
            };
            let done = match next {
                Next::News(news) => self.take(socket, news).await.map_err(|Gone| End::Gone),
                Next::Beat => self.beat(socket).await.map_err(|Gone| End::Gone),
                Next::Frame(frame) => self.hear(socket, frame).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Sends what the agent sees, if that is not what was sent last.
    async fn show(&mut self, socket: &mut WebSocket) -> Result<(), Gone> {
        let (desk, agent) = (self.room.desk.clone(), self.row.id);
        let snapshot = desk.handle.snapshot();
        let floor = view::at(&snapshot, agent);
        let state = floor.map_or(AgentState::LoggedOut, |floor| floor.state);
        self.follow(state);
        let shown = floor.and_then(|floor| Some((floor.card?.1, agents::call_of(floor.state))));
        if shown != self.shown {
            (self.shown, self.card) = (shown, None);
            self.fetch();
        }
        self.explain(state, &snapshot);
        let note = self.room.seats.read(agent, |note| *note);
        let seen = (floor.map(timeless), note);
        if seen == self.seen && !self.stale {
            return Ok(());
        }
        (self.seen, self.stale) = (seen, false);
        let around = Around {
            name: &self.row.name,
            note: &note,
            card: self.card.as_deref(),
            why: self.why.as_deref(),
        };
        let view = Box::new(view::compose(&desk, (&snapshot, agent), &around));
        if self.sent.as_ref() == Some(&view) {
            return Ok(());
        }
        self.sent = Some(view.clone());
        send(socket, &Told::View { now: self.now(), view }).await
    }

    /// Tells one who is ready why he or she waits, once a second.
    fn explain(&mut self, state: AgentState, snapshot: &Snapshot) {
        if state != AgentState::Ready {
            self.stale |= self.why.is_some();
            (self.why, self.asked_why.0) = (None, None);
            return;
        }
        let (now, (asked, awaited)) = (self.room.desk.clock.mono(), self.asked_why);
        if asked.is_some_and(|at| now.since(at) < WHY_EVERY) {
            return;
        }
        self.asked_why.0 = Some(now);
        if let Some(lines) = lines(&self.row, snapshot) {
            (self.why, self.stale) = (Some(lines), true);
        } else if !awaited {
            self.asked_why.1 = true;
            self.ask_why();
        }
    }

    /// Announces the break that follows the last call, once that call is there.
    fn follow(&self, state: AgentState) {
        let agent = self.row.id;
        let last = self.room.seats.read(agent, |note| note.last_call);
        let Some(pause) = last.filter(|_| matches!(state, AgentState::Talking(_))) else { return };
        self.room.seats.note(agent, |note| note.last_call = None);
        let handle = self.room.desk.handle.clone();
        self.room.desk.tasks.spawn(async move {
            if let Err(error) = handle.ask(Ask::Agent(agent, AgentVerb::Pause(pause))).await {
                tracing::warn!(%error, "the break after the last call is not kept");
            }
        });
    }

    fn fetch(&self) {
        let Some(shown) = self.shown else { return };
        let (desk, news) = (self.room.desk.clone(), self.news.0.clone());
        self.room.desk.tasks.spawn(async move {
            let card = match super::card::fetch(&desk, shown.0, shown.1).await {
                Ok(card) => Some(Box::new(card)),
                Err(error) => {
                    tracing::warn!(%error, "a card cannot be shown");
                    None
                }
            };
            drop(news.send(News::Card(shown, card)).await);
        });
    }

    fn ask_why(&self) {
        let (room, row, news) = (self.room.clone(), self.row.clone(), self.news.0.clone());
        self.room.desk.tasks.spawn(async move {
            let why = room.waiting.why(&room.desk, &row).await;
            drop(news.send(News::Why(why)).await);
        });
    }

    async fn take(&mut self, socket: &mut WebSocket, news: News) -> Result<(), Gone> {
        match news {
            News::Card(shown, card) if Some(shown) == self.shown => {
                (self.card, self.stale) = (card, true);
            }
            News::Card(..) => {}
            News::Why(why) => (self.why, self.asked_why.1, self.stale) = (why, false, true),
            News::Answer(told, edited) => {
                self.under_way -= 1;
                if edited {
                    self.fetch();
                }
                // What came of it is seen before it is said to be done.
                self.show(socket).await?;
                return send(socket, &told).await;
            }
        }
        Ok(())
    }

    async fn beat(&mut self, socket: &mut WebSocket) -> Result<(), Gone> {
        if self.room.desk.clock.mono().since(self.heard) > SILENT_MAX {
            return Err(Gone);
        }
        pass(socket, Message::Ping(Vec::new().into())).await?;
        send(socket, &Told::Beat { now: self.now() }).await
    }

    async fn hear(&mut self, socket: &mut WebSocket, frame: Message) -> Result<(), End> {
        self.heard = self.room.desk.clock.mono();
        let Message::Text(text) = frame else {
            let alive = matches!(frame, Message::Ping(_) | Message::Pong(_));
            return if alive { Ok(()) } else { Err(End::Gone) };
        };
        let asked: Result<Asked, _> = serde_json::from_str(text.as_str());
        let id = asked.as_ref().ok().map(|asked| asked.id);
        let refused = |code: &str, words: String| {
            let why = Refusal { code: code.to_owned(), words, ..Refusal::default() };
            Told::Refused { id, why }
        };
        let told = match asked {
            _ if !self.allowance.takes(self.heard) => {
                if self.allowance.excess > EXCESS_MAX {
                    return Err(End::Broke("too many wishes"));
                }
                refused("too_fast", "one thing after the other".to_owned())
            }
            Ok(_) if self.under_way >= UNDER_WAY_MAX => {
                refused("too_fast", "wait for what is under way".to_owned())
            }
            Ok(asked) => {
                self.begin(asked);
                return Ok(());
            }
            Err(error) => refused("frame_unread", error.to_string()),
        };
        send(socket, &told).await.map_err(|Gone| End::Gone)
    }

    /// Has a wish done beside the socket: it may take until a database has written it down.
    fn begin(&mut self, Asked { id, wish }: Asked) {
        self.under_way += 1;
        let seat =
            Seat { room: self.room.clone(), agent: self.row.id, name: self.row.name.clone() };
        let news = self.news.0.clone();
        let edits = matches!(wish, Wish::Edit(_));
        self.room.desk.tasks.spawn(async move {
            let told = match seat.ask(wish).await {
                Ok(done) => Told::Done { id, done },
                Err(why) => Told::Refused { id: Some(id), why },
            };
            drop(news.send(News::Answer(told, edits)).await);
        });
    }

    fn now(&self) -> i64 {
        view::millis(&self.room.desk, self.room.desk.clock.mono())
    }
}

/// Sends an agent whose page is gone on a break, unless another one comes within the grace. A
/// write-up that ends by itself is left to do so.
async fn left_alone(desk: Desk, agent: AgentId, (turn, mut turns): (u64, watch::Receiver<u64>)) {
    let mut closing = desk.closing.clone();
    let on_break = async {
        tokio::time::sleep(GRACE).await;
        let mut floor = desk.handle.watch();
        let settles = floor.wait_for(|snapshot| {
            let writes =
                |at: &AgentFloor| matches!(at.state, AgentState::Wrapping(_)) && at.until.is_some();
            !view::at(snapshot, agent).is_some_and(writes)
        });
        let state = match settles.await {
            Ok(snapshot) => view::at(&snapshot, agent).map(|at| at.state),
            Err(_) => return,
        };
        if matches!(state, None | Some(AgentState::LoggedOut | AgentState::Paused(_))) {
            return;
        }
        let pause = AgentVerb::Pause(desk.config.usual_pause());
        match desk.handle.ask(Ask::Agent(agent, pause)).await {
            Ok(_) => tracing::info!(%agent, "the agent's page is gone: a break"),
            Err(error) => tracing::warn!(%agent, %error, "the agent's page is gone, and no break"),
        }
    };
    tokio::select! {
        () = on_break => {}
        _ = turns.wait_for(|now| *now != turn) => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
}

/// Gives what is seen of an agent without the times that pass by themselves.
fn timeless(floor: &AgentFloor) -> AgentFloor {
    AgentFloor { talk: Span::ZERO, wrap: Span::ZERO, idle: Span::ZERO, ..floor.clone() }
}

/// The page takes nothing any more.
struct Gone;

async fn send(socket: &mut WebSocket, told: &Told) -> Result<(), Gone> {
    let text = serde_json::to_string(told).map_err(|_| Gone)?;
    pass(socket, Message::Text(text.into())).await
}

async fn pass(socket: &mut WebSocket, message: Message) -> Result<(), Gone> {
    match timeout(SEND_WITHIN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// How many wishes a page may still make: a bucket that fills again.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: f64,
    at: Mono,
    excess: u32,
}

impl Allowance {
    const fn new(at: Mono) -> Self {
        Self { left: BURST, at, excess: 0 }
    }

    /// Takes one wish, if there is one left.
    fn takes(&mut self, now: Mono) -> bool {
        self.left = (self.left + now.since(self.at).as_secs_f64() * PER_SECOND).min(BURST);
        self.at = now;
        let takes = self.left >= 1.0;
        if takes {
            self.left -= 1.0;
        } else {
            self.excess += 1;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_wishes_may_come_at_once_and_five_a_second_after_that() {
        let mut allowance = Allowance::new(Mono::START);
        let taken = (0..25).filter(|_| allowance.takes(Mono::START)).count();
        assert_eq!((taken, allowance.excess), (20, 5));
        let later = Mono::START + Span::secs(1);
        assert_eq!((0..25).filter(|_| allowance.takes(later)).count(), 5);
    }
}

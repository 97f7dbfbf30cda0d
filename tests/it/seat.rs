//! The agent's desk: its socket and its page, against a real engine, carrier and SIP phone.

mod browser;
mod words;

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use axum::extract::{Extension, Path as At};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use cadran::api;
use cadran::carrier::{
    self, CarrierHandle, Cast, Lasting, Persona, PhoneSettings, PhonesHandle, Town,
};
use cadran::config::Config;
use cadran::desk::session;
use cadran::desk::{Role, SignedIn};
use cadran::engine::boot::{self, Running};
use cadran::engine::clock::Clock;
use cadran::engine::tasks::Tasks;
use cadran::units::Span;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tungstenite::{Message, WebSocket};

type Claim<T = ()> = Result<T, Box<dyn Error>>;

/// How long anything may take before a test calls it lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Beats heard before a test calls it lost: as long as that.
const BEATS_MAX: u32 = 6;

/// Where the page's files lie.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/desk/page");

/// What the door lets a page load (CSP level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// A call centre of one agent on this machine: engine, carrier, a SIP phone, the desk.
struct Centre {
    running: Running,
    address: SocketAddr,
    http: reqwest::Client,
    closing: watch::Sender<bool>,
    _outside: (CarrierHandle, PhonesHandle, Tasks),
    _folder: tempfile::TempDir,
}

impl Centre {
    /// Opens it with so many contacts, everybody of whom answers at once and talks for minutes.
    async fn open(mode: &str, contacts: u32) -> Claim<Self> {
        let (clock, outside, folder) = (Clock::start(), Tasks::new(), tempfile::tempdir()?);
        let lasts = |median| Lasting { median, sigma: 0.0, most: median };
        let town = Town {
            cast: Cast::Only(Persona::Talks),
            post_dial: (Span::millis(20), Span::millis(20)),
            ring: lasts(Span::millis(100)),
            talk: lasts(Span::secs(600)),
            silence_patience: Span::secs(60),
            ..Town::default()
        };
        let carrier = carrier::Settings { town, ..carrier::Settings::default() };
        let carrier = carrier::start(carrier, clock, &outside).await?;
        let phones = carrier::start_phones(PhoneSettings::default(), clock, &outside).await?;
        write_project(folder.path(), carrier.addr(), mode)?;
        let running = boot::start(Config::load(&folder.path().join("cadran.toml"))?).await?;
        let (closing, closed) = watch::channel(false);
        let desk = api::Desk {
            handle: running.handle.clone(),
            store: running.store.clone(),
            config: running.config.clone(),
            campaigns: running.campaigns.clone(),
            gauge: running.gauge.clone(),
            clock: running.clock,
            tasks: outside.clone(),
            closing: closed,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let door = api::router(desk.clone()).merge(as_agent(session::router(desk)));
        outside.spawn(async move { drop(axum::serve(listener, door).await) });
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let outside = (carrier, phones, outside);
        let centre = Self { running, address, http, closing, _outside: outside, _folder: folder };
        centre.fill(contacts).await?;
        Ok(centre)
    }

    /// Adds the agent and the contacts, and starts the campaign.
    async fn fill(&self, contacts: u32) -> Claim {
        let contact = self._outside.1.contact(1);
        self.post("agents", json!({ "name": "a1", "contact": contact })).await?;
        let mut list = String::from("ref;nom;prénom;téléphone;ville\n");
        for nth in 0..contacts {
            list.push_str(&format!("K{nth};Martin {nth};Claire;01990000{nth:02};Lyon\n"));
        }
        let url = self.url("v1/campaigns/jardin/contacts:import?file=liste.csv");
        let sent = self.http.post(url).header("content-type", "text/csv").body(list).send().await?;
        assert!(sent.status().is_success(), "{}", sent.text().await?);
        self.post("campaigns/jardin/start", json!(null)).await?;
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    async fn post(&self, path: &str, body: Value) -> Claim<Value> {
        let sent = self.http.post(self.url(&format!("v1/{path}"))).json(&body).send().await?;
        let (status, text) = (sent.status(), sent.text().await?);
        if status.is_success() { Ok(serde_json::from_str(&text)?) } else { Err(text.into()) }
    }

    async fn get(&self, path: &str) -> Claim<Value> {
        Ok(self.http.get(self.url(&format!("v1/{path}"))).send().await?.json().await?)
    }

    /// Opens the agent's socket.
    fn page(&self) -> Claim<Page> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{}/desk/socket", self.address);
        let opened = block_in_place(|| tungstenite::client(url, stream).map_err(Box::new));
        let (socket, _) = opened?;
        Ok(Page { socket, last: 0, view: Value::Null })
    }

    /// Lets everything go where it stands.
    fn close(self) {
        self.closing.send_replace(true);
        self._outside.2.abort();
        self.running.tasks.abort();
    }
}

/// An agent's page without a browser.
struct Page {
    socket: WebSocket<TcpStream>,
    last: u64,
    /// What was shown last.
    view: Value,
}

impl Page {
    /// Reads until a frame has what is wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Claim<Value> {
        block_in_place(|| {
            let (mut seen, mut beats) = (Value::Null, 0);
            while beats < BEATS_MAX {
                match self.socket.read() {
                    Ok(Message::Text(text)) => {
                        let told: Value = serde_json::from_str(&text)?;
                        if told["view"].is_object() {
                            self.view = told["view"].clone();
                        }
                        if wanted(&told) {
                            return Ok(told);
                        }
                        let beat = told.as_object().is_some_and(|told| told.len() == 1);
                        (seen, beats) = if beat { (seen, beats + 1) } else { (told, beats) };
                    }
                    Ok(_) => {}
                    Err(error) => return Err(format!("{what}: {error}, at last {seen}").into()),
                }
            }
            Err(format!("no {what}, at last {seen}").into())
        })
    }

    /// Waits until the view has what is wanted; gives it.
    fn shows(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Claim<Value> {
        if !wanted(&self.view) {
            self.until(what, |told| wanted(&told["view"]))?;
        }
        Ok(self.view.clone())
    }

    /// Waits until the agent is in a state, with a card where there is one to show.
    fn state(&mut self, state: &str) -> Claim<Value> {
        let carded = ["previewing", "talking", "wrapping"].contains(&state);
        self.shows(state, |view| view["state"] == state && (!carded || view["card"].is_object()))
    }

    /// Wishes something and gives the answer.
    fn ask(&mut self, mut wish: Value) -> Claim<Value> {
        self.last += 1;
        let id = self.last;
        wish["id"] = id.into();
        block_in_place(|| self.socket.send(Message::text(wish.to_string())))?;
        self.until("an answer", |told| told["id"] == id)
    }
}

/// Signs every request in as the one agent, and serves the page's files: the door's part.
fn as_agent(router: Router) -> Router {
    let who = SignedIn {
        account: 1,
        name: "amina".to_owned(),
        role: Role::Agent,
        agent: Some(cadran::units::AgentId(1)),
    };
    let guarded = middleware::map_response(async |mut response: Response| {
        let policy = header::HeaderValue::from_static(POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    });
    router
        .route("/desk/", get(async || file("index.html")))
        .route("/desk/{file}", get(async |At(name): At<String>| file(&name)))
        .layer(Extension(who))
        .layer(guarded)
}

fn file(name: &str) -> Response {
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        _ => "text/html; charset=utf-8",
    };
    match fs::read(Path::new(PAGE).join(name)) {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The days of the week as French people and campaign files call them.
const DAYS: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

/// The place of the weekday on which nobody may be called: three days from now.
fn closed_day() -> usize {
    let today = Clock::start().now().wall.timestamp();
    let today =
        today.in_tz("Europe/Paris").map_or(0, |there| there.weekday().to_monday_zero_offset());
    (usize::try_from(today).unwrap_or(0) + 3) % DAYS.len()
}

fn write_project(folder: &Path, carrier: SocketAddr, mode: &str) -> Claim {
    let (rtp, rtp_last) = crate::ports::audio_range()?;
    let open = DAYS.iter().enumerate().filter(|(place, _)| *place != closed_day());
    let hours: Vec<_> = open.map(|(_, day)| format!("\"{} 00:00-24:00\"", &day[..3])).collect();
    fs::create_dir(folder.join("campaigns"))?;
    let engine = format!(
        "[sip]\nbind = \"127.0.0.1:0\"\n[rtp]\nports = \"{rtp}-{rtp_last}\"\n\
         [[caller_id]]\nnumber = \"+33162000000\"\noperator = \"essai\"\n\
         [[trunk]]\nname = \"t1\"\noperators = [\"essai\"]\nhost = \"{carrier}\"\nchannels = 5\n\
         calls_per_second = \"5/s\"\noptions_every = \"never\"\n"
    );
    fs::write(folder.join("cadran.toml"), engine)?;
    let campaign = CAMPAIGN.replace("{mode}", mode).replace("{hours}", &hours.join(", "));
    Ok(fs::write(folder.join("campaigns/jardin.toml"), campaign)?)
}

const CAMPAIGN: &str = r#"
name = "jardin"
title = "Jardin Printemps"
client = "Acme Jardin"
mode = "{mode}"
routes = ["t1"]
caller_ids = ["+33162000000"]
hours = [{hours}]

[wrap]
max = "60s"
default = "sans-suite"

[[disposition]]
key = "1"
code = "vente"
label = "Vente"
class = "ca+"
needs = "amount"

[[disposition]]
key = "3"
code = "rappel"
label = "Rappel convenu"
class = "cna"
then = "callback"
needs = "callback"
after = "1h"

[[disposition]]
key = "4"
code = "refus"
label = "Pas intéressé"
class = "ca-"

[[disposition]]
key = "9"
code = "opposition"
label = "Ne plus appeler"
class = "ca-"
then = "do_not_call"

[[disposition]]
key = "8"
code = "sans-suite"
label = "Sans suite"
class = "cna"
then = "retry"
after = "2h"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_works_through_the_socket_alone() -> Claim {
    let centre = Centre::open("progressive", 4).await?;
    let mut page = centre.page()?;
    page.state("logged_out")?;
    assert_eq!(page.ask(json!({ "do": "ready" }))?["done"], true);
    let view = page.state("talking")?;
    assert_eq!(view["card"]["name"], "Claire Martin 0", "{view}");
    assert_eq!(view["card"]["number"], "01 •• •• 00 00");
    assert_eq!(view["card"]["zone"], "Europe/Paris");
    assert_eq!(view["campaign"]["title"], "Jardin Printemps");

    let refused = page.ask(json!({ "do": "dispose", "code": "rappel" }))?;
    assert_eq!(refused["refused"], "moment_missing", "{refused}");
    let closed = format!("{} 10h", DAYS[closed_day()]);
    let refused = page.ask(json!({ "do": "when", "at": closed }))?;
    assert_eq!(
        (&refused["refused"], &refused["rule"]),
        (&json!("callback_refused"), &json!("window"))
    );
    let next = refused["next"].as_str().ok_or("no nearest moment")?.to_owned();
    assert!(page.ask(json!({ "do": "when", "at": &next[..16] }))?["done"]["at"].is_i64());
    let done = page.ask(json!({ "do": "dispose", "code": "rappel", "at": "demain 10h" }))?;
    assert_eq!(done["done"], true, "{done}");

    page.shows("what was said", |view| view["said"] == "rappel")?;
    let undone = page.ask(json!({ "do": "undo" }))?;
    assert_eq!(undone["done"], true, "{undone}");
    page.shows("nothing said", |view| view["said"].is_null())?;
    assert_eq!(page.ask(json!({ "do": "hang_up" }))?["refused"], "dispose_first");
    page.ask(json!({ "do": "dispose", "code": "sans-suite" }))?;
    page.ask(json!({ "do": "hang_up" }))?;

    page.shows("the next call", |view| view["card"]["name"] == "Claire Martin 1")?;
    page.state("talking")?;
    page.ask(json!({ "do": "hang_up" }))?;
    page.state("wrapping")?;
    assert_eq!(page.ask(json!({ "do": "ready" }))?["refused"], "dispose_first");
    let more = page.ask(json!({ "do": "extend" }))?;
    assert_eq!(more["done"], true, "{more}");
    page.ask(json!({ "do": "dispose", "code": "refus", "notes": "trop cher" }))?;
    let edited = page.ask(json!({ "do": "edit", "fields": { "city": "Dijon" } }))?;
    assert_eq!(edited["done"], true, "{edited}");
    page.shows("the corrected card", |view| view["card"]["fields"]["city"] == "Dijon")?;
    assert_eq!(page.ask(json!({ "do": "pause" }))?["done"], true);
    page.state("paused")?;
    let calls = centre.get("calls").await?;
    let call = &calls["calls"][0];
    assert_eq!(
        (&call["disposition"], &call["details"]["notes"]),
        (&json!("refus"), &json!("trop cher"))
    );
    centre.close();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_call_is_the_last_and_a_second_page_takes_over() -> Claim {
    let centre = Centre::open("progressive", 4).await?;
    let mut first = centre.page()?;
    first.ask(json!({ "do": "ready" }))?;
    first.state("talking")?;
    let mut second = centre.page()?;
    second.state("talking")?;
    first.until("the other page", |told| told["taken"] == true)?;
    assert_eq!(second.ask(json!({ "do": "last_call" }))?["done"], true);
    second.shows("the break to come", |view| view["after"] == "pause")?;
    second.ask(json!({ "do": "do_not_call" }))?;
    second.shows("what was said", |view| view["said"] == "opposition")?;
    assert_eq!(second.ask(json!({ "do": "undo" }))?["refused"], "wish_stands");
    second.ask(json!({ "do": "hang_up" }))?;
    assert_eq!(second.state("paused")?["day"]["handled"], 1);
    assert!(centre.get("do-not-call/+33199000000").await?[0].is_object());
    centre.close();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shown_contact_is_passed_over_or_called() -> Claim {
    let centre = Centre::open("preview", 2).await?;
    let mut page = centre.page()?;
    page.ask(json!({ "do": "ready" }))?;
    let view = page.state("previewing")?;
    assert_eq!(view["card"]["name"], "Claire Martin 0", "{view}");
    assert_eq!(page.ask(json!({ "do": "skip", "reason": "bad_record" }))?["done"], true);
    page.shows("the next card", |view| view["card"]["name"] == "Claire Martin 1")?;
    assert_eq!(page.ask(json!({ "do": "dial" }))?["done"], true);
    let view = page.state("talking")?;
    assert_eq!(view["card"]["name"], "Claire Martin 1", "{view}");
    centre.close();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_page_is_gone_has_a_break() -> Claim {
    let centre = Centre::open("progressive", 0).await?;
    let mut page = centre.page()?;
    page.ask(json!({ "do": "ready" }))?;
    let view = page.state("ready")?;
    assert_eq!(view["phone"], true);
    page.shows("why", |view| view["why"]["code"].is_string())?;
    drop(page);
    let breaks = async {
        while centre.get("agents?fresh=true").await?[0]["state"] != "paused" {}
        Claim::Ok(())
    };
    tokio::time::timeout(PATIENCE, breaks).await??;
    centre.close();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_none_are_refused_and_too_many_end_the_socket() -> Claim {
    let centre = Centre::open("preview", 1).await?;
    let mut page = centre.page()?;
    for text in ["", "{}", r#"{"id":1,"do":"fire"}"#] {
        block_in_place(|| page.socket.send(Message::text(text)))?;
        page.until(text, |told| told["refused"] == "frame_unread")?;
    }
    let refused = page.ask(json!({ "do": "offer", "sdp": "v=0" }))?;
    assert_eq!(refused["refused"], "wrong_state");
    assert_eq!(page.ask(json!({ "do": "hang_up" }))?["refused"], "wrong_state");
    for _ in 0..200 {
        if block_in_place(|| page.socket.send(Message::text("{}"))).is_err() {
            break;
        }
    }
    assert!(page.until("the end", |_| false).is_err(), "the socket goes on");
    let mut page = centre.page()?;
    let long = json!({ "id": 1, "do": "transfer", "to": "1".repeat(20_000) });
    block_in_place(|| page.socket.send(Message::text(long.to_string())))?;
    assert!(page.until("the end", |told| told["id"] == 1).is_err(), "a frame of 20 kB is taken");
    centre.close();
    Ok(())
}

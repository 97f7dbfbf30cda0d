//! The door of the desk, from outside: who comes in, and who does not.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use cadran::api::types::{self, Invitation, NewAccount, NewAgent, Revoked};
use cadran::config;
use cadran::desk::{Door, ROUTES, Role, Who};
use cadran::engine::tasks::Tasks;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ports::audio_range;
use crate::program::{Program, ticks};

type Fallible<T = ()> = Result<T, Box<dyn Error>>;

/// Whatever is waited for comes within this, on a busy machine too.
const WITHIN: Duration = Duration::from_secs(60);

/// A password that can be chosen.
const PASSWORD: &str = "quatre chats gris dorment";

/// An engine with a desk on loopback.
struct Desk {
    program: Program,
    http: reqwest::Client,
    origin: String,
    /// The first administrator's invitation.
    first: String,
}

/// What a request came to.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    said: Value,
}

impl Answer {
    /// Gives the code of a refusal.
    fn code(&self) -> &str {
        self.said["code"].as_str().unwrap_or_default()
    }

    /// Gives the session's cookie, as it is sent back.
    fn cookie(&self) -> Fallible<String> {
        let set = self.headers.get("set-cookie").ok_or("no cookie")?.to_str()?;
        Ok(set.split(';').next().unwrap_or_default().to_owned())
    }
}

impl Desk {
    async fn open() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("campaigns"))?;
        let (first, last) = audio_range()?;
        let settings = format!(
            "[sip]\nbind = \"127.0.0.1:0\"\n[rtp]\nports = \"{first}-{last}\"\n\
             [desk]\nbind = \"127.0.0.1:0\"\n"
        );
        std::fs::write(folder.path().join("cadran.toml"), settings)?;
        let mut program = Program::new(folder, WITHIN)?;
        program.start().await?;
        let mut look = ticks();
        let link = loop {
            let log = program.log()?;
            let link = log.split_whitespace().find(|word| word.contains("/desk/invitation#"));
            if let Some(link) = link.filter(|_| log.ends_with('\n')) {
                break link.to_owned();
            }
            tokio::time::timeout(WITHIN, look.tick()).await?;
        };
        let (origin, first) = link.split_once("/desk/invitation#").ok_or("no link")?;
        let redirects = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(redirects).no_proxy().timeout(WITHIN);
        let (origin, first) = (origin.to_owned(), first.to_owned());
        Ok(Self { program, http: http.build()?, origin, first })
    }

    /// Asks as a page of ours does, with a cookie.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        cookie: Option<&str>,
        body: Value,
    ) -> Fallible<Answer> {
        let request = self.request(method, path, cookie)?;
        told(request.header("origin", &self.origin).header("x-cadran", "1").json(&body)).await
    }

    /// Begins a request that says nothing of where it comes from.
    fn request(
        &self,
        method: &str,
        path: &str,
        cookie: Option<&str>,
    ) -> Fallible<reqwest::RequestBuilder> {
        let method = Method::from_bytes(method.as_bytes())?;
        let request = self.http.request(method, format!("{}{path}", self.origin));
        Ok(match cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        })
    }

    /// Accepts an invitation and gives the session's cookie.
    async fn accept(&self, invitation: &str) -> Fallible<String> {
        let body = json!({ "invitation": invitation, "password": PASSWORD });
        let answer = self.ask("POST", "/desk/invitation/accept", None, body).await?;
        assert_eq!(answer.status, 200, "{}", answer.said);
        answer.cookie()
    }

    async fn sign_in(&self, name: &str, password: &str, code: &str) -> Fallible<Answer> {
        let body = json!({ "name": name, "password": password, "code": code });
        self.ask("POST", "/desk/sign-in", None, body).await
    }

    /// Invites somebody over the API and gives the token of the link.
    async fn invite(&self, name: &str, role: Role, agent: Option<&str>) -> Fallible<String> {
        let (name, agent) = (name.to_owned(), agent.map(ToOwned::to_owned));
        let new = NewAccount { name, role: Some(role), agent };
        let made: Invitation = self.program.ask("accounts", &new).await?;
        Ok(made.link.split_once('#').ok_or("no token")?.1.to_owned())
    }

    /// Whose session a cookie is; nobody's gets 401.
    async fn me(&self, cookie: &str) -> Fallible<Answer> {
        told(self.request("GET", "/desk/me", Some(cookie))?).await
    }
}

async fn told(request: reqwest::RequestBuilder) -> Fallible<Answer> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await?;
    let said = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status, headers, said })
}

#[tokio::test]
async fn whoever_signs_in_gets_a_token_that_nobody_knew_before() -> Fallible {
    let desk = Desk::open().await?;
    for nth in 0..12 {
        let guess = json!({ "invitation": format!("guess {nth}") });
        let guess = desk.ask("POST", "/desk/invitation", None, guess).await?;
        assert_eq!((guess.status.as_u16(), guess.code()), (410, "invitation_over"), "{nth}");
    }
    let asked = json!({ "invitation": desk.first });
    let invited = desk.ask("POST", "/desk/invitation", None, asked).await?;
    assert_eq!(invited.said, json!({ "name": "admin", "role": "administrator" }));
    let weak = json!({ "invitation": desk.first, "password": "onze signes" });
    let weak = desk.ask("POST", "/desk/invitation/accept", None, weak).await?;
    assert_eq!((weak.status.as_u16(), weak.code()), (422, "password_weak"));
    let first = desk.accept(&desk.first).await?;
    let again = json!({ "invitation": desk.first, "password": PASSWORD });
    let again = desk.ask("POST", "/desk/invitation/accept", None, again).await?;
    assert_eq!((again.status.as_u16(), again.code()), (410, "invitation_over"));
    assert_eq!(desk.me(&first).await?.said["name"], "admin");

    // A token somebody put into the browser beforehand is not the one it has afterwards.
    let planted = "cadran=0000000000000000000000000000000000000000000000000000000000000000";
    for before in [planted, &first] {
        let body = json!({ "name": " Admin ", "password": PASSWORD });
        let answer = desk.ask("POST", "/desk/sign-in", Some(before), body).await?;
        assert_eq!(answer.status, 200, "{}", answer.said);
        let cookie = answer.cookie()?;
        assert_ne!(cookie, before);
        assert_eq!(desk.me(before).await?.status, 401, "what was before is over");
        assert_eq!(desk.me(&cookie).await?.status, 200);
        let set = answer.headers["set-cookie"].to_str()?;
        for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
            assert!(set.contains(part), "{set}");
        }
    }
    let cookie = desk.sign_in("admin", PASSWORD, "").await?.cookie()?;
    let out = desk.ask("POST", "/desk/sign-out", Some(&cookie), Value::Null).await?;
    assert_eq!((out.status.as_u16(), &*out.cookie()?), (204, "cadran="));
    assert_eq!(desk.me(&cookie).await?.status, 401);

    let cookie = desk.sign_in("admin", PASSWORD, "").await?.cookie()?;
    let ended: Revoked = desk.program.ask("accounts/admin/revoke", &json!({})).await?;
    assert!(ended.sessions >= 1);
    assert_eq!(desk.me(&cookie).await?.status, 401, "the operator ended it");
    let _: Revoked = desk.program.ask("accounts/admin/disable", &json!({})).await?;
    assert_eq!(desk.sign_in("admin", PASSWORD, "").await?.code(), "credentials_wrong");
    let accounts: Vec<types::Account> = desk.program.get("accounts").await?;
    assert_eq!((&*accounts[0].state, accounts[0].role), ("disabled", Role::Administrator));
    Ok(())
}

#[tokio::test]
async fn every_path_is_refused_without_the_right_role() -> Fallible {
    let desk = Desk::open().await?;
    let contact = Some("sip:amina@127.0.0.1:9".to_owned());
    let agent = NewAgent { name: "amina".to_owned(), contact, ..NewAgent::default() };
    desk.program.post("agents", &agent).await?;
    let seatless = desk.invite("bruno", Role::Agent, None).await;
    assert!(seatless.is_err(), "an agent's account takes a seat");
    let mut visitors: Vec<(Option<Role>, Option<String>)> = vec![(None, None)];
    visitors.push((None, Some("cadran=nobody".to_owned())));
    for role in Role::ALL {
        let seat = (role == Role::Agent).then_some("amina");
        let token = desk.invite(role.name(), role, seat).await?;
        visitors.push((Some(role), Some(desk.accept(&token).await?)));
    }
    for (method, path, who) in ROUTES {
        let file = path.replace("{*file}", "door.css");
        for (role, cookie) in &visitors {
            // Whoever signs out is out.
            if path == "/desk/sign-out" && role.is_some() {
                continue;
            }
            let answer = desk.ask(method, &file, cookie.as_deref(), Value::Null).await?;
            let status = answer.status.as_u16();
            let expected = match (who, role) {
                (Who::Anybody, _) => None,
                (Who::These(_), None) => Some((401, "signed_out")),
                (Who::These(roles), Some(role)) if roles.contains(role) => None,
                (Who::These(_), Some(_)) => Some((403, "role_refused")),
            };
            let sent_away = status == 303 && answer.headers["location"] == "/desk/sign-in";
            match expected {
                Some((401, _)) if sent_away => {}
                Some(refused) => {
                    assert_eq!((status, answer.code()), refused, "{method} {path} as {role:?}");
                }
                None => {
                    let refused = sent_away || [401, 403].contains(&status);
                    let about_itself = ["value_invalid", "credentials_wrong"];
                    assert!(!refused || about_itself.contains(&answer.code()), "{method} {path}");
                }
            }
        }
    }
    for (method, path) in [("GET", "/v1/accounts"), ("DELETE", "/desk/me"), ("GET", "/desk/a/b")] {
        let admin = visitors.last().and_then(|(_, cookie)| cookie.as_deref());
        let answer = desk.ask(method, path, admin, Value::Null).await?;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() -> Fallible {
    let desk = Desk::open().await?;
    let cookie = desk.accept(&desk.first).await?;
    let port = desk.origin.rsplit(':').next().unwrap_or_default();
    let near = format!("http://127.0.0.2:{port}");
    for (origin, header, code) in [
        (None, true, "origin_refused"),
        (Some("null"), true, "origin_refused"),
        (Some("https://evil.example"), true, "origin_refused"),
        (Some(near.as_str()), true, "origin_refused"),
        (Some(desk.origin.as_str()), false, "header_missing"),
    ] {
        for path in ["/desk/sign-out", "/desk/sign-in", "/desk/second-factor/remove"] {
            let mut request = desk.request("POST", path, Some(&cookie))?.body("{}");
            request = origin.into_iter().fold(request, |it, origin| it.header("origin", origin));
            request = header
                .then_some("1")
                .into_iter()
                .fold(request, |it, own| it.header("x-cadran", own));
            let answer = told(request).await?;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, code), "{path} {origin:?}");
        }
    }
    let socket = desk.request("GET", "/desk/socket", Some(&cookie))?;
    let socket = socket.header("upgrade", "websocket").header("connection", "upgrade");
    let answer = told(socket.header("origin", "https://evil.example")).await?;
    assert_eq!(answer.code(), "origin_refused", "a socket is no way around");
    assert_eq!(desk.me(&cookie).await?.status, 200, "still signed in");
    let localhost = format!("http://localhost:{port}");
    let out = desk.request("POST", "/desk/sign-out", Some(&cookie))?;
    let out = told(out.header("origin", localhost).header("x-cadran", "1")).await?;
    assert_eq!(out.status, 204, "this machine has two names");
    Ok(())
}

#[tokio::test]
async fn a_password_is_not_found_by_trying() -> Fallible {
    let desk = Desk::open().await?;
    let token = desk.invite("claire", Role::Supervisor, None).await?;
    desk.accept(&token).await?;
    for nth in 0..10 {
        let wrong = desk.sign_in("claire", &format!("wrong password {nth}"), "").await?;
        assert_eq!((wrong.status.as_u16(), wrong.code()), (401, "credentials_wrong"), "{nth}");
    }
    let right = desk.sign_in("claire", PASSWORD, "").await?;
    assert_eq!((right.status.as_u16(), right.code()), (429, "too_many_tries"));
    let wait: u64 = right.headers["retry-after"].to_str()?.parse()?;
    assert!((1..=900).contains(&wait), "{wait}");
    // Whether an account exists is not told, and the address is counted whatever the name.
    let mut codes = Vec::new();
    for nth in 0..51 {
        let nobody = desk.sign_in(&format!("nobody{nth}"), PASSWORD, "").await?;
        codes.push(nobody.code().to_owned());
    }
    let (refused, late) = codes.split_at(50);
    assert!(refused.iter().all(|code| code == "credentials_wrong"), "{codes:?}");
    assert_eq!(late, ["too_many_tries"]);
    let log = desk.program.log()?;
    assert!(!log.contains("claire") && !log.contains("wrong password"), "nobody is named");
    Ok(())
}

#[tokio::test]
async fn a_code_is_asked_for_once_somebody_wants_it_and_taken_once() -> Fallible {
    let desk = Desk::open().await?;
    let cookie = desk.accept(&desk.first).await?;
    let proposal = desk.ask("POST", "/desk/second-factor", Some(&cookie), Value::Null).await?;
    let secret = proposal.said["secret"].as_str().ok_or("no secret")?.to_owned();
    assert!(proposal.said["uri"].as_str().is_some_and(|uri| uri.contains(&secret)));
    let set = async |password: &str, code: &str| {
        let body = json!({ "password": password, "secret": secret, "code": code });
        desk.ask("PUT", "/desk/second-factor", Some(&cookie), body).await
    };
    assert_eq!(set("another password", "000000").await?.code(), "credentials_wrong");
    assert_eq!(set(PASSWORD, "no code").await?.code(), "code_wrong");
    assert_eq!(desk.sign_in("admin", PASSWORD, "").await?.status, 200, "none is asked for yet");

    let code = code_of(&secret)?;
    assert_eq!(set(PASSWORD, &code).await?.status, 204);
    assert_eq!(desk.sign_in("admin", PASSWORD, "").await?.code(), "code_needed");
    assert_eq!(desk.sign_in("admin", "another password", &code).await?.code(), "credentials_wrong");
    let used = desk.sign_in("admin", PASSWORD, &code).await?;
    assert_eq!(used.code(), "code_wrong", "it set the factor up, and is used with that");

    let token = desk.invite("admin", Role::Administrator, None).await?;
    desk.accept(&token).await?;
    assert_eq!(desk.me(&cookie).await?.status, 401);
    assert_eq!(desk.sign_in("admin", PASSWORD, "").await?.status, 200, "an invitation helps");
    Ok(())
}

/// Gives the code of this moment, as an authenticator does: with a program of its own.
fn code_of(secret: &str) -> Fallible<String> {
    let script = "import base64,hmac,struct,sys,time\n\
        m=hmac.new(base64.b32decode(sys.argv[1]),struct.pack('>Q',int(time.time())//30),'sha1')\n\
        h=m.digest();o=h[19]&15\n\
        print('%06d'%((struct.unpack('>I',h[o:o+4])[0]&0x7fffffff)%10**6),end='')";
    let output = std::process::Command::new("python3").args(["-c", script, secret]).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn every_answer_bears_the_policy_and_what_is_too_large_is_cut() -> Fallible {
    let desk = Desk::open().await?;
    for (path, status, kind) in [
        ("/desk/sign-in", 200, "text/html; charset=utf-8"),
        ("/desk/invitation", 200, "text/html; charset=utf-8"),
        ("/desk/door.css", 200, "text/css; charset=utf-8"),
        ("/desk/sign-in.js", 200, "text/javascript; charset=utf-8"),
        ("/desk/sign-in.html", 404, "application/problem+json"),
        ("/desk/me", 401, "application/problem+json"),
        ("/nowhere", 404, "application/problem+json"),
        ("/desk/..%2f..%2fCargo.toml", 404, "application/problem+json"),
        ("/desk/page/../mod.rs", 404, "application/problem+json"),
    ] {
        let answer = told(desk.request("GET", path, None)?).await?;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.headers["content-type"], kind, "{path}");
        let policy = answer.headers["content-security-policy"].to_str()?;
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule) && !policy.contains("unsafe"), "{path}: {policy}");
        }
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers.get("strict-transport-security"), None, "plain on loopback");
    }
    let page = told(desk.request("GET", "/desk/sign-in?lang=en", None)?).await?;
    assert!(page.said.as_str().is_some_and(|text| text.contains("<h1>Sign in</h1>")));
    let french = desk.request("GET", "/desk/sign-in", None)?;
    let french = told(french.header("accept-language", "de, fr-CH;q=0.9, en;q=0.8")).await?;
    assert!(french.said.as_str().is_some_and(|text| text.contains("lang=\"fr\"")));

    let file = told(desk.request("GET", "/desk/door.css", None)?).await?;
    let kept = desk.request("GET", "/desk/door.css", None)?;
    let kept = told(kept.header("if-none-match", &file.headers["etag"])).await?;
    assert_eq!((kept.status.as_u16(), kept.said.as_str()), (304, Some("")));

    let long = json!({ "name": "x".repeat(70 << 10), "password": "y" });
    let long = desk.ask("POST", "/desk/sign-in", None, long).await?;
    assert_eq!(long.status, 413);
    let address: SocketAddr = desk.origin.trim_start_matches("http://").parse()?;
    for head in [
        format!("GET /desk/sign-in HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(20 << 10)),
        format!("GET /desk/sign-in HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(80)),
    ] {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        let mut said = vec![0; 12];
        stream.read_exact(&mut said).await?;
        assert_eq!(String::from_utf8_lossy(&said), "HTTP/1.1 431");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_its_own_is_made_once_and_kept_from_others() -> Fallible {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let settings = config::Desk {
        bind: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        public: Some("https://cadran.example".to_owned()),
        identification: None,
        own: config::link::Identification { certificate: file("desk.crt"), key: file("desk.key") },
    };
    let first = Door::open(&settings).await?.fingerprint().map(ToOwned::to_owned);
    assert_eq!(std::fs::metadata(file("desk.key"))?.permissions().mode() & 0o777, 0o600);
    let door = Door::open(&settings).await?;
    assert!(first.is_some() && door.fingerprint() == first.as_deref(), "the same at each start");

    let (closing, closed) = tokio::sync::watch::channel(false);
    let (tasks, port) = (Tasks::new(), door.address().port());
    let router = axum::Router::new().route("/", axum::routing::get(async || "here"));
    tasks.spawn(door.serve(router, tasks.clone(), closed));
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder().tls_info(true).tls_danger_accept_invalid_certs(true);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let http = http.no_proxy().resolve("cadran.example", address).timeout(WITHIN).build()?;
    let answer = http.get(format!("https://cadran.example:{port}/")).send().await?;
    let info: &reqwest::tls::TlsInfo = answer.extensions().get().ok_or("no TLS")?;
    let shown = info.peer_certificate().map(|der| Sha256::digest(der).to_vec());
    let told = first.unwrap_or_default().to_lowercase().replace(':', "");
    assert_eq!(shown.map(|hash| hash.iter().map(|b| format!("{b:02x}")).collect()), Some(told));
    assert_eq!(answer.text().await?, "here");
    assert!(http.get(format!("http://cadran.example:{port}/")).send().await.is_err());
    drop(http);
    closing.send_replace(true);
    tokio::time::timeout(WITHIN, tasks.finished()).await?;
    Ok(())
}

//! Digest access authentication (RFC 7616, RFC 8760), both sides.

use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::lexer::{Message, Name, Split, strip_ignore_case, trim};
use super::settings::{Credentials, Ha1};
use super::writer::Writer;

/// How often one request is sent with credentials for one of those who challenge: once, and once
/// more for a stale nonce.
const TRIES_MAX: u8 = 2;
/// How many may challenge one request: a server and the proxies of a usual way there.
const LOGINS_MAX: usize = 4;

/// A hash and whether its first part is bound to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    hash: Hash,
    session: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
}

impl Algorithm {
    /// Reads the algorithm's name; absent it is MD5 (RFC 7616 §3.3).
    fn of(name: Option<&[u8]>) -> Option<Self> {
        let name = name.unwrap_or(b"MD5").to_ascii_uppercase();
        let (hash, session) = match name.as_slice() {
            b"MD5" => (Hash::Md5, false),
            b"MD5-SESS" => (Hash::Md5, true),
            b"SHA-256" => (Hash::Sha256, false),
            b"SHA-256-SESS" => (Hash::Sha256, true),
            _ => return None,
        };
        Some(Self { hash, session })
    }

    fn name(self) -> &'static str {
        match (self.hash, self.session) {
            (Hash::Md5, false) => "MD5",
            (Hash::Md5, true) => "MD5-sess",
            (Hash::Sha256, false) => "SHA-256",
            (Hash::Sha256, true) => "SHA-256-sess",
        }
    }

    /// Hashes parts joined by colons; gives hexadecimal digits.
    fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        let text = parts.join(&b':');
        let mut hex = Writer(Vec::with_capacity(64));
        let bytes: &[u8] = match self.hash {
            Hash::Md5 => &Md5::digest(&text),
            Hash::Sha256 => &Sha256::digest(&text),
        };
        for byte in bytes {
            hex.hex((*byte).into(), 2);
        }
        hex.0
    }
}

/// A server's challenge that we can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    algorithm: Algorithm,
    qop: bool,
    proxy: bool,
    pub(super) stale: bool,
}

impl Challenge {
    /// Gives the challenges of a 401 or 407 that we can answer, the server's favourite first
    /// (RFC 8760 §2.4). One that offers `auth-int` alone is none.
    pub(super) fn all(message: &Message<'_>, status: u16) -> impl Iterator<Item = Self> {
        let proxy = status == 407;
        let field = if proxy { Name::ProxyAuthenticate } else { Name::WwwAuthenticate };
        message.all(field).filter_map(move |value| Self::read(value, proxy))
    }

    fn read(value: &[u8], proxy: bool) -> Option<Self> {
        let params = Params::read(value)?;
        let qop = params.get("qop").map(|qop| {
            qop.split(|byte| *byte == b',').any(|one| trim(one).eq_ignore_ascii_case(b"auth"))
        });
        if qop == Some(false) {
            return None;
        }
        Some(Self {
            realm: params.get("realm")?.to_vec(),
            nonce: params.get("nonce")?.to_vec(),
            opaque: params.get("opaque").map(<[u8]>::to_vec),
            algorithm: Algorithm::of(params.get("algorithm"))?,
            qop: qop.is_some(),
            proxy,
            stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case(b"true")),
        })
    }
}

/// How often one request was sent with the credentials of each login.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries([u8; LOGINS_MAX]);

/// The answered challenges of a dialog: the server's and those of proxies, who are told apart by
/// their realms and know nothing of each other (RFC 3261 §22.3).
#[derive(Debug, Default)]
pub(super) struct Logins(Vec<Login>);

impl Logins {
    /// Takes a challenge to a request in, if answering it may help: the first one of its realm, and
    /// a second only if it says that our nonce was stale; whoever refuses the credentials twice
    /// will refuse them again.
    pub(super) fn answer(
        &mut self,
        (status, message): (u16, &Message<'_>),
        tries: &mut Tries,
        credentials: Option<&Credentials>,
    ) -> bool {
        let Some(credentials) = credentials.filter(|_| matches!(status, 401 | 407)) else {
            return false;
        };
        let found = Challenge::all(message, status).find_map(|new| {
            let place = self.place(&new, *tries)?;
            let tried = tries.0.get_mut(place)?;
            let fits = *tried == 0 || new.stale && *tried < TRIES_MAX;
            *tried += u8::from(fits);
            fits.then_some((place, new))
        });
        let Some((place, challenge)) = found else {
            return false;
        };
        let login = Login::new(challenge, credentials.clone());
        match self.0.get_mut(place) {
            Some(held) => *held = login,
            None => self.0.push(login),
        }
        true
    }

    /// Gives the place of a challenge's login: that of its realm, a new one, or that of a login
    /// which was not asked for this time.
    fn place(&self, new: &Challenge, tries: Tries) -> Option<usize> {
        let same =
            |held: &Login| held.challenge.proxy == new.proxy && held.challenge.realm == new.realm;
        let held = self.0.iter().position(same);
        let free = || Some(self.0.len()).filter(|place| *place < LOGINS_MAX);
        held.or_else(free).or_else(|| tries.0.iter().position(|tried| *tried == 0))
    }

    /// Writes Authorization and Proxy-Authorization, as far as they were asked for; `draw` gives
    /// chance numbers.
    pub(super) fn write(
        &mut self,
        writer: &mut Writer,
        method: &str,
        uri: &[u8],
        mut draw: impl FnMut() -> u64,
    ) {
        for login in &mut self.0 {
            login.write(writer, method, uri, draw());
        }
    }
}

/// An answered challenge.
#[derive(Debug)]
pub(super) struct Login {
    challenge: Challenge,
    credentials: Credentials,
    count: u32,
}

impl Login {
    pub(super) fn new(challenge: Challenge, credentials: Credentials) -> Self {
        Self { challenge, credentials, count: 0 }
    }

    /// Writes the Authorization or Proxy-Authorization of a request, its nonce count one higher
    /// than the last (RFC 7616 §3.4). `chance` becomes the cnonce.
    pub(super) fn write(&mut self, writer: &mut Writer, method: &str, uri: &[u8], chance: u64) {
        self.count = self.count.saturating_add(1);
        let challenge = &self.challenge;
        let mut cnonce = Writer(Vec::with_capacity(16));
        cnonce.hex(chance, 16);
        let mut count = Writer(Vec::with_capacity(8));
        count.hex(self.count.into(), 8);
        let proof = Proof {
            user: self.credentials.user.as_bytes(),
            realm: &challenge.realm,
            nonce: &challenge.nonce,
            uri,
            qop: challenge.qop.then_some((count.0.as_slice(), cnonce.0.as_slice())),
            session: &cnonce.0,
            algorithm: challenge.algorithm,
        };
        let (user, password) = (proof.user, self.credentials.password.as_bytes());
        let ha1 = challenge.algorithm.hash(&[user, proof.realm, password]);
        let response = proof.response(&ha1, method);
        writer.text(if challenge.proxy { "Proxy-Authorization" } else { "Authorization" });
        writer.text(": Digest username=\"").quoted(self.credentials.user.as_bytes());
        writer.text("\", realm=\"").text(&challenge.realm).text("\", nonce=\"");
        writer.text(&challenge.nonce).text("\", uri=\"").text(uri).text("\", response=\"");
        writer.text(response).text("\", algorithm=").text(challenge.algorithm.name());
        if challenge.qop {
            writer.text(", qop=auth, nc=").text(&count.0);
        }
        if challenge.qop || challenge.algorithm.session {
            writer.text(", cnonce=\"").text(&cnonce.0).text("\"");
        }
        if let Some(opaque) = &challenge.opaque {
            writer.text(", opaque=\"").text(opaque).text("\"");
        }
        writer.text("\r\n");
    }
}

impl Writer {
    /// Writes text for the inside of a quoted string.
    fn quoted(&mut self, text: &[u8]) -> &mut Self {
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                self.text(b"\\");
            }
            self.text([*byte]);
        }
        self
    }
}

/// What a client claims in Authorization.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) user: &'a [u8],
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) uri: &'a [u8],
    /// With qop=auth: the nonce count and the cnonce.
    pub(super) qop: Option<(&'a [u8], &'a [u8])>,
    /// The cnonce a -sess algorithm binds to.
    session: &'a [u8],
    algorithm: Algorithm,
}

impl Proof<'_> {
    /// Computes the response (RFC 7616 §3.4.1) from the hash of user, realm and password.
    fn response(&self, ha1: &[u8], method: &str) -> Vec<u8> {
        let algorithm = self.algorithm;
        let secret =
            if algorithm.session { &algorithm.hash(&[ha1, self.nonce, self.session]) } else { ha1 };
        let request = algorithm.hash(&[method.as_bytes(), self.uri]);
        match self.qop {
            Some((count, cnonce)) => {
                algorithm.hash(&[secret, self.nonce, count, cnonce, b"auth", &request])
            }
            None => algorithm.hash(&[secret, self.nonce, &request]),
        }
    }
}

/// The parameters of a Digest header field.
#[derive(Clone, Debug)]
pub(super) struct Params<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Params<'a> {
    /// Reads a field whose scheme is Digest; `None` for other schemes.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let rest = strip_ignore_case(trim(value), b"Digest")?;
        if !rest.first()?.is_ascii_whitespace() {
            return None;
        }
        let parts = Split::new(rest, b',').filter_map(|part| {
            let equals = part.iter().position(|byte| *byte == b'=')?;
            let (name, value) = part.split_at(equals);
            let value = trim(value.get(1..)?);
            let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
            Some((trim(name), bare.unwrap_or(value)))
        });
        Some(Self(parts.collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        let wanted = name.as_bytes();
        self.0.iter().find(|(held, _)| held.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
    }

    /// Gives the client's claim; `None` if a part is missing or its algorithm is unknown.
    pub(super) fn proof(&self) -> Option<Proof<'a>> {
        let cnonce = self.get("cnonce").unwrap_or_default();
        let qop = match self.get("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => Some((self.get("nc")?, cnonce)),
            Some(_) => return None,
        };
        Some(Proof {
            user: self.get("username")?,
            realm: self.get("realm")?,
            nonce: self.get("nonce")?,
            uri: self.get("uri")?,
            qop,
            session: cnonce,
            algorithm: Algorithm::of(self.get("algorithm"))?,
        })
    }

    /// Tells whether the client knows the password.
    pub(super) fn proves(&self, proof: &Proof<'_>, ha1: &Ha1, method: &str) -> bool {
        let ha1 = match proof.algorithm.hash {
            Hash::Md5 => &ha1.md5,
            Hash::Sha256 => &ha1.sha256,
        };
        let expected = proof.response(ha1.as_bytes(), method);
        let given = self.get("response").unwrap_or_default().to_ascii_lowercase();
        // Every byte is compared, so that time tells nothing about where they differ.
        let same = expected.iter().zip(&given).fold(0, |sum, (one, two)| sum | (one ^ two)) == 0;
        same && expected.len() == given.len()
    }
}

impl Ha1 {
    /// Hashes an account's name and password, for the realm of [`Settings`](super::Settings).
    #[must_use]
    pub fn of(user: &str, realm: &str, password: &str) -> Self {
        let text = |hash| {
            let parts = [user.as_bytes(), realm.as_bytes(), password.as_bytes()];
            let digits = Algorithm { hash, session: false }.hash(&parts);
            String::from_utf8(digits).expect("hexadecimal digits are text")
        };
        Self { md5: text(Hash::Md5), sha256: text(Hash::Sha256) }
    }
}

/// Gives a keyed print of a text in hexadecimal digits, for nonces.
pub(super) fn keyed_print(key: u64, text: &[u8]) -> Vec<u8> {
    let algorithm = Algorithm { hash: Hash::Sha256, session: false };
    let key = key.to_be_bytes();
    let inner = algorithm.hash(&[&key, text]);
    let mut print = algorithm.hash(&[&key, &inner]);
    print.truncate(32);
    print
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Frame, frame};
    use super::*;

    fn params(text: &str) -> Params<'_> {
        Params::read(text.as_bytes()).expect("the example is a Digest field")
    }

    /// RFC 7616 §3.9.1, its two examples.
    #[test]
    fn the_rfc_7616_examples_prove_the_password() {
        let common = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
            uri=\"/dir/index.html\", nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
            nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, ";
        let md5 = "response=\"8ca523f5e9506fed4657c9700eebdbec\", algorithm=MD5";
        let sha = "response=\
            \"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", \
            algorithm=SHA-256";
        for example in [md5, sha] {
            let text = format!("{common}{example}");
            let params = params(&text);
            let proof = params.proof().expect("the example is whole");
            let ha1 = |word| Ha1::of("Mufasa", "http-auth@example.org", word);
            assert!(params.proves(&proof, &ha1("Circle of Life"), "GET"), "{example}");
            assert!(!params.proves(&proof, &ha1("Circle of Strife"), "GET"), "{example}");
        }
    }

    /// RFC 2617 §3.5 read without qop gives RFC 2069's rule.
    #[test]
    fn a_challenge_without_qop_is_answered_by_the_older_rule() {
        let text = "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", \
            response=\"670fd8c2df070c60b045671b8b24ff02\"";
        let params = params(text);
        let proof = params.proof().expect("the example is whole");
        let ha1 = Ha1::of("Mufasa", "testrealm@host.com", "Circle Of Life");
        assert!(params.proves(&proof, &ha1, "GET"));
    }

    #[test]
    fn our_answer_to_every_kind_of_challenge_proves_the_password() {
        for algorithm in ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"] {
            for qop in ["", ", qop=\"auth,auth-int\""] {
                let value = format!(
                    "Digest realm=\"r\", nonce=\"n\", opaque=\"o\", algorithm={algorithm}{qop}"
                );
                let challenge = Challenge::read(value.as_bytes(), false).expect("answerable");
                let credentials = Credentials { user: "a\"1".to_owned(), password: "p".to_owned() };
                let mut login = Login::new(challenge, credentials);
                let mut writer = Writer(Vec::new());
                login.write(&mut writer, "INVITE", b"sip:x@y", 7);
                let text = String::from_utf8(writer.0).expect("ASCII");
                let (_, value) = text.split_once(": ").expect("a header line");
                let params = params(value.trim_end());
                let proof = params.proof().expect("whole");
                assert!(params.proves(&proof, &Ha1::of("a\"1", "r", "p"), "INVITE"), "{value}");
            }
        }
    }

    #[test]
    fn the_nonce_count_is_hexadecimal_and_grows() {
        let challenge = Challenge::read(b"Digest realm=\"r\",nonce=\"n\",qop=\"auth\"", true);
        let credentials = Credentials { user: "u".to_owned(), password: "p".to_owned() };
        let mut login = Login::new(challenge.expect("answerable"), credentials);
        let mut writer = Writer(Vec::new());
        for _ in 0..10 {
            writer.0.clear();
            login.write(&mut writer, "BYE", b"sip:x", 1);
        }
        let text = String::from_utf8_lossy(&writer.0).into_owned();
        assert!(text.starts_with("Proxy-Authorization: Digest "), "{text}");
        assert!(text.contains("nc=0000000a"), "{text}");
    }

    #[test]
    fn the_first_answerable_challenge_is_taken() {
        let message = b"SIP/2.0 401 Unauthorized\r\n\
            WWW-Authenticate: Bearer realm=\"b\"\r\n\
            WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", algorithm=SHA-512-256\r\n\
            WWW-Authenticate: Digest realm=\"i\", nonce=\"2\", qop=\"auth-int\"\r\n\
            WWW-Authenticate: Digest realm=\"s\", nonce=\"3\", algorithm=SHA-256\r\n\
            WWW-Authenticate: Digest realm=\"m\", nonce=\"4\", algorithm=MD5\r\n\r\n";
        let Frame::Message(message) = frame(message) else {
            panic!("the message is framed");
        };
        let challenge = Challenge::all(&message, 401).next().expect("one can be answered");
        assert_eq!(challenge.realm, b"s");
    }
}

//! The messages of the agent's socket, one JSON text a frame.
//!
//! The server knows the state and the page shows it: at connect and at each change it sends the
//! whole [`View`]. The page sends wishes, each with an id of its own, and each is answered once.
//! Codes are stable and never translated; the page makes the sentences. Moments are milliseconds
//! since 1970 on the server's clock, which every view and beat tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::types::Cause;
use crate::core::campaign::DispositionClass;
use crate::core::fact::SkipReason;

/// A frame has at most so many bytes: the longest notes and an offer of WebRTC fit.
pub const FRAME_BYTES_MAX: usize = 16 << 10;

/// A wish, and what its answer is known by.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Asked {
    /// The page's own number of it.
    pub id: u32,
    /// What is wished.
    #[serde(flatten)]
    pub wish: Wish,
}

/// What an agent wishes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Wish {
    /// Begin the shift: the phone is called and stays connected.
    Login,
    /// End the shift, after the present call.
    Logout,
    /// Take calls.
    Ready,
    /// Have a break, after the present call.
    Pause {
        /// The code of its reason; the usual one otherwise.
        #[serde(default)]
        code: Option<String>,
    },
    /// Take one more call, then have a break.
    LastCall {
        /// The code of its reason.
        #[serde(default)]
        code: Option<String>,
    },
    /// End the conversation.
    HangUp,
    /// Put the person on hold.
    Hold,
    /// Take the person back.
    Retrieve,
    /// Say how the call ended.
    Dispose(Disposal),
    /// Take that back, within [`UNDO_S`].
    Undo,
    /// Read a moment as people write it, and say whether a callback may be promised for it.
    When {
        /// The moment: `demain 10h`, `monday 2:30 pm`.
        at: String,
    },
    /// Have [`EXTEND_S`] more to write up.
    Extend,
    /// Never call this person again for this client company.
    DoNotCall,
    /// Correct the card.
    Edit(Correction),
    /// Preview: call the contact shown.
    Dial,
    /// Preview: pass over the contact shown.
    Skip {
        /// Why.
        reason: SkipReason,
    },
    /// Hand the person over to a number.
    Transfer {
        /// The number, as people write it.
        to: String,
    },
    /// Make the browser the agent's phone.
    Offer {
        /// The browser's session description.
        sdp: String,
    },
}

/// A disposition can be taken back for so many seconds (interfaces.md §2.2).
pub const UNDO_S: u64 = 10;

/// A write-up is extended by so many seconds at a time (interfaces.md §2.2).
pub const EXTEND_S: u64 = 30;

/// How a call ended, by its agent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Disposal {
    /// The disposition's code.
    pub code: String,
    /// When to call back, or the appointment's moment, as people write it.
    pub at: Option<String>,
    /// Whether the agent calls back in person.
    pub mine: bool,
    /// A sale's amount, in cents.
    pub amount_cents: Option<i64>,
    /// Where the appointment is.
    pub place: Option<String>,
    /// Free notes.
    pub notes: Option<String>,
}

/// What is corrected of a card.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Correction {
    /// The name.
    pub name: Option<String>,
    /// Fields with their new values.
    pub fields: BTreeMap<String, String>,
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Told {
    /// The whole state.
    View {
        /// The server's clock.
        now: i64,
        /// The state.
        view: Box<View>,
    },
    /// A wish was done.
    Done {
        /// Which.
        id: u32,
        /// What came of it; `true` if there is nothing to tell.
        done: Value,
    },
    /// A wish was refused.
    Refused {
        /// Which; `None` of a frame that could not be read.
        id: Option<u32>,
        /// Why.
        #[serde(flatten)]
        why: Refusal,
    },
    /// The server is there.
    Beat {
        /// The server's clock.
        now: i64,
    },
    /// Another page of the same agent took over; this socket closes.
    Taken {
        /// Always true.
        taken: bool,
    },
}

/// Why a wish was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Refusal {
    /// The stable code.
    #[serde(rename = "refused")]
    pub code: String,
    /// What is wrong, in English, for who reads the frames.
    pub words: String,
    /// The kind of the rule that forbids a callback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The rule of law behind it, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// The nearest moment at which the callback may be promised, with the offset of the person's
    /// zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Everything an agent sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    /// Who.
    pub agent: String,
    /// `logged_out`, `paused`, `ready`, `previewing`, `reserved`, `talking`, `holding`, `wrapping`,
    /// `resting`.
    pub state: String,
    /// Since when.
    pub since: i64,
    /// When it ends by itself.
    pub until: Option<i64>,
    /// Seconds a write-up may still be extended by.
    pub more_s: f64,
    /// Whether the phone carries audio.
    pub phone: bool,
    /// The code of the break.
    pub pause: Option<String>,
    /// Where the agent goes next, if not back to ready: a break's code, or `logged_out`.
    pub after: Option<String>,
    /// Whether one more call is taken before that.
    pub last_call: bool,
    /// The campaign of the present call.
    pub campaign: Option<Campaign>,
    /// The present call, or the one being written up.
    pub call: Option<u64>,
    /// The code of what was said of it.
    pub said: Option<String>,
    /// Until when that can be taken back.
    pub undo_until: Option<i64>,
    /// The card; `None` while it is fetched.
    pub card: Option<Card>,
    /// What can be said of the call.
    pub dispositions: Vec<Choice>,
    /// The reasons for a break.
    pub pauses: Vec<Pause>,
    /// Why the agent waits.
    pub why: Option<Cause>,
    /// The figures of the shift.
    pub day: Day,
}

/// The campaign of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Campaign {
    /// What people read.
    pub title: String,
    /// On whose behalf it calls.
    pub client: String,
}

/// A reason for a break.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pause {
    /// The code.
    pub code: String,
    /// What people read.
    pub label: String,
}

/// A disposition to choose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The code.
    pub code: String,
    /// The digit that chooses it.
    pub key: Option<u8>,
    /// What people read.
    pub label: String,
    /// Whether the offer was made, and how it was taken.
    pub class: DispositionClass,
    /// What is asked besides: `amount`, `appointment`, `callback`; the campaign's file says whether
    /// it may be left out.
    pub needs: Option<&'static str>,
    /// Whether it ends every call to the person: it wants a second press and cannot be undone.
    pub do_not_call: bool,
}

/// Who is on the line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Card {
    /// The contact.
    pub contact: u64,
    /// The name.
    pub name: Option<String>,
    /// The number, its middle hidden.
    pub number: Option<String>,
    /// The zone of the number, as IANA names it: the page tells the time there.
    pub zone: Option<String>,
    /// The columns of the list, as agents corrected them.
    pub fields: BTreeMap<String, String>,
    /// What gives the right to call.
    pub right: Option<Right>,
    /// The how-manieth attempt it is.
    pub attempt: u32,
    /// The calls before, the newest first.
    pub history: Vec<Past>,
    /// How many values agents corrected.
    pub corrections: usize,
}

/// What gives the right to call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Right {
    /// `consent`, `contract`, or `not_asked` where the law asks for none.
    pub basis: String,
    /// When it ends.
    pub until: Option<String>,
    /// The territory whose law held.
    pub territory: Option<String>,
}

/// A call before this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Past {
    /// When.
    pub at: i64,
    /// How it ended.
    pub outcome: Option<String>,
    /// What its agent said of it.
    pub disposition: Option<String>,
    /// What was noted.
    pub notes: Option<String>,
}

/// The figures of a shift.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// Calls handled.
    pub handled: u64,
    /// Seconds talking or holding, once the present state is left.
    pub talk_s: u64,
    /// Seconds writing up, likewise.
    pub wrap_s: u64,
    /// Mean seconds of waiting before a call.
    pub wait_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Asked> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn wishes_are_read_as_the_page_writes_them() {
        let id = 7;
        let cases = [
            (r#"{"id":7,"do":"ready"}"#, Wish::Ready),
            (r#"{"id":7,"do":"pause"}"#, Wish::Pause { code: None }),
            (
                r#"{"id":7,"do":"dispose","code":"rappel","at":"demain 10h","mine":true}"#,
                Wish::Dispose(Disposal {
                    code: "rappel".to_owned(),
                    at: Some("demain 10h".to_owned()),
                    mine: true,
                    ..Disposal::default()
                }),
            ),
            (r#"{"id":7,"do":"skip","reason":"later"}"#, Wish::Skip { reason: SkipReason::Later }),
        ];
        for (text, wish) in cases {
            assert_eq!(read(text), Some(Asked { id, wish }), "{text}");
        }
        for text in [r#"{"do":"ready"}"#, r#"{"id":7,"do":"fire"}"#, r#"{"id":-1,"do":"ready"}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_told_is_told_apart_by_its_keys() -> Result<(), serde_json::Error> {
        let refused = Refusal { code: "no_audio".to_owned(), ..Refusal::default() };
        let cases = [
            (Told::Done { id: 3, done: true.into() }, r#"{"id":3,"done":true}"#),
            (
                Told::Refused { id: Some(3), why: refused },
                r#"{"id":3,"refused":"no_audio","words":""}"#,
            ),
            (Told::Beat { now: 5 }, r#"{"now":5}"#),
            (Told::Taken { taken: true }, r#"{"taken":true}"#),
        ];
        for (told, text) in cases {
            assert_eq!(serde_json::to_string(&told)?, text);
        }
        Ok(())
    }
}

//! A list on its way in: read by portions, each without what stands in it twice, with the
//! fingerprints and seals made that need no database. It is read while the database writes.

use std::collections::{HashSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::seal::{Seals, Wrap};
use super::text::json;
use super::{IMPORT_MAX, ImportSummary, NUMBERS_MAX, NewContact, NewNumber, Shared, StoreError};

/// Contacts in one portion: some ten milliseconds, so that no dial waits longer for it.
const PORTION: usize = 500;

/// Contacts read before the database's answer is looked for again: some 40 µs, for which its thread
/// may have nothing to do.
const STRIDE: usize = 2;

/// Strides before other tasks have their turn: a millisecond.
const STRIDES: u32 = 25;

/// A contact that stood nowhere further up in its portion.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) contact: NewContact,
    /// Name and fields.
    pub(super) card: Sealed,
    /// Of each of its numbers, in their order.
    pub(super) numbers: Vec<Print>,
}

/// A number as it is found again, and as it is kept.
#[derive(Debug)]
pub(super) struct Print {
    pub(super) fingerprint: String,
    pub(super) digits: Sealed,
}

/// A sealed text with its wrapped key.
#[derive(Debug)]
pub(super) struct Sealed {
    key: String,
    text: String,
}

impl Sealed {
    /// Seals a text under a key of its own.
    fn new(seals: &Seals, wrap: Wrap, text: impl AsRef<[u8]>) -> Result<Self, StoreError> {
        let (seal, key) = seals.draw(wrap)?;
        Ok(Self { text: seal.seal(text)?, key })
    }

    /// Seals the digits of a number.
    pub(super) fn digits(seals: &Seals, new: &NewNumber) -> Result<Self, StoreError> {
        Self::new(seals, Wrap::Centre, new.number.reveal())
    }

    /// Gives the row of whom it belongs to.
    pub(super) fn row(&self, owner: i64) -> (i64, &str, &str) {
        (owner, &self.key, &self.text)
    }
}

/// A portion that was read, if one had to be.
type Read = Result<Option<Vec<Fresh>>, StoreError>;

/// The portions that were read and are not written down yet; an empty one is the list's end.
pub(super) struct Ahead<'s, I> {
    reading: Reading<'s, I>,
    portions: VecDeque<Vec<Fresh>>,
}

impl<'s, I: Iterator<Item = NewContact>> Ahead<'s, I> {
    /// Reads the first portion.
    pub(super) async fn begin(
        contacts: I,
        shared: &'s Shared,
        client: u32,
    ) -> Result<Self, StoreError> {
        let mut reading = Reading { contacts, shared, client, told: ImportSummary::default() };
        let ((), first) = meanwhile(async {}, reading.portion()).await;
        let portions = VecDeque::from([first?]);
        Ok(Self { reading, portions })
    }

    /// Tells whether everything is written down.
    pub(super) fn is_at_end(&self) -> bool {
        self.portions.front().is_none_or(Vec::is_empty)
    }

    /// Gives the portion behind so many others, unless the list ends there; and what reads the one
    /// behind it, if that is not read yet.
    pub(super) fn portion(
        &mut self,
        behind: usize,
    ) -> Option<(&[Fresh], impl Future<Output = Read>)> {
        let Self { reading, portions } = self;
        let is_last = behind + 1 == portions.len();
        let portion = portions.get(behind).filter(|portion| !portion.is_empty())?;
        let read =
            async move { if is_last { reading.portion().await.map(Some) } else { Ok(None) } };
        Some((portion, read))
    }

    /// Keeps a portion that was read.
    pub(super) fn keep(&mut self, read: Option<Vec<Fresh>>) {
        self.portions.extend(read);
    }

    /// Lets go of portions that are written down.
    pub(super) fn forget(&mut self, written: usize) {
        self.portions.drain(..written);
    }

    /// Gives what was counted while the list was read.
    pub(super) fn told(self) -> ImportSummary {
        self.reading.told
    }
}

/// Waits for what the database is to do, and reads in its pauses meanwhile. The database's thread
/// waits for nobody this way: a task of the runtime that gives way is away for longer than it.
pub(super) async fn meanwhile<W: Future, R: Future>(write: W, read: R) -> (W::Output, R::Output) {
    let (mut write, mut read) = (pin!(write), pin!(read));
    let (mut written, mut ahead) = (None, None);
    poll_fn(|task| {
        for _ in 0..STRIDES {
            if written.is_none()
                && let Poll::Ready(output) = write.as_mut().poll(task)
            {
                written = Some(output);
            }
            if ahead.is_none()
                && let Poll::Ready(output) = read.as_mut().poll(task)
            {
                ahead = Some(output);
            }
            match (written.take(), ahead.take()) {
                (Some(written), Some(ahead)) => return Poll::Ready((written, ahead)),
                // Whoever writes has this task woken.
                (None, Some(output)) => {
                    ahead = Some(output);
                    return Poll::Pending;
                }
                (output, None) => written = output,
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Stops reading for a look elsewhere; [`meanwhile`] goes on with it by itself.
async fn pause() {
    let mut looked = false;
    poll_fn(|_| if std::mem::replace(&mut looked, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// A list, and what was counted in it so far.
struct Reading<'s, I> {
    contacts: I,
    shared: &'s Shared,
    client: u32,
    told: ImportSummary,
}

impl<I: Iterator<Item = NewContact>> Reading<'_, I> {
    async fn portion(&mut self) -> Result<Vec<Fresh>, StoreError> {
        let (mut portion, mut seen) = (Vec::with_capacity(PORTION), Seen::default());
        while portion.len() < PORTION {
            for _ in 0..STRIDE {
                let Some(contact) = self.contacts.next() else { return Ok(portion) };
                self.told.read += 1;
                if self.told.read > IMPORT_MAX as u64 {
                    return Err(StoreError::TooLong(IMPORT_MAX));
                }
                if let Some(contact) = seen.sift(contact, &mut self.told) {
                    portion.push(self.fresh(contact)?);
                }
            }
            pause().await;
        }
        Ok(portion)
    }

    fn fresh(&self, contact: NewContact) -> Result<Fresh, StoreError> {
        let Shared { seals, fingerprints, .. } = self.shared;
        let card = json(&(&contact.name, &contact.fields));
        let card = Sealed::new(seals, Wrap::Client(self.client), card)?;
        let print = |new: &NewNumber| {
            let fingerprint = fingerprints.of(&new.number);
            Ok(Print { fingerprint, digits: Sealed::digits(seals, new)? })
        };
        let numbers = contact.numbers.iter().map(print).collect::<Result<_, StoreError>>()?;
        Ok(Fresh { contact, card, numbers })
    }
}

/// What stood earlier in a portion. What stood in those before it is in the database.
#[derive(Default)]
struct Seen {
    /// [`crate::units::Number::digits`].
    numbers: HashSet<u64>,
    external_ids: HashSet<String>,
}

impl Seen {
    /// Takes out the numbers that stood earlier, and contacts left without any.
    fn sift(&mut self, mut contact: NewContact, told: &mut ImportSummary) -> Option<NewContact> {
        if contact.numbers.is_empty() {
            told.without_number += 1;
            return None;
        }
        if let Some(id) = &contact.external_id
            && !self.external_ids.insert(id.clone())
        {
            told.doubled_in_campaign += 1;
            return None;
        }
        let before = contact.numbers.len();
        contact.numbers.truncate(NUMBERS_MAX);
        contact.numbers.retain(|new| self.numbers.insert(new.number.digits()));
        if contact.numbers.is_empty() {
            told.doubled_in_campaign += 1;
            return None;
        }
        told.numbers_dropped += (before - contact.numbers.len()) as u64;
        Some(contact)
    }
}

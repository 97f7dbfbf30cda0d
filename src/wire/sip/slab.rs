//! A table whose places are reused and whose keys are never guessed.

/// A place in a [`Slab`] and the secret that proves the place was meant: it is written into
/// branches and tags, so that a response finds its transaction without a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) place: u32,
    pub(super) secret: u64,
}

impl Key {
    /// Reads a key back.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let (place, secret) = core::str::from_utf8(text).ok()?.split_once('-')?;
        let place = u32::from_str_radix(place, 16).ok()?;
        Some(Self { place, secret: u64::from_str_radix(secret, 16).ok()? })
    }
}

/// A bounded table with keys that are checked.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<(u64, T)>>,
    free: Vec<u32>,
    max: usize,
}

impl<T> Slab<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { places: Vec::new(), free: Vec::new(), max }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// Gives the key that the next [`Slab::insert`] will use, with this secret.
    pub(super) fn next_key(&self, secret: u64) -> Key {
        let grown = || u32::try_from(self.places.len()).expect("a slab has fewer than 2^32 places");
        Key { place: self.free.last().copied().unwrap_or_else(grown), secret }
    }

    /// Puts a value at the place given by [`Slab::next_key`] just before.
    pub(super) fn insert(&mut self, key: Key, value: T) {
        debug_assert_eq!(self.next_key(key.secret), key, "the key was taken just before");
        let entry = Some((key.secret, value));
        match self.free.pop() {
            Some(place) => {
                if let Some(slot) = self.places.get_mut(place as usize) {
                    *slot = entry;
                }
            }
            None => self.places.push(entry),
        }
    }

    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let (secret, value) = self.places.get(key.place as usize)?.as_ref()?;
        (*secret == key.secret).then_some(value)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (secret, value) = self.places.get_mut(key.place as usize)?.as_mut()?;
        (*secret == key.secret).then_some(value)
    }

    /// Gives the keys of the values that fit.
    pub(super) fn keys_of(&self, fits: impl Fn(&T) -> bool) -> Vec<Key> {
        let held = (0..).zip(&self.places).filter_map(|(place, held)| {
            let (secret, value) = held.as_ref()?;
            fits(value).then_some(Key { place, secret: *secret })
        });
        held.collect()
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let (_, value) = self.places.get_mut(key.place as usize)?.take()?;
        self.free.push(key.place);
        Some(value)
    }
}

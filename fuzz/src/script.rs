//! Bytes taken as instructions.

/// What is left of the bytes.
pub struct Script<'b>(&'b [u8]);

impl<'b> Script<'b> {
    /// Begins at the first byte.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Takes a byte; `None` at the end.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes a number below `end`; 0 at the end of the bytes.
    pub fn below(&mut self, end: usize) -> usize {
        let high = usize::from(self.byte().unwrap_or(0));
        let low = if end > 256 { usize::from(self.byte().unwrap_or(0)) } else { 0 };
        (high + (low << 8)).checked_rem(end).unwrap_or(0)
    }

    /// Takes so many bytes, or what there is.
    pub fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

//! The only real clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::units::{Mono, Now, Wall};

/// Reads both of the machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts the monotonic clock at zero.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one real clock")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Reads both clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one real clock")]
    pub fn now(&self) -> Now {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        };
        Now { mono: self.mono(), wall: Wall::micros(wall) }
    }

    /// Reads the monotonic clock.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono::micros(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Gives the moment as tokio's timers need it.
    #[must_use]
    pub fn instant(&self, moment: Mono) -> tokio::time::Instant {
        (self.started + std::time::Duration::from_micros(moment.as_micros())).into()
    }
}

/// Counts nanoseconds from the first call on, to measure what something costs.
#[must_use]
pub fn nanos() -> u64 {
    static STARTED: OnceLock<Clock> = OnceLock::new();
    let since = STARTED.get_or_init(Clock::start).started.elapsed();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

//! Numbers shown carry no more calls at once than they may.

use super::Oracle;
use crate::core::order::Opened;
use crate::core::shown::Cap;

impl Oracle {
    /// Says that the number a new call shows had no room for it.
    pub(super) fn shows_too_many(&self, opened: &Opened) -> Option<String> {
        let cap = self.cap_of(opened)?;
        let same = |other: &Opened| self.cap_of(other).is_some_and(|of| of.number == cap.number);
        let open = self.calls.values().filter(|call| !call.closed && same(&call.opened)).count();
        let full = cap.channels.is_some_and(|channels| open >= channels as usize);
        full.then(|| format!("{} shows {}, which is full", opened.call, cap.number))
    }

    fn cap_of(&self, opened: &Opened) -> Option<&Cap> {
        let settings = &self.campaigns.get(&opened.campaign)?.settings;
        settings.caller_caps.get(usize::from(opened.caller_id))?.as_ref()
    }
}

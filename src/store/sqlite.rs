//! SQLite.
use super::*;

/// The SQLite store.
#[derive(Clone, Debug)]
pub struct Sqlite;

impl Sqlite {
    pub(super) async fn open(_: Settings, _: &Tasks) -> Result<Self, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn commit(&self, _writes: Vec<Write>) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn claim(
        &self,
        _campaign: CampaignId,
        _count: u32,
        _lease: Span,
        _now: Wall,
    ) -> Result<Claimed, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn release(&self, _contacts: &[ContactId]) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn recover(&self, _now: Wall) -> Result<Recovered, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn trunk(&self, _name: &str) -> Result<TrunkId, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn set_campaign(
        &self,
        _campaign: &NewCampaign,
    ) -> Result<CampaignId, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn campaigns(&self) -> Result<Vec<CampaignRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn import<I>(
        &self,
        _campaign: CampaignId,
        _source: &ImportSource,
        _contacts: I,
        _progress: impl FnMut(u64) + Send,
    ) -> Result<ImportSummary, StoreError>
    where
        I: Iterator<Item = NewContact>,
    {
        Err(StoreError::Closed)
    }
    pub(super) async fn card(&self, _contact: ContactId) -> Result<Option<Card>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn digits(&self, _number: NumberId) -> Result<Option<Number>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn add_do_not_call(&self, _wish: &NewDoNotCall) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn do_not_call(
        &self,
        _number: &Number,
        _now: Wall,
    ) -> Result<Vec<DoNotCallRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn set_agent(&self, _agent: &NewAgent) -> Result<AgentId, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn agent(&self, _name: &str) -> Result<Option<AgentRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn calls(
        &self,
        _filter: &CallFilter,
        _after: Option<&Cursor>,
        _limit: u32,
    ) -> Result<Page<CallRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn call(&self, _call: CallId) -> Result<Option<CallRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn stats(
        &self,
        _campaign: CampaignId,
        _from: Wall,
        _to: Wall,
    ) -> Result<Stats, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn add_event(&self, _event: &EventRow) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn take_events(
        &self,
        _endpoint: &str,
        _limit: u32,
        _lease: Span,
        _now: Wall,
    ) -> Result<Vec<EventRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn next_event(&self) -> Result<Option<Wall>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn event_added(&self) {}
    pub(super) async fn events(
        &self,
        _endpoint: Option<&str>,
        _undelivered_only: bool,
        _limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn replay_event(&self, _event: &str, _now: Wall) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        Err(StoreError::Closed)
    }
    pub(super) async fn enable_endpoint(
        &self,
        _endpoint: &str,
        _now: Wall,
    ) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
}

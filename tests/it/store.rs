//! What the store promises, told once for every engine it runs on.
//!
//! Each claim is a function of a [`House`]; `suite!` runs all of them on SQLite. PostgreSQL is a
//! second way to make a house.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Instant;

use cadran::core::campaign::DispositionClass;
use cadran::core::fact::{Callback, DncScope, Heard, NumberClass, SkipReason};
use cadran::core::order::{
    AgentState, CampaignState, Closed, DoneReason, EndedBy, Next, Opened, Outcome, Qualified,
    Record, RuleRefusal, Stage,
};
use cadran::core::rules::{Refusal, RuleId};
use cadran::engine::handle::Details;
use cadran::engine::tasks::Tasks;
use cadran::sip::StoredDialog;
use cadran::store::{
    CallFilter, CallRow, Claimed, Delivery, DispositionRow, Fault, Ha1, ImportSource,
    ImportSummary, NewAgent, NewCampaign, NewContact, NewDoNotCall, NewEvent, NewNumber, Settings,
    Store, StoreError, Then, Write,
};
use cadran::units::{
    AgentId, CallId, CampaignId, ContactId, DispositionId, LegId, Number, NumberId, PersonId,
    Ratio, Span, TrunkId, Wall, Zone,
};
use proptest::prelude::*;
use sqlx::Row as _;

type Done = Result<(), Box<dyn Error>>;

/// Noon of a Monday, the start of every test.
const NOON: Wall = Wall::micros(1_700_481_600_000_000);
const LEASE: Span = Span::secs(60);
const REST: Span = Span::secs(300);

struct House {
    dir: tempfile::TempDir,
    tasks: Tasks,
    store: Store,
}

//! The machines of calls and agents, held against every pair of state and event.

mod agent;
mod call;

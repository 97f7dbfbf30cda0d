//! The machines of calls and agents, held against every pair of state and event, and what of them
//! the pacers see.

mod agent;
mod call;
mod seen;

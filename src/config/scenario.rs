//! Scenario files: TOML to the simulator's types.

use serde::Deserialize;

use super::respect::OCCUPANCY_MIN;
use crate::core::campaign::VALUE;
use crate::core::respect;
use crate::sim::course::DAY_MAX;
use crate::sim::rng::{Law, NoLaw};
use crate::sim::scenario::{
    Amd, Block, Burst, Habits, NoScenario, Outage, Outcomes, Ring, Scenario, Shares, Swap, in_order,
};
use crate::units::{Ratio, Span};

/// The text is no scenario; the fault is the file's, and trying again does not help.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML of that shape; the message shows line and column.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A distribution is none.
    #[error("in {key}: {fault}")]
    Law {
        /// The key that holds it.
        key: &'static str,
        /// What is wrong with it.
        fault: NoLaw,
    },
    /// A number has no meaning.
    #[error("{key} is {value}: it must be {must}")]
    Number {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        must: &'static str,
    },
    /// The outcomes or the staffing make no day.
    #[error(transparent)]
    Day(#[from] NoScenario),
}

/// Reads a scenario file's text.
///
/// # Errors
/// The text is no scenario; see [`ScenarioError`].
pub fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let file: File = toml::from_str(text)?;
    file.scenario()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    day_s: f64,
    cap: f64,
    connect_within_s: f64,
    patience: Dist,
    setup: Dist,
    talk: Dist,
    wrap: Dist,
    trunks_per_agent: f64,
    cps_per_agent: f64,
    cps_min: f64,
    ring: RingTable,
    outcomes: Vec<OutcomeTable>,
    burst: Option<BurstTable>,
    amd: AmdTable,
    #[serde(default)]
    agents: AgentsTable,
    #[serde(default)]
    swap: Vec<SwapTable>,
    #[serde(default)]
    outage: Vec<OutageTable>,
    #[serde(default)]
    also: Vec<AlsoTable>,
    #[serde(default)]
    shared_rate: bool,
    leads: Option<u64>,
    #[serde(default)]
    around_the_clock: bool,
    value: Option<f64>,
    #[serde(default)]
    respect: RespectTable,
}

/// What is owed to the agents.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RespectTable {
    breath_s: f64,
    occupancy_max: Option<f64>,
    hard_from: Option<u32>,
}

impl RespectTable {
    fn owed(&self) -> Result<respect::Settings, ScenarioError> {
        let key = "respect.occupancy_max";
        let ceiling = |value| match share(key, value)? {
            ceiling if ceiling.get() >= OCCUPANCY_MIN => Ok(ceiling),
            _ => Err(ScenarioError::Number { key, value, must: "a share from 0.5 to 1" }),
        };
        Ok(respect::Settings {
            breath: seconds("respect.breath_s", self.breath_s)?,
            occupancy_max: self.occupancy_max.map(ceiling).transpose()?,
            hard_from: self.hard_from,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwapTable {
    at_s: f64,
    ring: Option<RingTable>,
    talk: Option<Dist>,
    wrap: Option<Dist>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutageTable {
    at_s: f64,
    len_s: f64,
    told: bool,
}

/// Another campaign of the same agents: what it does not say is as in the file's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlsoTable {
    name: String,
    outcomes: Option<Vec<OutcomeTable>>,
    ring: Option<RingTable>,
    talk: Option<Dist>,
    wrap: Option<Dist>,
    value: Option<f64>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Dist {
    Fixed { value: f64 },
    Uniform { lo: f64, hi: f64 },
    Exp { mean: f64 },
    Lognormal { mean: f64, cv: f64 },
    Lomax { mean: f64, shape: f64 },
    Mix { parts: Vec<Part> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    w: f64,
    d: Dist,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RingTable {
    live: Dist,
    machine: Dist,
    busy: Dist,
    noanswer: Dist,
    fail: Dist,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeTable {
    at_s: f64,
    live: f64,
    machine: f64,
    busy: f64,
    noanswer: f64,
    fail: f64,
    #[serde(default)]
    ramp: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BurstTable {
    every_s: f64,
    len_s: f64,
    live_factor: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmdTable {
    enabled: bool,
    delay: Dist,
    false_machine: f64,
    missed_machine: f64,
    missed_talk: Dist,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AgentsTable {
    pool: Option<u32>,
    calls_per_pause: Option<f64>,
    pause: Option<Dist>,
    staffing: Vec<(f64, f64)>,
    churn_stay_s: Option<f64>,
    churn_away: Option<Dist>,
}

impl File {
    fn scenario(self) -> Result<Scenario, ScenarioError> {
        let swaps: Vec<_> = self.swap.iter().map(SwapTable::swap).collect::<Result<_, _>>()?;
        in_order("[[swap]]", swaps.iter().map(|swap| swap.at))?;
        let mut scenario = Scenario {
            day: day(self.day_s)?,
            cap: share("cap", self.cap)?,
            connect_within: Span::from_secs_f64(positive(
                "connect_within_s",
                self.connect_within_s,
            )?),
            patience: self.patience.law("patience")?,
            setup: self.setup.law("setup")?,
            ring: self.ring.ring()?,
            outcomes: outcomes(&self.outcomes)?,
            burst: self.burst.map(|burst| burst.burst()).transpose()?,
            amd: self.amd.amd()?,
            talk: self.talk.law("talk")?,
            wrap: self.wrap.law("wrap")?,
            agents: self.agents.habits()?,
            trunks_per_agent: positive("trunks_per_agent", self.trunks_per_agent)?,
            calls_per_second_per_agent: positive("cps_per_agent", self.cps_per_agent)?,
            calls_per_second_min: positive("cps_min", self.cps_min)?,
            name: self.name,
            swaps,
            outages: self.outage.iter().map(OutageTable::outage).collect::<Result<_, _>>()?,
            companions: Vec::new(),
            shared_rate: self.shared_rate,
            leads: self.leads,
            around_the_clock: self.around_the_clock,
            value: worth("value", self.value)?,
            respect: self.respect.owed()?,
            pool: self.agents.pool()?,
        };
        let also: Result<_, _> = self.also.iter().map(|also| also.beside(&scenario)).collect();
        scenario.companions = also?;
        Ok(scenario)
    }
}

fn outcomes(blocks: &[OutcomeTable]) -> Result<Outcomes, ScenarioError> {
    Ok(Outcomes::new(blocks.iter().map(OutcomeTable::block).collect::<Result<_, _>>()?)?)
}

fn worth(key: &'static str, value: Option<f64>) -> Result<f64, ScenarioError> {
    let value = value.unwrap_or(1.0);
    if (VALUE.0..=VALUE.1).contains(&value) {
        Ok(value)
    } else {
        Err(ScenarioError::Number { key, value, must: "from 0.01 to 100" })
    }
}

/// Reads the length of a day: one that is longer than a simulation keeps would run for ever.
fn day(seconds: f64) -> Result<Span, ScenarioError> {
    let day = Span::from_secs_f64(positive("day_s", seconds)?);
    if day <= DAY_MAX {
        Ok(day)
    } else {
        let must = "a week, 604800 seconds, or less; simulate several days with --days";
        Err(ScenarioError::Number { key: "day_s", value: seconds, must })
    }
}

impl SwapTable {
    fn swap(&self) -> Result<Swap, ScenarioError> {
        Ok(Swap {
            at: seconds("swap.at_s", self.at_s)?,
            ring: self.ring.as_ref().map(RingTable::ring).transpose()?,
            talk: self.talk.as_ref().map(|talk| talk.law("swap.talk")).transpose()?,
            wrap: self.wrap.as_ref().map(|wrap| wrap.law("swap.wrap")).transpose()?,
        })
    }
}

impl OutageTable {
    fn outage(&self) -> Result<Outage, ScenarioError> {
        Ok(Outage {
            at: seconds("outage.at_s", self.at_s)?,
            length: Span::from_secs_f64(positive("outage.len_s", self.len_s)?),
            told: self.told,
        })
    }
}

impl AlsoTable {
    fn beside(&self, first: &Scenario) -> Result<Scenario, ScenarioError> {
        let value = worth("also.value", self.value)?;
        let mut beside = Scenario { name: self.name.clone(), value, ..first.clone() };
        if let Some(blocks) = &self.outcomes {
            beside.outcomes = outcomes(blocks)?;
        }
        if let Some(ring) = &self.ring {
            beside.ring = ring.ring()?;
        }
        if let Some(talk) = &self.talk {
            beside.talk = talk.law("also.talk")?;
        }
        if let Some(wrap) = &self.wrap {
            beside.wrap = wrap.law("also.wrap")?;
        }
        Ok(beside)
    }
}

impl Dist {
    pub(super) fn law(&self, key: &'static str) -> Result<Law, ScenarioError> {
        let law = match self {
            Self::Fixed { value } => Law::fixed(*value),
            Self::Uniform { lo, hi } => Law::uniform(*lo, *hi),
            Self::Exp { mean } => Law::exp(*mean),
            Self::Lognormal { mean, cv } => Law::lognormal(*mean, *cv),
            Self::Lomax { mean, shape } => Law::lomax(*mean, *shape),
            Self::Mix { parts } => {
                let read = |part: &Part| Ok((part.w, part.d.law(key)?));
                Law::mix(parts.iter().map(read).collect::<Result<_, ScenarioError>>()?)
            }
        };
        law.map_err(|fault| ScenarioError::Law { key, fault })
    }
}

impl RingTable {
    fn ring(&self) -> Result<Ring, ScenarioError> {
        Ok(Ring {
            live: self.live.law("ring.live")?,
            machine: self.machine.law("ring.machine")?,
            busy: self.busy.law("ring.busy")?,
            no_answer: self.noanswer.law("ring.noanswer")?,
            fail: self.fail.law("ring.fail")?,
        })
    }
}

impl OutcomeTable {
    fn block(&self) -> Result<Block, ScenarioError> {
        Ok(Block {
            at: seconds("outcomes.at_s", self.at_s)?,
            shares: Shares {
                live: self.live,
                machine: self.machine,
                busy: self.busy,
                no_answer: self.noanswer,
                fail: self.fail,
            },
            ramp: self.ramp,
        })
    }
}

impl BurstTable {
    fn burst(&self) -> Result<Burst, ScenarioError> {
        let gap = Law::exp(self.every_s);
        Ok(Burst {
            gap: gap.map_err(|fault| ScenarioError::Law { key: "burst.every_s", fault })?,
            length: Span::from_secs_f64(positive("burst.len_s", self.len_s)?),
            live_factor: positive("burst.live_factor", self.live_factor)?,
        })
    }
}

impl AmdTable {
    fn amd(&self) -> Result<Amd, ScenarioError> {
        Ok(Amd {
            enabled: self.enabled,
            delay: self.delay.law("amd.delay")?,
            false_machine: share("amd.false_machine", self.false_machine)?,
            missed_machine: share("amd.missed_machine", self.missed_machine)?,
            missed_talk: self.missed_talk.law("amd.missed_talk")?,
        })
    }
}

impl AgentsTable {
    fn pool(&self) -> Result<Option<u32>, ScenarioError> {
        match self.pool {
            Some(0) => {
                let (key, must) = ("agents.pool", "1 or more");
                Err(ScenarioError::Number { key, value: 0.0, must })
            }
            pool => Ok(pool),
        }
    }

    fn habits(&self) -> Result<Habits, ScenarioError> {
        let pause = match (self.calls_per_pause, &self.pause) {
            (Some(calls), Some(pause)) if calls >= 1.0 => {
                Some((Ratio::new(1.0 / calls), pause.law("agents.pause")?))
            }
            (None, None) => None,
            (calls, _) => {
                return Err(ScenarioError::Number {
                    key: "agents.calls_per_pause",
                    value: calls.unwrap_or(f64::NAN),
                    must: "at least 1, and given together with agents.pause",
                });
            }
        };
        let churn = match (self.churn_stay_s, &self.churn_away) {
            (Some(stay), Some(away)) => {
                let key = "agents.churn_stay_s";
                let stay = Law::exp(stay).map_err(|fault| ScenarioError::Law { key, fault })?;
                Some((stay, away.law("agents.churn_away")?))
            }
            (None, None) => None,
            (stay, _) => {
                return Err(ScenarioError::Number {
                    key: "agents.churn_stay_s",
                    value: stay.unwrap_or(f64::NAN),
                    must: "given together with agents.churn_away",
                });
            }
        };
        let step = |(at, part): &(f64, f64)| {
            Ok((seconds("agents.staffing", *at)?, share("agents.staffing", *part)?))
        };
        let staffing: Vec<_> =
            self.staffing.iter().map(step).collect::<Result<_, ScenarioError>>()?;
        in_order("the steps of agents.staffing", staffing.iter().map(|(at, _)| *at))?;
        Ok(Habits { pause, staffing, churn })
    }
}

fn positive(key: &'static str, value: f64) -> Result<f64, ScenarioError> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(ScenarioError::Number { key, value, must: "greater than 0" })
    }
}

fn seconds(key: &'static str, value: f64) -> Result<Span, ScenarioError> {
    if value.is_finite() && value >= 0.0 {
        Ok(Span::from_secs_f64(value))
    } else {
        Err(ScenarioError::Number { key, value, must: "0 or more seconds" })
    }
}

fn share(key: &'static str, value: f64) -> Result<Ratio, ScenarioError> {
    if (0.0..=1.0).contains(&value) {
        Ok(Ratio::new(value))
    } else {
        Err(ScenarioError::Number { key, value, must: "a share from 0 to 1" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKOV: &str = include_str!("../../tests/it/scenarios/markov_check.toml");

    #[test]
    fn a_scenario_file_is_read_to_its_last_key() -> Result<(), ScenarioError> {
        let scenario = read(MARKOV)?;
        assert_eq!((scenario.name.as_str(), scenario.day), ("markov", Span::secs(86_400)));
        assert!(!scenario.amd.enabled && scenario.agents.pause.is_none());
        Ok(())
    }

    #[test]
    fn a_key_nobody_knows_is_refused_with_its_line() {
        let text = MARKOV.replace("cap = 0.03", "cap = 0.03\ncaps = 0.04");
        let told = read(&text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.contains("caps") && told.contains("line 4"), "{told}");
    }

    #[test]
    fn a_number_without_meaning_is_refused_by_its_key() {
        for (from, to, key) in [
            ("cap = 0.03", "cap = 3.0", "cap"),
            ("day_s = 86400.0", "day_s = -1.0", "day_s"),
            ("day_s = 86400.0", "day_s = 1e15", "a week, 604800 seconds, or less"),
            ("day_s = 86400.0", "day_s = inf", "day_s"),
            ("cap = 0.03", "cap = 0.03\nvalue = 1e9", "value is 1000000000: it must be from 0.01"),
            ("{ kind = \"exp\", mean = 180.0 }", "{ kind = \"exp\", mean = 0.0 }", "talk"),
            ("live = 0.25", "live = 0.5", "outcomes"),
        ] {
            let told = read(&MARKOV.replace(from, to)).err().map(|error| error.to_string());
            assert!(told.as_ref().is_some_and(|told| told.contains(key)), "{key}: {told:?}");
        }
    }
}

//! The dialers a simulation can run: our own modes, and others by their documented semantics.

use clap::ValueEnum;

use crate::core::campaign::{Guarantee, Mode};
use crate::sim::rivals::{Adaptive, LEVEL_MAX_DEFAULT, Method, Product, Rival};

/// A dialer by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Word {
    /// As many lines as agents will be free, keeping the abandon cap by forecast
    Predictive,
    /// The same, keeping the cap by proof
    PredictiveStrict,
    /// The same by forecast, told the true laws it would have to learn: the practical limit
    FullInfo,
    /// One line per idle agent
    Progressive,
    /// `--lines` per idle agent, one above the abandon cap
    Power,
    /// The best fixed number of lines per idle agent, known afterwards
    Ratio,
    /// VICIdial, `ADAPT_AVERAGE`, as it comes
    ViciAverage,
    /// VICIdial, `ADAPT_HARD_LIMIT`, as it comes
    ViciHard,
    /// VICIdial, `ADAPT_TAPERED`, as it comes
    ViciTapered,
    /// VICIdial, `ADAPT_AVERAGE` with the best maximum level, known afterwards
    ViciBest,
    /// The same with `available_only_ratio_tally`
    ViciAvailbest,
    /// OSDial, `ADAPT_AVERAGE`, as it comes
    Osdial,
    /// The same with the best maximum level, known afterwards
    OsdialBest,
}

/// What paces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dialer {
    /// The core, in one of its modes.
    Own(Mode),
    /// The core, told the true laws of the scenario.
    Knowing(Mode),
    /// A rival as it comes.
    Rival(Rival),
    /// A rival with the one setting that proves best on the very days it is judged by.
    Tuned(Tune),
}

/// What is tuned in hindsight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tune {
    /// The lines per idle agent.
    Ratio,
    /// The maximum level, averaging.
    Level {
        /// Whose rules.
        product: Product,
        /// Whether only idle agents count.
        available_only: bool,
    },
}

/// Lines per idle agent in power mode where neither the command nor a tape names them.
const LINES: f64 = 1.5;

/// Gives the lines per idle agent of power mode: those asked for, else those of a recorded day.
pub(super) fn lines_per_agent(asked: Option<f64>, day: Option<Mode>) -> f64 {
    let usual = match day {
        Some(Mode::Power { lines_per_agent }) => lines_per_agent,
        Some(Mode::Preview | Mode::Progressive | Mode::Predictive { .. } | Mode::Directed)
        | None => LINES,
    };
    asked.unwrap_or(usual)
}

impl Tune {
    /// Gives the rival with a setting.
    pub(super) fn with(self, setting: f64) -> Rival {
        match self {
            Self::Ratio => Rival::Ratio { lines_per_agent: setting },
            Self::Level { product, available_only } => {
                let method = Method::Average;
                Rival::Adaptive(Adaptive { product, method, level_max: setting, available_only })
            }
        }
    }
}

impl Word {
    /// Gives every dialer, in the order of their help.
    pub(super) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// Gives the word as it is typed.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Gives the word of one of our own modes.
    pub(super) fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Predictive { guarantee: Guarantee::Expected } => Some(Self::Predictive),
            Mode::Predictive { guarantee: Guarantee::Strict } => Some(Self::PredictiveStrict),
            Mode::Progressive => Some(Self::Progressive),
            Mode::Power { .. } => Some(Self::Power),
            Mode::Preview | Mode::Directed => None,
        }
    }

    /// Gives its colour in every chart: its place in the help.
    pub(super) fn color(self) -> usize {
        Self::value_variants().iter().position(|word| *word == self).unwrap_or(0)
    }

    /// Tells whether what was learnt before is of use to it.
    pub(super) fn remembers(self) -> bool {
        matches!(self, Self::Predictive | Self::PredictiveStrict)
    }

    /// Gives what the word stands for; power dials so many lines per idle agent.
    pub(super) fn dialer(self, lines_per_agent: f64) -> Dialer {
        let adaptive = |product, method| {
            let (level_max, available_only) = (LEVEL_MAX_DEFAULT, false);
            let settings = Adaptive { product, method, level_max, available_only };
            Dialer::Rival(Rival::Adaptive(settings))
        };
        let predictive = |guarantee| Mode::Predictive { guarantee };
        let tuned =
            |product, available_only| Dialer::Tuned(Tune::Level { product, available_only });
        match self {
            Self::Predictive => Dialer::Own(predictive(Guarantee::Expected)),
            Self::PredictiveStrict => Dialer::Own(predictive(Guarantee::Strict)),
            Self::FullInfo => Dialer::Knowing(predictive(Guarantee::Expected)),
            Self::Progressive => Dialer::Own(Mode::Progressive),
            Self::Power => Dialer::Own(Mode::Power { lines_per_agent }),
            Self::Ratio => Dialer::Tuned(Tune::Ratio),
            Self::ViciAverage => adaptive(Product::Vici, Method::Average),
            Self::ViciHard => adaptive(Product::Vici, Method::HardLimit),
            Self::ViciTapered => adaptive(Product::Vici, Method::Tapered),
            Self::ViciBest => tuned(Product::Vici, false),
            Self::ViciAvailbest => tuned(Product::Vici, true),
            Self::OsdialBest => tuned(Product::Osdial, false),
            Self::Osdial => adaptive(Product::Osdial, Method::Average),
        }
    }
}

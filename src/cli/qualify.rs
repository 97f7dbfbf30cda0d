//! An agent's word on a call: `cadran agent qualify`.

use clap::Args;

use super::agent::each;
use super::client::Client;
use super::failure::Outcome;
use super::output::Output;
use super::wait_for;
use crate::api::types::QualifyRequest;
use crate::engine::handle::{Appointment, Details};

/// An agent's word on a call.
#[derive(Debug, Args)]
pub(super) struct Qualify {
    /// The agent
    name: String,
    /// The disposition's code or key
    disposition: String,
    /// The call's number [default: the agent's present one]
    #[arg(long)]
    call: Option<u64>,
    /// When to call back; without offset from UTC in the time of the number called
    #[arg(long, value_name = "TIME")]
    callback: Option<String>,
    /// The agent calls back in person
    #[arg(long, requires = "callback")]
    personal: bool,
    /// A sale's amount
    #[arg(long, value_parser = cents)]
    amount: Option<i64>,
    /// When an appointment begins, with offset from UTC
    #[arg(long, value_name = "TIME")]
    appointment: Option<String>,
    /// Where the appointment is
    #[arg(long, requires = "appointment")]
    place: Option<String>,
    /// With whom the appointment is
    #[arg(long, requires = "appointment")]
    salesperson: Option<String>,
    /// A note
    #[arg(long)]
    note: Option<String>,
}

/// Reads an amount such as `149.90`, `149,9` or `150` as cents.
fn cents(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no amount such as 149.90");
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    format!("{whole}{part:0<2}").parse().map_err(|_| wrong())
}

impl Qualify {
    pub(super) fn run(self, client: &Client, output: &Output) -> Outcome {
        let (place, salesperson) = (self.place, self.salesperson);
        let request = QualifyRequest {
            disposition: self.disposition,
            call: self.call,
            callback_at: self.callback,
            callback_personal: self.personal,
            details: Details {
                notes: self.note,
                amount_cents: self.amount,
                appointment: self.appointment.map(|at| Appointment { at, place, salesperson }),
                ..Details::default()
            },
        };
        let names = [self.name];
        let acted = wait_for(each(client, output, &names, "qualify", &request))?;
        acted.show(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_cents() {
        let good = [("149.90", 14_990), ("149,9", 14_990), ("150", 15_000), ("0.05", 5)];
        for (text, expected) in good {
            assert_eq!(cents(text), Ok(expected), "{text}");
        }
        for bad in ["", ".5", "1.234", "-3", "1 000", "a", "99999999999999999999"] {
            assert!(cents(bad).is_err(), "{bad}");
        }
    }
}

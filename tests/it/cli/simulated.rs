//! What `cadran simulate` makes of its scenarios.

use std::error::Error;
use std::fs;

use serde_json::Value;

use super::{Claim, cadran, code, json, text};

/// The figures of the cells of a command, all that depends on the seed alone.
fn figures(words: &[&str]) -> Result<Vec<Value>, Box<dyn Error>> {
    let output = cadran().arg("simulate").args(words).arg("--json").output()?;
    assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
    let mut cells: Vec<Value> = serde_json::from_value(json(&output)?)?;
    for cell in cells.iter_mut().filter_map(Value::as_object_mut) {
        cell.retain(|key, _| !key.starts_with("decision_ns"));
    }
    Ok(cells)
}

#[test]
fn a_cap_of_the_command_line_is_every_campaigns_as_the_files_is() -> Claim {
    let folder = tempfile::tempdir()?;
    let hours = fs::read_to_string("tests/it/scenarios/hard/two_campaigns.toml")?;
    let short = hours.replace("day_s = 21600.0", "day_s = 2400.0");
    let how = ["--agents", "6", "--days", "1", "--mode", "predictive,vici-average"];
    for shared in ["", "shared_rate = true\n"] {
        let file = |cap: &str| {
            let path = folder.path().join(format!("cap_{cap}.toml"));
            let text = short.replace("cap = 0.03", &format!("cap = {cap}"));
            fs::write(&path, format!("{shared}{text}")).map(|()| path)
        };
        let (three, twenty) = (file("0.03")?, file("0.2")?);
        let path = |path: &std::path::Path| path.display().to_string();
        let (three, twenty) = (path(&three), path(&twenty));
        let swept = figures(&[&["sweep", &three, "--cap", "20%"][..], &how].concat())?;
        assert_eq!(swept, figures(&[&["run", &twenty][..], &how].concat())?);
    }
    Ok(())
}

//! What `cadran simulate` makes of its scenarios: their caps, their names, and the page that
//! judges the pacer by its figures.

use std::error::Error;
use std::fs;
use std::process::Command;

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

#[test]
fn two_scenarios_of_one_name_are_refused() -> Claim {
    let folder = tempfile::tempdir()?;
    let today = "tests/it/scenarios/hard/forty_minutes.toml";
    let tomorrow = folder.path().join("tomorrow.toml");
    fs::write(&tomorrow, fs::read_to_string(today)?)?;
    for (word, lang, told) in [
        ("compare", "en", "are both named \"forty_minutes\""),
        ("plot", "fr", "portent tous deux le nom \"forty_minutes\""),
    ] {
        let mut command = cadran();
        command.args(["simulate", word, today, "--agents", "1", "--days", "1"]).arg(&tomorrow);
        let output = command.args(["--mode", "progressive", "--lang", lang]).output()?;
        assert_eq!(code(&output)?, 3, "{word}");
        let said = text(&output.stderr)?;
        assert!(said.contains(told) && said.contains("tomorrow.toml"), "{said}");
        assert!(said.contains("`name`"), "what to do is not said: {said}");
    }
    Ok(())
}

#[test]
fn the_page_of_the_pacer_claims_no_more_than_its_cells_tell() -> Claim {
    let folder = tempfile::tempdir()?;
    let (cells, page) = (folder.path().join("cells.jsonl"), folder.path().join("page.md"));
    let scenario = "tests/it/scenarios/hard/forty_minutes.toml";
    let how = ["--agents", "2", "--days", "1", "--seed", "1", "--mode", "predictive"];
    let mut cell = figures(&[&["run", scenario][..], &how].concat())?.remove(0);
    // As if it were a cell of the goals.
    for (key, value) in [("scenario", "b2b"), ("program", "0123abc"), ("date", "2026-01-05")] {
        cell[key] = value.into();
    }
    (cell["agents"], cell["abandon_first_5_min"]) = (20.into(), 0.05.into());
    // 4 of 100 in minutes 10 to 15 stray a point from the mean; the second hour is not judged.
    let answers = vec![100; 13];
    let abandoned = [[5, 3, 4].as_slice(), &[3; 9], &[50]].concat();
    (cell["abandon"], cell["answers_by_5_min"]) = (0.03.into(), answers.into());
    cell["abandoned_by_5_min"] = abandoned.into();
    fs::write(&cells, format!("{cell}\n"))?;
    let mut script = Command::new("python3");
    script.args(["scripts/pacing", "--table"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    script.env("CADRAN_CELLS", &cells).env("PACING_PAGE", &page).env("PACING_SEED", "1");
    let made = script.output()?;
    assert!(made.status.success(), "{}", text(&made.stderr)?);
    let page = fs::read_to_string(&page)?;
    let (_, start) = page.split_once("## Cold start").ok_or("the cold start is not judged")?;
    let row = start.lines().find(|line| line.starts_with("| 20 |")).ok_or("no row")?;
    assert!(row.ends_with("| b2b | 5.0 | b2b | +1.0 | held in 1 of 7 |"), "{row}");
    let (_, short) = page.split_once("## Short of the goals").ok_or("no list")?;
    assert!(short.contains("Cold start: N = 20, held in 1 of 7"), "{short}");
    Ok(())
}

//! The command line as its users meet it: the built program, its output and its exit codes.

mod audit;
mod called_back;
mod compliance;
mod consent;
mod corrected;
mod dnc;
mod faults;
mod gdpr;
mod law;
mod lists;
mod mistakes;
mod names;
mod newcomer;
mod order;
mod outside;
mod pilot;
mod protected;
mod routes;
pub(crate) mod running;
mod scanned;
mod shown;
mod silent;
mod simulated;
mod skills;
mod why;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

type Claim = Result<(), Box<dyn Error>>;

/// The program, told nothing by the environment.
fn cadran() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cadran"));
    for name in ["CADRAN_CONFIG", "CADRAN_SOCKET", "CADRAN_LANG", "CADRAN_LOG", "LC_ALL"] {
        command.env_remove(name);
    }
    command.env("LANG", "C").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(arguments: &[&str]) -> Result<Output, Box<dyn Error>> {
    Ok(cadran().args(arguments).output()?)
}

fn text(bytes: &[u8]) -> Result<&str, Box<dyn Error>> {
    Ok(std::str::from_utf8(bytes)?)
}

fn code(output: &Output) -> Result<i32, Box<dyn Error>> {
    output.status.code().ok_or_else(|| format!("ended by a signal: {output:?}").into())
}

/// Reads standard output as one JSON value, and nothing else.
fn json(output: &Output) -> Result<serde_json::Value, Box<dyn Error>> {
    let text = text(&output.stdout)?;
    serde_json::from_str(text).map_err(|error| format!("{error} in {text:?}").into())
}

/// Lists the commands that a help text names.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = lines.take_while(|line| line.starts_with("  "));
    let names = named.filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_explains_itself_with_an_example_first() -> Claim {
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut leaves = 0;
    while let Some(path) = open.pop() {
        let output = cadran().args(&path).arg("--help").output()?;
        let help = text(&output.stdout)?;
        assert_eq!(code(&output)?, 0, "{path:?}");
        let inner = commands(help);
        if inner.is_empty() || path.is_empty() {
            leaves += 1;
            let example =
                help.find("Examples:\n  cadran").ok_or_else(|| format!("{path:?}: no example"))?;
            let usage = help.find("Usage:").ok_or_else(|| format!("{path:?}: no usage"))?;
            assert!(example < usage, "{path:?}: the example comes late");
        }
        for name in inner {
            open.push([path.clone(), vec![name]].concat());
        }
    }
    assert!(leaves >= 38, "only {leaves} commands were found");
    Ok(())
}

#[test]
fn without_arguments_it_helps_and_says_that_it_wanted_some() -> Claim {
    let output = run(&[])?;
    assert_eq!(code(&output)?, 2);
    assert!(text(&output.stderr)?.contains("Examples:"));
    assert_eq!(text(&output.stdout)?, "");
    Ok(())
}

#[test]
fn flags_stand_before_and_after_the_command() -> Claim {
    let before = run(&["--json", "--lang", "fr", "help", "exit-codes"])?;
    let after = run(&["help", "exit-codes", "--lang", "fr", "--json"])?;
    assert_eq!(before, after);
    Ok(())
}

#[test]
fn exit_codes_are_documented_and_complete() -> Claim {
    let codes: Vec<_> = json(&run(&["help", "exit-codes", "--json"])?)?
        .as_array()
        .ok_or("no list")?
        .iter()
        .filter_map(|row| row.get("code").and_then(serde_json::Value::as_u64))
        .collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md"))?;
    for code in codes {
        assert!(page.contains(&format!("| {code} |")), "docs/cli.md does not explain {code}");
    }
    Ok(())
}

#[test]
fn each_way_to_fail_has_its_code() -> Claim {
    let nowhere = ["--socket", "/nonexistent/cadran.sock"];
    let cases: [(&[&str], i32); 9] = [
        (&["version"], 0),
        (&["help", "teapot"], 5),
        (&["campain"], 2),
        (&["campaign", "start"], 2),
        (&["stats", "--last", "24"], 2),
        (&["campaign", "list", "--config", "/nonexistent/cadran.toml"], 3),
        (&["campaign", "list", nowhere[0], nowhere[1]], 7),
        (&["replay", "verify", "/nonexistent/tape"], 5),
        (&["replay", "verify", "Cargo.toml"], 3),
    ];
    for (arguments, expected) in cases {
        let output = run(arguments)?;
        assert_eq!(code(&output)?, expected, "{arguments:?}: {}", text(&output.stderr)?);
    }
    Ok(())
}

#[test]
fn failures_in_json_leave_standard_output_empty() -> Claim {
    let output = run(&["campaign", "list", "--json", "--socket", "/nonexistent/cadran.sock"])?;
    assert_eq!(text(&output.stdout)?, "");
    let told: serde_json::Value = serde_json::from_slice(&output.stderr)?;
    assert_eq!(told.get("code"), Some(&"engine_unreachable".into()));
    assert!(told.get("hint").is_some_and(serde_json::Value::is_string));
    Ok(())
}

#[test]
fn a_wrong_command_line_is_told_in_json_like_any_failure() -> Claim {
    let cases: [(&[&str], &str, &str); 6] = [
        (&["--json", "campain"], "unrecognized subcommand 'campain'", "'campaign'"),
        (&["campaign", "start", "--json"], "required arguments", "Usage:"),
        (&["stats", "--last", "24", "--json"], "'--last <TIME>'", "--help"),
        (&["call", "list", "--outcome", "zzz", "--json"], "'zzz'", "no_answer"),
        (&["--json"], "requires a subcommand", "Usage:"),
        (&["--json", "campaign"], "a command is missing", "cadran help"),
    ];
    for (arguments, message, hint) in cases {
        let output = run(arguments)?;
        assert_eq!(code(&output)?, 2, "{arguments:?}");
        assert_eq!(text(&output.stdout)?, "", "{arguments:?}");
        let told: serde_json::Value = serde_json::from_slice(&output.stderr)?;
        assert_eq!(told.get("code"), Some(&"usage".into()), "{told}");
        let says = |key: &str| told.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        assert!(says("message").contains(message), "{told}");
        assert!(says("hint").contains(hint) || says("message").contains(hint), "{told}");
    }
    let output = run(&["campain", "--", "--json"])?;
    assert!(text(&output.stderr)?.starts_with("error: "), "behind -- stands a value: {output:?}");
    Ok(())
}

#[test]
fn data_is_pure_json_where_it_is_asked_for() -> Claim {
    let project = crate::campaigns::project()?;
    let config = project.path().join("cadran.toml");
    let config = config.to_str().ok_or("a path that is no text")?;
    let list = "campaigns/lists/vente.csv";
    let scenario = "tests/it/scenarios/appointment.toml";
    let cases: [&[&str]; 5] = [
        &["version"],
        &["help", "exit-codes"],
        &["campaign", "validate", "--config", config],
        &["list", "import", list, "--campaign", "vente", "--dry-run", "--config", config],
        &["simulate", "run", scenario, "--agents", "4"],
    ];
    for arguments in cases {
        let output = cadran().args(arguments).arg("--json").output()?;
        assert_eq!(code(&output)?, 0, "{arguments:?}: {}", text(&output.stderr)?);
        json(&output)?;
    }
    Ok(())
}

#[test]
fn nothing_is_coloured_away_from_a_terminal() -> Claim {
    let cases: [&[&str]; 4] =
        [&["--help"], &["campain"], &["doctor"], &["campaign", "validate", "nowhere.toml"]];
    for arguments in cases {
        let output = run(arguments)?;
        let printed = [output.stdout, output.stderr].concat();
        assert!(!printed.contains(&0x1b), "{arguments:?} prints escapes");
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bytes() -> Claim {
    let scenario = "tests/it/scenarios/b2b.toml";
    let arguments = ["simulate", "run", scenario, "--agents", "2", "--seed", "7", "--plain"];
    assert_eq!(run(&arguments)?.stdout, run(&arguments)?.stdout);
    Ok(())
}

#[test]
fn a_simulation_prints_a_cell_for_every_scenario_pool_and_dialer() -> Claim {
    let [b2b, churn] = ["b2b", "churn"].map(|name| format!("tests/it/scenarios/{name}.toml"));
    let modes = "progressive,vici-average,osdial";
    let arguments =
        ["simulate", "run", &b2b, &churn, "--agents", "1,2", "--days", "2", "--mode", modes];
    let output = cadran().args(arguments).arg("--json").output()?;
    assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
    let cells = json(&output)?;
    let cells = cells.as_array().ok_or("no array")?;
    let name = |cell: &serde_json::Value| {
        let word = |key: &str| cell.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        (word("scenario"), cell.get("agents").and_then(serde_json::Value::as_u64), word("mode"))
    };
    let names: BTreeSet<_> = cells.iter().map(name).collect();
    assert_eq!((cells.len(), names.len()), (12, 12), "{names:?}");
    for cell in cells {
        for key in [
            "days",
            "occupancy",
            "abandon",
            "worst_day",
            "days_over",
            "talk_min_per_hour",
            "idle_s_per_call",
            "decision_ns",
        ] {
            assert!(cell.get(key).is_some_and(serde_json::Value::is_number), "{key}: {cell}");
        }
        let days = cell.get("days_occupancy").and_then(serde_json::Value::as_array);
        let shares = days.map(|days| days.iter().filter_map(serde_json::Value::as_f64));
        let count = shares.map(|all| all.filter(|share| (0.0..=1.0).contains(share)).count());
        assert_eq!(count, Some(2), "{cell}");
    }
    Ok(())
}

#[test]
fn rejected_records_are_kept_beside_the_list_with_reason_and_fix() -> Claim {
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("mars.csv");
    fs::write(&list, "nom;tel\nA;01 99 00 00 01\nB;3,36E+10\nC;\n")?;
    let output = cadran()
        .args(["list", "import", "--campaign", "x", "--dry-run", "--json"])
        .arg(&list)
        .output()?;
    assert_eq!(code(&output)?, 8);
    let report = json(&output)?;
    let count = |key: &str| report.get(key).and_then(serde_json::Value::as_u64);
    assert_eq!(
        (count("rows"), count("importable"), count("rejected"), count("repaired")),
        (Some(3), Some(1), Some(2), Some(0))
    );
    let rejects = fs::read_to_string(folder.path().join("mars.rejets.csv"))?;
    let lines: Vec<_> = rejects.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().any(|line| line.starts_with("B;3,36E+10;3;number_lost;")), "{rejects}");
    assert!(lines.iter().any(|line| line.starts_with("C;;4;number_missing;")), "{rejects}");
    Ok(())
}

#[test]
fn a_dry_run_looks_the_campaign_up_and_doubts_the_country() -> Claim {
    let project = crate::campaigns::project()?;
    let dry_run = |file: &str, campaign: &str| {
        let list = project.path().join(file);
        let mut command = cadran();
        command.args(["list", "import", "--dry-run", "--campaign", campaign]).arg(list);
        command.current_dir(project.path()).output()
    };
    fs::write(project.path().join("uk.csv"), "name;phone\nA;020 7946 0001\nB;020 7946 0002\n")?;
    let unknown = dry_run("uk.csv", "prospection-rf")?;
    assert_eq!(code(&unknown)?, 5);
    assert!(text(&unknown.stderr)?.contains("did you mean `prospection-fr`?"), "{unknown:?}");
    let foreign = dry_run("uk.csv", "predictive-uk")?;
    assert_eq!(code(&foreign)?, 8);
    assert!(text(&foreign.stderr)?.contains("--region GB"), "{foreign:?}");
    let own = dry_run("campaigns/lists/vente.csv", "vente")?;
    assert_eq!(code(&own)?, 0);
    assert!(!text(&own.stderr)?.contains("--region"), "{own:?}");
    Ok(())
}

#[test]
fn rejects_are_found_on_their_line_whatever_ends_it() -> Claim {
    let folder = tempfile::tempdir()?;
    let lines = ["nom;tel", "A;01 99 00 00 01", "B;3,36E+10", "\"C\nc\";01 99 00 00 02", "D;"];
    for (head, end, expected) in
        [("", "\n", [3, 6]), ("", "\r\n", [3, 6]), ("sep=;\r\n", "\r\n", [4, 7])]
    {
        let list = folder.path().join("mars.csv");
        fs::write(&list, format!("{head}{}{end}", lines.join(end)))?;
        let output = cadran()
            .args(["list", "import", "--campaign", "x", "--dry-run", "--json"])
            .arg(&list)
            .output()?;
        let report = json(&output)?;
        let line = |place: usize| report.pointer(&format!("/examples/{place}/line"));
        let found = [line(0), line(1)].map(|line| line.and_then(serde_json::Value::as_u64));
        assert_eq!(found, expected.map(Some), "{head:?} {end:?}");
    }
    Ok(())
}

#[test]
fn completions_and_manual_pages_cover_the_tree() -> Claim {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = run(&["completions", shell])?;
        assert!(text(&output.stdout)?.contains("campaign"), "{shell}");
    }
    let folder = tempfile::tempdir()?;
    let pages = folder.path().join("share/man1");
    let output = cadran().args(["man", "--to"]).arg(&pages).output()?;
    assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
    assert!(pages.join("cadran-campaign-start.1").is_file());
    Ok(())
}

#[test]
fn the_doctor_looks_at_the_folder_of_tapes() -> Claim {
    let project = crate::campaigns::project()?;
    let path = project.path().join("cadran.toml");
    let engine = fs::read_to_string(&path)?;
    let engine = engine.replace("# tapes = \"tapes\"", "tapes = \"no/tapes\"");
    fs::write(&path, engine)?;
    let output = cadran().args(["doctor", "--json"]).current_dir(project.path()).output()?;
    let checks = json(&output)?;
    let checks = checks.as_array().ok_or("no list")?;
    let tapes = checks.iter().find(|check| check.get("what") == Some(&"tapes".into()));
    let tapes = tapes.ok_or("the tapes are not looked at")?;
    assert_eq!(tapes.get("verdict"), Some(&"wrong".into()), "{tapes}");
    Ok(())
}

#[test]
fn what_a_simulation_makes_nothing_of_is_said_aloud() -> Claim {
    let scenario = "tests/it/scenarios/hard/forty_minutes.toml";
    let told = |more: &[&str]| -> Result<String, Box<dyn Error>> {
        let arguments = ["simulate", "run", scenario, "--agents", "2", "--lang", "en"];
        let output = cadran().args(arguments).args(more).output()?;
        assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
        Ok(text(&output.stderr)?.to_owned())
    };
    let forgetful = told(&["--mode", "predictive,power", "--prior", "learn", "--days", "2"])?;
    assert!(forgetful.contains("--prior changes nothing for power:"), "{forgetful}");
    assert!(forgetful.contains("An interval of 2 days is wide"), "{forgetful}");
    let french = ["simulate", "run", scenario, "--agents", "2", "--days", "5", "--lang", "fr"];
    let shown = cadran().args(french).output()?;
    let occupancy = text(&shown.stdout)?.lines().find(|line| line.contains("occupation"));
    let occupancy = occupancy.ok_or("no occupancy")?;
    assert!(occupancy.contains(',') && !occupancy.contains('.'), "{occupancy}");
    let learns = told(&["--mode", "predictive", "--prior", "learn", "--days", "5"])?;
    assert!(!learns.contains("--prior") && !learns.contains("interval"), "{learns}");
    let lines = told(&["--lines", "3"])?;
    assert!(lines.contains("--lines changes nothing here"), "{lines}");
    let lines = told(&["--lines", "3", "--mode", "progressive,power"])?;
    assert!(!lines.contains("--lines"), "{lines}");
    Ok(())
}

#[test]
fn a_scenario_that_is_none_is_told_with_its_line() -> Claim {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("day.toml");
    let good = fs::read_to_string("tests/it/scenarios/b2b.toml")?;
    for (from, to, place) in [
        ("cap = 0.03", "cap = 3.0", "day.toml:4:7: cap is 3: it must be"),
        ("cap = 0.03", "cap = 0.03\ncaps = 1", "day.toml:5:1: unknown field `caps`"),
    ] {
        fs::write(&file, good.replacen(from, to, 1))?;
        let output = cadran().args(["simulate", "run"]).arg(&file).output()?;
        assert_eq!(code(&output)?, 3);
        assert!(text(&output.stderr)?.contains(place), "{}", text(&output.stderr)?);
    }
    Ok(())
}

#[test]
fn a_comparison_sets_the_others_beside_the_first() -> Claim {
    let scenario = "tests/it/scenarios/hard/forty_minutes.toml";
    let modes = "progressive,vici-average";
    let arguments = ["simulate", "compare", scenario, "--agents", "4", "--days", "3"];
    let output = cadran().args(arguments).args(["--mode", modes, "--json"]).output()?;
    assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
    let rows = json(&output)?;
    let difference = |nth: usize| {
        let row = rows.get(nth)?;
        let of = |key: &str| row.get(key).and_then(serde_json::Value::as_f64);
        Some((of("occupancy_difference")?, of("occupancy_difference_ci95")?))
    };
    assert_eq!(difference(0), Some((0.0, 0.0)), "{rows}");
    assert!(difference(1).is_some_and(|(_, half_width)| half_width > 0.0), "{rows}");
    Ok(())
}

#[test]
fn a_sweep_goes_through_caps_and_a_plot_loads_nothing() -> Claim {
    let folder = tempfile::tempdir()?;
    let scenario = "tests/it/scenarios/hard/forty_minutes.toml";
    let few = [scenario, "--agents", "2,4", "--days", "2"];
    let sweep = ["simulate", "sweep", "--cap", "1%,3%", "--json"];
    let output = cadran().args(sweep).args(few).output()?;
    assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
    assert_eq!(json(&output)?.as_array().map(Vec::len), Some(4));
    let file = |name| folder.path().join(name);
    let (html, svg, png) = (file("days.html"), file("days.svg"), file("days.png"));
    let mut plot = cadran();
    plot.args(["simulate", "plot", "--mode", "progressive,vici-average", "--lang", "fr"]);
    let output = plot.args(few).arg("--html").arg(&html).arg("--svg").arg(&svg).output()?;
    assert_eq!(code(&output)?, 0, "{}", text(&output.stderr)?);
    assert!(text(&output.stdout)?.contains('█'), "no bar");
    let page = fs::read_to_string(&html)?;
    assert!(page.contains("Occupation selon l'équipe") && page.contains("vici-average"));
    for name in [&html, &svg] {
        let text = fs::read_to_string(name)?;
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        for word in ["http", "//", "url(", "@import", "src=", "href="] {
            assert!(!elsewhere.contains(word), "{}: {word}", name.display());
        }
        well_formed(&text).map_err(|wrong| format!("{}: {wrong}", name.display()))?;
    }
    // A dialer has its own colour, whoever else is drawn and in whatever order.
    let color = |svg: &Path, name: &str| -> Result<String, Box<dyn Error>> {
        let drawn = fs::read_to_string(svg)?;
        let (before, _) = drawn.split_once(&format!("\" data-name=\"{name}\"")).ok_or("undrawn")?;
        let (_, class) = before.rsplit_once("class=\"").ok_or("no class")?;
        Ok(class.split(' ').nth(1).ok_or("no colour")?.to_owned())
    };
    let turned = file("turned.svg");
    let mut plot = cadran();
    plot.args(["simulate", "plot", "--mode", "vici-average,power,progressive", "--svg"]);
    assert_eq!(code(&plot.arg(&turned).args(few).output()?)?, 0);
    for name in ["progressive", "vici-average"] {
        assert_eq!(color(&svg, name)?, color(&turned, name)?, "{name}");
    }
    assert_ne!(color(&svg, "progressive")?, color(&svg, "vici-average")?);
    // A machine without a font draws no picture, and says so.
    let drawn = cadran()
        .args(["simulate", "plot", "--mode", "progressive", "--agents", "2", "--days", "1"])
        .arg(scenario)
        .arg("--png")
        .arg(&png)
        .output()?;
    if code(&drawn)? == 0 {
        let picture = fs::read(&png)?;
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
        // Width and height of the header chunk (PNG, third edition, 11.2.1): twice the SVG's.
        assert_eq!(picture.get(16..20), Some(&1_584_u32.to_be_bytes()[..]));
        assert!(picture.len() > 20_000, "an empty picture: {} bytes", picture.len());
    } else {
        assert!(text(&drawn.stderr)?.contains("fonts-dejavu-core"), "{}", text(&drawn.stderr)?);
    }
    Ok(())
}

/// Says which tag of a page closes what was never opened, or is never closed.
fn well_formed(page: &str) -> Result<(), String> {
    const VOID: [&str; 2] = ["meta", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').ok_or("a tag never ends")?;
        rest = after;
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("an attribute never ends in <{tag}>"));
        }
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes what is not open"));
            }
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
            // What stands in a script or a style sheet is no tag.
            if matches!(name, "script" | "style") {
                let end = rest.find("</").ok_or("a script never ends")?;
                rest = &rest[end..];
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}")) }
}

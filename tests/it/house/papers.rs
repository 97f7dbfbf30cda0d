//! The rules about what is not Rust: the map, the decisions, the scripts, the container.

use std::collections::BTreeSet;
use std::{fs, io};

use super::none;
use super::scan::{files, read_below, relative, root, words};

fn read(path: &str) -> io::Result<String> {
    let told = |error| io::Error::other(format!("{path}: {error}"));
    fs::read_to_string(root().join(path)).map_err(told)
}

/// Gives what a Markdown text sets in `backticks`.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Gives every folder below `src/` that holds more than tests, as `core/pacing/`.
fn rooms() -> io::Result<BTreeSet<String>> {
    let mut rooms = BTreeSet::new();
    for path in files(&root().join("src"))? {
        let path = relative(&path);
        let proof = path.ends_with("/tests.rs") || path.contains("/tests/");
        let mut folder = if proof { "src" } else { path.as_str() };
        while let Some((parent, _)) = folder.rsplit_once('/').filter(|(up, _)| *up != "src") {
            rooms.insert(format!("{}/", parent.trim_start_matches("src/")));
            folder = parent;
        }
    }
    Ok(rooms)
}

#[test]
fn every_folder_is_in_the_map_and_the_map_has_no_other() -> io::Result<()> {
    let map = read("ARCHITECTURE.md")?;
    let named: BTreeSet<_> = quoted(&map).filter(|name| name.ends_with('/')).collect();
    let rooms = rooms()?;
    let missing = rooms.iter().filter(|room| !named.contains(room.as_str()));
    let invented = named.iter().filter(|name| {
        let place = root().join(name);
        !rooms.contains(**name) && !place.is_dir()
    });
    let mut found: Vec<_> = missing.map(|room| format!("not in the map: src/{room}")).collect();
    found.extend(invented.map(|name| format!("in the map alone: {name}")));
    none(&found);
    Ok(())
}

#[test]
fn every_test_the_map_names_exists() -> io::Result<()> {
    let sources = read_below(&["src", "tests"])?;
    let code: BTreeSet<_> = sources.iter().flat_map(|source| words(&source.raw)).collect();
    let names: BTreeSet<_> = code.into_iter().map(|(_, word)| word).collect();
    let map = read("ARCHITECTURE.md")?;
    let tests = quoted(&map).filter_map(|name| name.strip_prefix("it::")).collect::<Vec<_>>();
    let part = map.split("## Invariants").nth(1).and_then(|rest| rest.split("\n## ").next());
    let invariants: Vec<_> = part
        .unwrap_or_default()
        .split("\n\n")
        .nth(1)
        .into_iter()
        .flat_map(|list| list.split(". **").skip(1))
        .collect();
    assert_eq!(invariants.len(), 6);
    assert!(invariants.iter().all(|text| text.contains("`it::")), "each names its test");
    let missing = tests.iter().filter(|test| {
        let name = test.rsplit("::").next().unwrap_or(test);
        !names.contains(name)
    });
    none(&missing.map(|test| format!("ARCHITECTURE.md names `it::{test}`")).collect::<Vec<_>>());
    Ok(())
}

/// Gives the pages that people read, by their path.
fn pages() -> io::Result<Vec<String>> {
    let mut pages = ["README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG"]
        .map(|page| format!("{page}.md"))
        .to_vec();
    let below = files(&root().join("docs"))?.into_iter().map(|path| relative(&path));
    pages.extend(below.filter(|path| path.ends_with(".md") && !path.contains("/results/")));
    Ok(pages)
}

#[test]
fn every_place_a_page_names_exists() -> io::Result<()> {
    let ours = ["src/", "tests/", "docs/", "scripts/", "benches/", "campaigns/", "migrations/"];
    let mut found = Vec::new();
    for page in pages()? {
        let text = read(&page)?;
        let folder = root().join(&page).parent().map(Into::into).unwrap_or_else(root);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = links.filter(|link| !link.contains("://")).map(|link| folder.join(link));
        let named = quoted(&text).filter(|name| ours.iter().any(|place| name.starts_with(place)));
        let named = named.filter(|name| !name.contains(['*', '<', '{', ' ']));
        for place in links.chain(named.map(|name| root().join(name))) {
            if !place.exists() {
                found.push(format!("{page}: there is no {}", relative(&place)));
            }
        }
    }
    none(&found);
    Ok(())
}

#[test]
fn every_dependency_has_its_line_in_the_decisions() -> io::Result<()> {
    let manifest = read("Cargo.toml")?;
    let decision = read("docs/adr/0007-dependencies.md")?;
    let reasons: BTreeSet<_> = quoted(&decision).collect();
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        }
        let name = line.split_once(" = ").map(|(name, _)| name).filter(|_| inside);
        if let Some(name) = name.filter(|name| !reasons.contains(name)) {
            found.push(format!("Cargo.toml: `{name}` has no line in docs/adr/0007"));
        }
    }
    none(&found);
    Ok(())
}

#[test]
fn decisions_are_numbered_without_a_gap() -> io::Result<()> {
    let paths = files(&root().join("docs/adr"))?;
    let mut found = Vec::new();
    for (path, number) in paths.iter().zip(1..) {
        let path = relative(path);
        if !path.starts_with(&format!("docs/adr/{number:04}-")) {
            found.push(format!("{path}: should be number {number:04}"));
        }
        let text = read(&path)?;
        for part in ["## Context", "## Decision", "## What it costs", "## What would change"] {
            if !text.contains(part) {
                found.push(format!("{path}: has no `{part}`"));
            }
        }
    }
    none(&found);
    Ok(())
}

/// A page's configuration is read as the engine reads it; each block begins with its file's name.
#[cfg(feature = "engine")]
#[test]
fn the_configuration_on_a_page_is_valid() -> Result<(), Box<dyn std::error::Error>> {
    for (name, campaigns) in [("docs/testing.md", 1), ("docs/operations.md", 0)] {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("campaigns"))?;
        let page = read(name)?;
        let blocks = page.split("```toml\n# ").skip(1).filter_map(|rest| rest.split("```").next());
        for (file, text) in blocks.filter_map(|block| block.split_once('\n')) {
            fs::write(folder.path().join(file), text)?;
        }
        let mut config = cadran::config::Config::load(&folder.path().join("cadran.toml"))?;
        // A page may leave the campaigns to others.
        let empty = folder.path().join("campaigns");
        config.warnings.retain(|warning| campaigns > 0 || warning.path != empty);
        assert_eq!((config.campaigns.len(), config.warnings), (campaigns, Vec::new()), "{name}");
    }
    Ok(())
}

#[test]
fn nothing_names_the_machine_it_was_written_on() -> io::Result<()> {
    let homes = ["root", "work", "home"].map(|home| format!("/{home}/"));
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches", "scripts", "campaigns", "migrations"] {
        let folder = root().join(folder);
        paths.extend(if folder.is_dir() { files(&folder)? } else { Vec::new() });
    }
    paths.extend(pages()?.iter().map(|page| root().join(page)));
    paths.push(root().join("Cargo.toml"));
    let mut found = Vec::new();
    for path in paths {
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        for (line, row) in text.lines().zip(1..) {
            if homes.iter().any(|home| line.contains(home.as_str())) {
                found.push(format!("{}:{row}: {}", relative(&path), line.trim()));
            }
        }
    }
    none(&found);
    Ok(())
}

#[test]
fn everything_that_judges_the_house_runs_one_script() -> io::Result<()> {
    let ci = read(".ci/run")?;
    let lines = |text: &str| -> Vec<String> {
        let spoken = text.lines().map(str::trim);
        spoken.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Into::into).collect()
    };
    assert_eq!(lines(&ci).last().map(String::as_str), Some("exec scripts/test"), "{ci}");
    let workflow = read(".github/workflows/ci.yml")?;
    assert!(lines(&workflow).iter().any(|line| line.ends_with("scripts/test")), "{workflow}");
    for script in [".ci/run", "scripts/test", "scripts/long"] {
        let text = read(script)?;
        assert!(text.starts_with("#!/usr/bin/env bash\n"), "{script} names its interpreter");
        assert!(text.contains("\nset -euo pipefail\n"), "{script} stops at the first error");
        assert!(is_executable(script)?, "{script} may be run");
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(path: &str) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(root().join(path))?.permissions().mode() & 0o111 != 0)
}

#[test]
fn the_container_is_unprivileged_pinned_and_polite() -> io::Result<()> {
    let image = read("Dockerfile")?;
    let compose = read("docker-compose.yml")?;
    let mut found = Vec::new();
    let mut want = |place: &str, text: &str, line: &str, why: &str| {
        if !text.lines().any(|written| written.trim().starts_with(line)) {
            found.push(format!("{place}: no `{line}`: {why}"));
        }
    };
    want("Dockerfile", &image, "USER ", "it must not run as the superuser");
    want("Dockerfile", &image, "HEALTHCHECK ", "an orchestrator must see it fail");
    want("Dockerfile", &image, "ENTRYPOINT [\"cadran\"", "signals must reach the program itself");
    want("compose", &compose, "network_mode: host", "a proxy in front of RTP hides addresses");
    want("compose", &compose, "stop_grace_period: 15m", "conversations end before it does");
    want("compose", &compose, "secrets:", "secrets are files, not variables");
    want("compose", &compose, "read_only: true", "it writes to its volume alone");
    let loose = image.lines().filter(|line| line.starts_with("FROM ") && line.contains(":latest"));
    found.extend(loose.map(|line| format!("Dockerfile: `{line}` is not pinned")));
    none(&found);
    Ok(())
}

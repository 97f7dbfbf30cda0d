//! Scenes: text tables of facts and the orders they must bring, one rule a file.
//!
//! A file opens with settings, one thing a line, then holds a table of `time  fact  >  order`.
//! Several facts of one batch are parted by `;`, several orders stand on lines of their own. A row
//! `wake` is the dialer's own: it woke by itself and ordered something. `UPDATE=1` rewrites every
//! table with what happens now.

mod play;
mod words;

use std::path::{Path, PathBuf};
use std::{fs, io};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenes")
}

fn scenes() -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "scene") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[test]
fn every_scene_plays_as_written() -> Result<(), Box<dyn std::error::Error>> {
    let paths = scenes()?;
    assert!(paths.len() >= 25, "only {} scenes found in {:?}", paths.len(), folder());
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let written = fs::read_to_string(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let played = play::play(&written).map_err(|problem| format!("{name}: {problem}"))?;
        if update {
            fs::write(&path, played)?;
        } else if played != written {
            wrong.push(format!("{name} plays otherwise:\n{}", difference(&written, &played)));
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE=1 rewrites the tables)", wrong.join("\n"));
    Ok(())
}

fn difference(written: &str, played: &str) -> String {
    let mut lines = Vec::new();
    let (mut old, mut new) = (written.lines(), played.lines());
    loop {
        match (old.next(), new.next()) {
            (None, None) => return lines.join("\n"),
            (old, new) if old == new => {}
            (old, new) => {
                lines.extend(old.map(|line| format!("- {line}")));
                lines.extend(new.map(|line| format!("+ {line}")));
            }
        }
    }
}

#[test]
fn a_scene_that_differs_is_seen() -> Result<(), String> {
    let scene = "trunk T1\n\n 0.000  K1 started                         >  campaign K1 paused\n";
    let played = play::play(scene)?;
    assert_ne!(played, scene);
    Ok(())
}

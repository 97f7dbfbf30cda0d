//! The fuzzers' corpora and every finding of theirs, replayed without a fuzzer.

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library of its own where the fuzzer runs")]
mod targets;

use std::error::Error;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What every corpus may take together: they are read by people, and grow with every clone.
const CORPORA_BYTES_MAX: u64 = 200_000;

/// Gives the files of a folder in `fuzz/`, in order; none where there is no such folder.
fn files(folder: &str) -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Gives the files kept for a target: its corpus, and what was once found wrong.
fn kept(name: &str) -> io::Result<Vec<PathBuf>> {
    let mut kept = files(&format!("corpus/{name}"))?;
    kept.extend(files(&format!("findings/{name}"))?);
    Ok(kept)
}

/// Gives every file on which a target's claims do not hold.
fn failures(target: targets::Target, files: &[PathBuf]) -> io::Result<Vec<&Path>> {
    let mut failures = Vec::new();
    for path in files {
        let data = fs::read(path)?;
        if catch_unwind(|| target(&data)).is_err() {
            failures.push(path.as_path());
        }
    }
    Ok(failures)
}

#[test]
fn every_claim_holds_on_the_corpora_and_on_past_findings() -> Result<(), Box<dyn Error>> {
    for (name, target) in targets::TARGETS {
        let kept = kept(name)?;
        assert!(kept.len() >= 3, "{name} has too small a corpus: {}", kept.len());
        let failures = failures(target, &kept)?;
        assert!(failures.is_empty(), "{name} fails on {failures:?}");
    }
    Ok(())
}

#[test]
fn every_claim_holds_on_corpora_that_were_cut_and_bent() -> Result<(), Box<dyn Error>> {
    for (name, target) in targets::TARGETS {
        for path in kept(name)? {
            let whole = fs::read(&path)?;
            for part in 1..8 {
                let mut bent = whole.clone();
                bent.truncate(whole.len() * part / 8);
                let failed = catch_unwind(|| target(&bent)).is_err();
                assert!(!failed, "{name} fails on {part}/8 of {}", path.display());
                let place = bent.len() / 2;
                if let Some(byte) = bent.get_mut(place) {
                    *byte ^= 1 << part;
                }
                let failed = catch_unwind(|| target(&bent)).is_err();
                assert!(!failed, "{name} fails on a bent {part}/8 of {}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn every_target_has_its_program_and_the_corpora_are_small() -> Result<(), Box<dyn Error>> {
    let programs = files("fuzz_targets")?;
    let names = programs.iter().filter_map(|path| path.file_stem()?.to_str());
    let mut targets = targets::TARGETS.map(|(name, _)| name);
    targets.sort_unstable();
    assert_eq!(names.collect::<Vec<_>>(), targets);
    let mut bytes = 0;
    for (name, _) in targets::TARGETS {
        for path in kept(name)? {
            bytes += fs::metadata(path)?.len();
        }
    }
    assert!(bytes <= CORPORA_BYTES_MAX, "the corpora have {bytes} bytes");
    Ok(())
}

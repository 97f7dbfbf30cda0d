//! Tapes: what a dialer did once, it does again, bit for bit; and whatever is wrong is told.

use std::path::{Path, PathBuf};

use cadran::core::{Fact, Order, Settings};
use cadran::engine::tape::{Ending, Recorder, TapeError, replay, verify};
use cadran::sim::{Witness, swarm};
use cadran::units::{CallId, Now};

type Claim = Result<(), Box<dyn std::error::Error>>;

/// Records every dialer of a world, one tape each.
struct Taping<'d> {
    dir: &'d Path,
    full: bool,
    /// Notes an order that was never given, in this batch.
    lie: Option<u64>,
    tapes: Vec<(PathBuf, u64)>,
    recorder: Option<Recorder>,
    error: Option<TapeError>,
}

impl<'d> Taping<'d> {
    fn new(dir: &'d Path) -> Self {
        Self { dir, full: false, lie: None, tapes: Vec::new(), recorder: None, error: None }
    }

    fn finish(&mut self) -> Result<(), TapeError> {
        let Some(recorder) = self.recorder.take() else { return Ok(()) };
        assert_eq!(recorder.lost(), 0, "the disk of this machine is too slow for the test");
        recorder.finish()
    }

    fn record(mut self, seed: u64) -> Result<Vec<(PathBuf, u64)>, Box<dyn std::error::Error>> {
        swarm::run(seed, Some(&mut self))?;
        self.finish()?;
        self.error.take().map_or(Ok(self.tapes), |error| Err(error.into()))
    }
}

impl Witness for Taping<'_> {
    fn made(&mut self, settings: Settings, now: Now) {
        let path = self.dir.join(format!("{}.tape", self.tapes.len()));
        let begun = self.finish().and_then(|()| Recorder::create(&path, settings, now, self.full));
        match begun {
            Ok(recorder) => self.recorder = Some(recorder),
            Err(error) => self.error = Some(error),
        }
        self.tapes.push((path, 0));
    }

    fn batch(&mut self, now: Now, facts: &[Fact], orders: &[Order]) {
        let (Some(recorder), Some((_, batches))) = (&mut self.recorder, self.tapes.last_mut())
        else {
            return;
        };
        *batches += 1;
        recorder.begin(now, facts);
        orders.iter().for_each(|order| recorder.order(order));
        if self.lie == Some(*batches) {
            recorder.order(&Order::Comfort(CallId(0)));
        }
        recorder.end();
    }
}

#[test]
fn every_recorded_tape_replays_bit_identical() -> Claim {
    let mut tapes_seen = 0;
    for seed in 1..=12 {
        let dir = tempfile::tempdir()?;
        for (tape, batches) in Taping::new(dir.path()).record(seed)? {
            let verdict = verify(&tape)?;
            assert_eq!(verdict.ending, Ending::Same, "seed {seed}, {}", tape.display());
            assert_eq!(verdict.batches, batches, "seed {seed}, {}", tape.display());
            assert!(batches > 0, "seed {seed}: an empty tape proves nothing");
            tapes_seen += 1;
        }
    }
    assert!(tapes_seen > 12, "no world crashed: a restart was not taped");
    Ok(())
}

#[test]
fn a_changed_line_is_told_by_its_batch() -> Claim {
    let dir = tempfile::tempdir()?;
    let tapes = Taping::new(dir.path()).record(3)?;
    let (tape, _) = tapes.first().ok_or("a world has a tape")?;
    let text = std::fs::read_to_string(tape)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // Line 0 is the header, so that the batch of a line is its index.
    let changed =
        lines.get(20).ok_or("the tape is long enough")?.replacen("\"mono\":", "\"mono\":1", 1);
    lines[20] = changed;
    std::fs::write(tape, lines.join("\n") + "\n")?;
    let verdict = verify(tape)?;
    assert_eq!((verdict.batches, verdict.ending), (19, Ending::Damaged { batch: 20 }));
    Ok(())
}

#[test]
fn a_dialer_that_decides_otherwise_is_told_by_the_batch_with_both_sides() -> Claim {
    let dir = tempfile::tempdir()?;
    let mut taping = Taping::new(dir.path());
    taping.full = true;
    taping.lie = Some(7);
    let tapes = taping.record(3)?;
    let (tape, _) = tapes.first().ok_or("a world has a tape")?;
    let verdict = verify(tape)?;
    let Ending::Differs { batch, recorded: Some(recorded), replayed } = verdict.ending else {
        return Err(format!("{verdict:?}").into());
    };
    assert_eq!((batch, verdict.batches), (7, 6));
    assert_eq!(recorded.len(), replayed.len() + 1);
    assert_eq!(recorded.last(), Some(&Order::Comfort(CallId(0))));
    Ok(())
}

#[test]
fn a_tape_cut_by_a_crash_verifies_up_to_the_cut() -> Claim {
    let dir = tempfile::tempdir()?;
    let tapes = Taping::new(dir.path()).record(3)?;
    let (tape, batches) = tapes.first().ok_or("a world has a tape")?;
    let bytes = std::fs::read(tape)?;
    std::fs::write(tape, &bytes[..bytes.len() - 9])?;
    let verdict = verify(tape)?;
    assert_eq!((verdict.batches, verdict.ending), (batches - 1, Ending::CutShort));
    Ok(())
}

#[test]
fn a_replay_shows_every_batch_of_a_tape() -> Claim {
    let dir = tempfile::tempdir()?;
    let tapes = Taping::new(dir.path()).record(3)?;
    let (tape, batches) = tapes.first().ok_or("a world has a tape")?;
    let (mut seen, mut facts) = (0, 0);
    let verdict = replay(tape, &mut |_, told, _| {
        seen += 1;
        facts += told.len();
    })?;
    assert_eq!((seen, verdict.ending), (*batches, Ending::Same));
    assert!(facts > 100, "{facts} facts");
    Ok(())
}

#[test]
fn what_is_no_tape_is_refused() -> Claim {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("no.tape");
    for text in ["", "{}\n", "{\"cadran_tape\":999}\n", "\u{0}\u{1}\n"] {
        std::fs::write(&path, text)?;
        assert!(matches!(verify(&path), Err(TapeError::NoTape { .. })), "{text:?}");
    }
    Ok(())
}

//! The house rules that can be read off the source text, one function each.
//!
//! A rule takes the sources it is given and names each offence as `file:line: what is wrong`.

use super::scan::{Source, parts, words};

/// What a room of `src/` may name besides itself (`crate::` paths by their beginning).
///
/// `cli` may name everything; `lib.rs` and `main.rs` hold no code of their own.
const ARROWS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("core", &["units"]),
    ("wire", &["units"]),
    ("sound", &["units"]),
    ("sim", &["core", "units"]),
    ("engine", &["core", "units", "config", "wire::sdp", "sound", "sip", "media", "store"]),
    ("sip", &["wire", "units", "core::fact::Failure", CLOCK, TASKS]),
    ("media", &["wire", "sound", "units", CLOCK, TASKS]),
    (
        "store",
        &[
            "core",
            "units",
            "sip::Ha1",
            "sip::StoredBinding",
            "sip::StoredDialog",
            "engine::handle",
            CLOCK,
            TASKS,
        ],
    ),
    ("hooks", &["store", "core", "units", "engine::handle", CLOCK, TASKS]),
    ("config", &["core", "sim", "units"]),
    ("carrier", &["wire", "sound", "sip", "media", "units", CLOCK, TASKS]),
    ("api", &["engine", "store", "config", "hooks", "core", "units"]),
    ("desk", &["api", "engine", "store", "config", "core", "units"]),
    ("watch", &["engine::handle", "core", "units"]),
];
/// The one file that puts the shell together may also name what it starts.
const ROOT: (&str, &[&str]) = ("src/engine/boot.rs", &["hooks"]);
const CLOCK: &str = "engine::clock";
const TASKS: &str = "engine::tasks";

/// The rooms that compile without the feature `engine`.
const PURE: [&str; 5] = ["units", "core", "wire", "sound", "sim"];

/// What the pure half never names, and why.
const IMPURE: &[(&str, &str)] = &[
    ("async", "the pure half never awaits"),
    ("await", "the pure half never awaits"),
    ("Instant", "`now` is an argument"),
    ("SystemTime", "`now` is an argument"),
    ("std::fs", "no I/O"),
    ("std::io", "no I/O"),
    ("std::env", "no I/O"),
    ("std::process", "no I/O"),
    ("std::thread", "no threads"),
    ("UdpSocket", "no I/O"),
    ("TcpStream", "no I/O"),
    ("TcpListener", "no I/O"),
    ("ToSocketAddrs", "no I/O"),
    ("HashMap", "its order is random: use BTreeMap"),
    ("HashSet", "its order is random: use BTreeSet"),
    ("Mutex", "one owner, no locks"),
    ("RwLock", "one owner, no locks"),
    ("tokio", "belongs to the shell"),
    ("sqlx", "belongs to the shell"),
    ("axum", "belongs to the shell"),
    ("thread_rng", "randomness is seeded"),
    ("OsRng", "randomness is seeded"),
    ("RandomState", "randomness is seeded"),
    ("Branch::default", "draws randomness"),
    ("Tag::default", "draws randomness"),
];

/// Protocols the core has never heard of.
const FOREIGN: [&str; 7] = ["sip", "sdp", "rtp", "sql", "http", "json", "toml"];

/// What is unfinished, silenced or unproven, wherever it stands.
const UNFINISHED: &[(&str, &str)] = &[
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "debugging has ended"),
    (".unwrap()", "use `?`, or expect() with the invariant"),
    (".unwrap_err()", "use `?`, or expect_err() with the invariant"),
    ("#[allow", "use #[expect(lint, reason = \"…\")]"),
    ("#![allow", "use #![expect(lint, reason = \"…\")]"),
    ("#[ignore]", "give the reason: #[ignore = \"…\"]"),
];

/// Queues that grow until the machine is full.
const ENDLESS: &[(&str, &str)] = &[
    ("unbounded", "every queue has a limit"),
    ("unbounded_channel", "every queue has a limit"),
    ("UnboundedSender", "every queue has a limit"),
    ("mpsc::channel()", "every queue has a limit"),
];

/// The shapes outside `core` and `units` that the pure half may write down: a dialog, so that a
/// restart can end what a crash left up.
const WRITTEN: &str = "src/wire/sip/event.rs";

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 10] = [
    "util", "utils", "common", "helper", "helpers", "manager", "service", "handler", "handlers",
    "misc",
];

/// Crates that only these rooms may name.
const TENANTS: &[(&str, &[&str])] = &[
    ("hickory_resolver", &["sip"]),
    ("rsip", &["wire"]),
    ("rtp_rs", &["wire", "carrier"]),
    ("sqlx", &["store"]),
    ("axum", &["api", "desk"]),
    ("ratatui", &["watch"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli", "main"]),
    ("serde_json", &["api", "cli", "config", "desk", "engine", "hooks", "store", "watch"]),
];

/// Lints that only these files may set aside, and the true randomness that only they may draw:
/// the engine's seed and the store's key.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    ("clippy::disallowed_methods", &["src/engine/clock.rs", "src/engine/tasks.rs"]),
    ("getrandom", &["src/engine/boot.rs", "src/store/fingerprint.rs"]),
    ("clippy::print_stdout", &["src/cli/output.rs"]),
    ("clippy::print_stderr", &["src/cli/output.rs"]),
    ("clippy::await_holding_lock", &[]),
    ("clippy::unwrap_used", &[]),
    ("clippy::too_many_lines", &[]),
    ("dead_code", &[]),
    ("missing_docs", &[]),
    ("unsafe_code", &[]),
];

/// Lines of a file, tests included.
const FILE_LINES_MAX: usize = 800;
/// Lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Characters of a line; an address on the web and the row of a table may be longer.
const LINE_CHARS_MAX: usize = 100;

/// An offence, as `file:line: what is wrong`.
pub(super) type Offence = String;

fn offence(source: &Source, at: usize, what: &str) -> Offence {
    format!("{}:{}: {what}", source.path, source.line(at))
}

/// Gives the offences of each source in order.
fn each(sources: &[Source], judge: impl Fn(&Source) -> Vec<Offence>) -> Vec<Offence> {
    sources.iter().flat_map(judge).collect()
}

fn in_src(source: &Source) -> bool {
    source.path.starts_with("src/")
}

fn in_pure_half(source: &Source) -> bool {
    in_src(source) && PURE.contains(&source.room())
}

/// Finds a piece of code that stands alone, not inside a longer identifier.
fn find(code: &str, needle: &str) -> Vec<usize> {
    let is_word = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let glued = |sign: Option<char>, edge: Option<char>| {
        sign.is_some_and(is_word) && edge.is_some_and(is_word)
    };
    code.match_indices(needle)
        .filter(|(at, _)| {
            let before = code[..*at].chars().next_back();
            let after = code[at + needle.len()..].chars().next();
            !glued(before, needle.chars().next()) && !glued(after, needle.chars().next_back())
        })
        .map(|(at, _)| at)
        .collect()
}

fn banned(source: &Source, bans: &[(&str, &str)]) -> Vec<Offence> {
    let name = |(needle, why): &(&str, &str)| {
        let places = find(&source.code, needle);
        let named = places.into_iter();
        named.map(|at| offence(source, at, &format!("`{needle}`: {why}"))).collect::<Vec<_>>()
    };
    bans.iter().flat_map(name).collect()
}

/// A room names only the rooms its arrows point to.
pub(super) fn arrows_point_inwards(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let room = source.room();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            let known = ["cli", "lib", "main"].contains(&room) || !in_src(source);
            let unknown = || offence(source, 0, "a room without arrows: add it to ARROWS");
            return if known { Vec::new() } else { vec![unknown()] };
        };
        let within = |path: &str, place: &str| {
            path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let more = if source.path == ROOT.0 { ROOT.1 } else { &[] };
        let mut found = Vec::new();
        for (at, path) in source.crate_paths() {
            let mut places = allowed.iter().chain(more);
            if !within(&path, room) && !places.any(|place| within(&path, place)) {
                found.push(offence(source, at, &format!("`{room}` may not name `{path}`")));
            }
        }
        found.extend(escapes(source));
        found
    })
}

/// A path that climbs out of its room by `super` hides an arrow.
fn escapes(source: &Source) -> Vec<Offence> {
    let folders = source.path.matches('/').count() - 1;
    let depth = folders + usize::from(!source.path.ends_with("/mod.rs"));
    let climbs = |at: usize| {
        let levels = source.code[at..].split("::").take_while(|step| *step == "super").count();
        let first = !source.code[..at].ends_with("super::");
        first && levels >= depth + usize::from(source.is_test(at))
    };
    let supers = find(&source.code, "super::").into_iter();
    supers
        .filter(|at| climbs(*at))
        .map(|at| offence(source, at, "write it from `crate::`"))
        .collect()
}

/// The core knows no protocol, and no telephone number.
pub(super) fn the_core_speaks_of_no_protocol(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        if source.room() != "core" {
            return Vec::new();
        }
        let foreign =
            source.words().filter(|(_, word)| parts(word).iter().any(|p| FOREIGN.contains(&&**p)));
        let mut found: Vec<_> = foreign
            .map(|(at, word)| offence(source, at, &format!("`{word}` is a word of the shell")))
            .collect();
        let numbers = source.crate_paths().into_iter().filter(|(_, path)| path == "units::Number");
        found.extend(numbers.map(|(at, _)| offence(source, at, "the core knows numbers by id")));
        found
    })
}

/// The pure half neither waits nor reaches into the world, and its arithmetic is reproducible.
pub(super) fn the_pure_half_reaches_for_nothing(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| if in_pure_half(source) { banned(source, IMPURE) } else { Vec::new() })
}

/// No float of `statrs`, whose arithmetic another crate may switch, decides anything.
pub(super) fn no_decision_rests_on_statrs(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let places =
            if source.room() == "core" { find(&source.code, "statrs") } else { Vec::new() };
        let live = places.into_iter().filter(|at| !source.is_test(*at));
        live.map(|at| offence(source, at, "the core decides by libm alone")).collect()
    })
}

/// A file is short enough to read in one sitting.
pub(super) fn files_stay_short(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let lines = source.raw.lines().count();
        let long = format!("{}:{lines}: more than {FILE_LINES_MAX} lines", source.path);
        if lines > FILE_LINES_MAX { vec![long] } else { Vec::new() }
    })
}

/// A function fits on a screen.
pub(super) fn functions_fit_on_a_screen(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let long = source.functions().into_iter().filter(|(_, _, len)| *len > FUNCTION_LINES_MAX);
        long.map(|(at, name, len)| offence(source, at, &format!("`{name}` has {len} lines")))
            .collect()
    })
}

/// A line fits in a column.
pub(super) fn lines_stay_narrow(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let lines = source.raw.lines().map(|line| (line.chars().count(), line)).enumerate();
        let whole = |line: &str| {
            let said = line.trim_start().trim_start_matches(['/', '!']).trim_start();
            said.starts_with('|') || line.contains("https://")
        };
        lines
            .filter(|(_, (len, line))| *len > LINE_CHARS_MAX && !whole(line))
            .map(|(row, (len, _))| format!("{}:{}: {len} characters", source.path, row + 1))
            .collect()
    })
}

/// A match names every variant; `A | _` would silence the lint that says so.
pub(super) fn no_arm_hides_behind_a_wildcard(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let bars = source.code.match_indices('|').filter(|(at, _)| {
            let rest = source.code[at + 1..].trim_start();
            let ends =
                |text: &str| ["=>", "if ", ")", "]", "}"].iter().any(|e| text.starts_with(e));
            rest.strip_prefix('_').is_some_and(|after| ends(after.trim_start()))
        });
        bars.map(|(at, _)| offence(source, at, "`| _` hides variants: name them")).collect()
    })
}

/// Nothing unfinished, silenced or unproven lands.
pub(super) fn nothing_unfinished_lands(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let mut found = banned(source, UNFINISHED);
        for (at, word) in words(&source.comments) {
            let numbered = source.comments[at..].starts_with("TODO(#");
            if ["FIXME", "XXX"].contains(&word) || (word == "TODO" && !numbered) {
                found.push(offence(source, at, &format!("{word}: name an issue or finish it")));
            }
        }
        found
    })
}

/// Every queue has a limit.
pub(super) fn every_queue_has_a_limit(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| banned(source, ENDLESS))
}

/// In the pure half only what facts, orders and records are made of can be written down; every
/// other shape is made at the border.
pub(super) fn only_facts_orders_and_records_are_written(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let speaks = ["core", "units"].contains(&source.room()) || source.path == WRITTEN;
        let places =
            if in_pure_half(source) && !speaks { find(&source.code, "serde") } else { Vec::new() };
        let live = places.into_iter().filter(|at| !source.is_test(*at));
        live.map(|at| offence(source, at, "shapes are made at the border")).collect()
    })
}

/// A module is called after what it is.
pub(super) fn a_file_is_one_noun(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let mut steps = source.path.trim_end_matches(".rs").split('/');
        let empty = steps.find(|step| in_src(source) && EMPTY_NAMES.contains(step));
        empty
            .map(|name| offence(source, 0, &format!("`{name}` names nothing")))
            .into_iter()
            .collect()
    })
}

/// An exception lives only in the file that is named for it.
pub(super) fn exceptions_live_in_named_files(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let strangers = EXCEPTIONS.iter().filter(|(_, homes)| !homes.contains(&&*source.path));
        let places = strangers.flat_map(|(lint, _)| {
            find(&source.code, lint)
                .into_iter()
                .filter(|_| in_src(source))
                .map(move |at| (at, lint))
        });
        places
            .map(|(at, lint)| offence(source, at, &format!("`{lint}` is kept for other files")))
            .collect()
    })
}

/// Only the engine and the simulator drive a `Dialer`.
pub(super) fn a_dialer_has_one_owner(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let owns = ["core", "engine", "sim"].contains(&source.room());
        if !in_src(source) || owns || find(&source.code, "Dialer").is_empty() {
            return Vec::new();
        }
        let mut places = find(&source.code, "Dialer::new");
        places.extend(find(&source.code, ".next_order("));
        let takes = source.method_calls("take").into_iter();
        places.extend(takes.filter(|(_, given)| has_two_arguments(given)).map(|(at, _)| at));
        places
            .into_iter()
            .map(|at| offence(source, at, "drives a Dialer it does not own"))
            .collect()
    })
}

fn has_two_arguments(given: &str) -> bool {
    let mut depth = 0_i32;
    given.trim_end().trim_end_matches(',').chars().any(|sign| {
        depth += i32::from("([{".contains(sign)) - i32::from(")]}".contains(sign));
        sign == ',' && depth == 0
    })
}

/// A crate that does I/O or has opinions is named in one room, so that it can be replaced there.
pub(super) fn crates_stay_in_their_rooms(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let away = TENANTS.iter().filter(|(_, rooms)| !rooms.contains(&source.room()));
        let places = away
            .flat_map(|(name, _)| find(&source.code, name).into_iter().map(move |at| (at, name)));
        let live = places.filter(|(at, _)| in_src(source) && !source.is_test(*at));
        live.map(|(at, name)| offence(source, at, &format!("`{name}` lives elsewhere"))).collect()
    })
}

/// A test is a claim: its name is a sentence, and it never sleeps.
pub(super) fn tests_are_claims(sources: &[Source]) -> Vec<Offence> {
    each(sources, |source| {
        let marks = ["#[test]", "#[tokio::test"];
        let tests = marks.iter().flat_map(|mark| source.code.match_indices(mark));
        let mut found = Vec::new();
        for (at, _) in tests {
            let mut after = words(&source.code[at..]).skip_while(|(_, word)| *word != "fn").skip(1);
            let by_macro = |place: usize| source.code[..at + place].ends_with('$');
            let name = after.next().filter(|(place, _)| !by_macro(*place));
            if let Some((_, name)) = name.filter(|(_, name)| !is_claim(name)) {
                found.push(offence(source, at, &format!("`{name}` claims nothing")));
            }
        }
        let paused = source.code.contains("start_paused");
        let sleeps = ["sleep", "sleep_until"].iter().flat_map(|word| find(&source.code, word));
        let awake = sleeps.filter(|at| source.is_test(*at) && !paused);
        found.extend(awake.map(|at| offence(source, at, "a test never sleeps")));
        found
    })
}

/// A claim has a subject and a verb, so at least three words, and no `test_` before them.
fn is_claim(name: &str) -> bool {
    !name.starts_with("test_") && name.split('_').count() >= 3
}

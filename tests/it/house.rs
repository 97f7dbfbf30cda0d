//! The house rules as tests: CONTRIBUTING.md says why, these say where.

mod papers;
mod rules;
mod scan;

use std::io;

use rules::Offence;
use scan::Source;

type Rule = fn(&[Source]) -> Vec<Offence>;

/// Every rule with an invented file that breaks it, and the one offence it must find there.
const OFFENDERS: &[(Rule, &str, &str, &str)] = &[
    (
        rules::arrows_point_inwards,
        "src/core/call.rs",
        "use crate::{units::{Now, Span},\n    store::{Store as Rows}};",
        "src/core/call.rs:1: `core` may not name `store::Store`",
    ),
    (
        rules::arrows_point_inwards,
        "src/core/pacing/mod.rs",
        "fn far() {}\nuse super::super::wire::rtp;",
        "src/core/pacing/mod.rs:2: write it from `crate::`",
    ),
    (
        rules::arrows_point_inwards,
        "src/attic/mod.rs",
        "",
        "src/attic/mod.rs:1: a room without arrows: add it to ARROWS",
    ),
    (
        rules::the_core_speaks_of_no_protocol,
        "src/core/call.rs",
        "// SIP may be spoken of.\nenum End { SipTimeout }",
        "src/core/call.rs:2: `SipTimeout` is a word of the shell",
    ),
    (
        rules::the_core_speaks_of_no_protocol,
        "src/core/call.rs",
        "use crate::units::{Now, Number};",
        "src/core/call.rs:1: the core knows numbers by id",
    ),
    (
        rules::the_pure_half_reaches_for_nothing,
        "src/sim/mod.rs",
        "let text = \"HashMap\";\nlet map: HashMap<u8, u8>;",
        "src/sim/mod.rs:2: `HashMap`: its order is random: use BTreeMap",
    ),
    (
        rules::no_decision_rests_on_statrs,
        "src/core/pacing/mod.rs",
        "use statrs::distribution::Beta;\n#[cfg(test)]\nmod tests { use statrs::function; }",
        "src/core/pacing/mod.rs:1: the core decides by libm alone",
    ),
    (
        rules::lines_stay_narrow,
        "src/units.rs",
        "//! A line of sixty characters, then as many again, dashed out:\
         ------------------------------------------------------------",
        "src/units.rs:1: 123 characters",
    ),
    (
        rules::no_arm_hides_behind_a_wildcard,
        "src/core/call.rs",
        "match a { A | B => 1, C\n    | _ => 2 }; let f = |_, b| b; let g = |_| 1;",
        "src/core/call.rs:2: `| _` hides variants: name them",
    ),
    (
        rules::nothing_unfinished_lands,
        "src/core/call.rs",
        "/* a /* nested */ remark */ let a = b.unwrap();",
        "src/core/call.rs:1: `.unwrap()`: use `?`, or expect() with the invariant",
    ),
    (
        rules::nothing_unfinished_lands,
        "benches/settle.rs",
        "// TODO(#12): later.\n// TODO: some day.",
        "benches/settle.rs:2: TODO: name an issue or finish it",
    ),
    (
        rules::every_queue_has_a_limit,
        "src/sip/mod.rs",
        "let (a, b) = mpsc::channel(8);\nlet (c, d) = mpsc::unbounded_channel();",
        "src/sip/mod.rs:2: `unbounded_channel`: every queue has a limit",
    ),
    (
        rules::only_facts_orders_and_records_are_written,
        "src/sound/tone.rs",
        "use serde::Serialize;",
        "src/sound/tone.rs:1: shapes are made at the border",
    ),
    (
        rules::a_file_is_one_noun,
        "src/api/utils.rs",
        "",
        "src/api/utils.rs:1: `utils` names nothing",
    ),
    (
        rules::exceptions_live_in_named_files,
        "src/sip/mod.rs",
        "#[expect(clippy::disallowed_methods, reason = \"hurry\")]",
        "src/sip/mod.rs:1: `clippy::disallowed_methods` is kept for other files",
    ),
    (
        rules::a_dialer_has_one_owner,
        "src/api/mod.rs",
        "let first = slot.take(); let some = list.iter().take(f(1, 2));\n\
         fn drive(dialer: &mut Dialer) { dialer.take(now, fact); }",
        "src/api/mod.rs:2: drives a Dialer it does not own",
    ),
    (
        rules::crates_stay_in_their_rooms,
        "src/hooks/mod.rs",
        "use sqlx::Row;",
        "src/hooks/mod.rs:1: `sqlx` lives elsewhere",
    ),
    (
        rules::tests_are_claims,
        "tests/it/store.rs",
        "#[test]\nfn test_the_claim() {}\n#[test]\nfn leads_are_claimed_once() {}",
        "tests/it/store.rs:1: `test_the_claim` claims nothing",
    ),
    (
        rules::tests_are_claims,
        "src/sip/mod.rs",
        "fn live() { sleep(1) }\n#[cfg(test)]\nmod tests { fn wait() { sleep(2) } }",
        "src/sip/mod.rs:3: a test never sleeps",
    ),
];

fn hold(rule: Rule) -> io::Result<()> {
    let sources = scan::read_below(&["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets"])?;
    none(&rule(&sources));
    Ok(())
}

fn none(offences: &[Offence]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

macro_rules! rules {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() -> io::Result<()> {
            hold(rules::$name)
        }
    )*};
}

rules! {
    arrows_point_inwards
    the_core_speaks_of_no_protocol
    the_pure_half_reaches_for_nothing
    no_decision_rests_on_statrs
    files_stay_short
    functions_fit_on_a_screen
    lines_stay_narrow
    no_arm_hides_behind_a_wildcard
    nothing_unfinished_lands
    every_queue_has_a_limit
    only_facts_orders_and_records_are_written
    a_file_is_one_noun
    exceptions_live_in_named_files
    a_dialer_has_one_owner
    crates_stay_in_their_rooms
    tests_are_claims
}

#[test]
fn every_rule_finds_its_offender_and_nothing_else() {
    for (rule, path, text, expected) in OFFENDERS {
        let source = Source::new((*path).to_owned(), (*text).to_owned());
        assert_eq!(rule(&[source]), [*expected], "{text}");
    }
}

#[test]
fn long_files_and_functions_are_measured_in_lines() {
    let of = |lines: usize| {
        let text = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines));
        [Source::new("src/core/call.rs".to_owned(), text)]
    };
    assert_eq!(rules::functions_fit_on_a_screen(&of(68)), Vec::<Offence>::new());
    assert_eq!(
        rules::functions_fit_on_a_screen(&of(69)),
        ["src/core/call.rs:1: `long` has 71 lines"]
    );
    assert_eq!(rules::files_stay_short(&of(798)), Vec::<Offence>::new());
    assert_eq!(rules::files_stay_short(&of(799)), ["src/core/call.rs:801: more than 800 lines"]);
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "/// todo!\nlet s = r#\"dbg! \"quoted\" // no\"#;\nlet c = '\"';
        let l: &'a str = \"\\\"dbg!\";";
    let source = Source::new("src/units.rs".to_owned(), text.to_owned());
    assert_eq!(rules::nothing_unfinished_lands(&[source]), Vec::<Offence>::new());
}

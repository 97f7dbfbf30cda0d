//! `trunk test` before carriers with one fault each: every fault is named rightly, and a carrier
//! without one is not accused.

use std::error::Error;
use std::net::UdpSocket;

use super::running::{Engine, TRIES_MAX, field};
use super::{Claim, code, json, text};
use carrier::{Carrier, Habits};

mod alg;
mod carrier;
mod unreached;

/// The number of an answering phone.
const PHONE: &str = "+33199000009";

/// What is wrong with the carrier, by the number called.
const FAULTS: [(&str, &str, &str); 7] = [
    ("+33199000001", "401 Unauthorized", "sip-401"),
    ("+33199000002", "403 Forbidden", "sip-403"),
    ("+33199000003", "488 Not Acceptable Here", "sip-488"),
    ("+33199000004", "503 Service Unavailable", "sip-503"),
    ("+33199000005", "503 CPS limit exceeded", "pace"),
    ("+33199000006", "486 Busy Here", "sip-486"),
    ("+33199000007", "699 Nobody Knows", "other"),
];

/// An engine whose trunk leads to a host, with an account there and further settings.
fn engine(host: &str, more: &str) -> Result<Engine, Box<dyn Error>> {
    Engine::start_with(|folder| {
        std::fs::write(folder.join("key"), "mauvais")?;
        let file = folder.join("cadran.toml");
        let settings = std::fs::read_to_string(&file)?;
        let lines = settings.lines().map(|line| match line.starts_with("host = ") {
            _ if line.starts_with("options_every") && more.contains("options_every") => {
                String::new()
            }
            true => format!("host = \"{host}\"\nuser = \"moi\"\nsecret_file = \"key\"\n{more}\n"),
            false => format!("{line}\n"),
        });
        std::fs::write(file, lines.collect::<String>())
    })
}

/// A test's exit code, its report, and the codes of what it found.
type Told = (i32, serde_json::Value, Vec<String>);

/// Tests the trunk with one call.
fn tested(engine: &Engine, number: &str, echo: bool) -> Result<Told, Box<dyn Error>> {
    let mut test = vec!["trunk", "test", "t1", "--to", number, "--from", "+33162000000", "--json"];
    test.extend(echo.then_some("--echo"));
    let judged = engine.run(&test)?;
    let report = json(&judged)?;
    let findings = field(&report, "/findings").as_array().cloned().unwrap_or_default();
    let codes = findings.iter().filter_map(|one| field(one, "/code").as_str());
    let codes = codes.map(str::to_owned).collect();
    Ok((code(&judged)?, report, codes))
}

/// Has a carrier serve one call; gives what the test told.
fn tried(habits: Habits, echo: bool) -> Result<Told, Box<dyn Error>> {
    let more = if habits.registers { "register = true" } else { "" };
    let carrier = Carrier::open(habits)?;
    let engine = engine(&carrier.address()?, more)?;
    carrier.beside(|| tested(&engine, PHONE, echo))
}

#[test]
fn each_refusal_of_a_carrier_is_named() -> Claim {
    let carrier = Carrier::open(Habits { refusals: &FAULTS, ..Habits::default() })?;
    let engine = engine(&carrier.address()?, "")?;
    let found = carrier.beside(|| {
        let numbers = FAULTS.iter().map(|(number, ..)| tested(&engine, number, false));
        numbers.collect::<Result<Vec<_>, _>>()
    })?;
    let found: Vec<_> = found.into_iter().map(|(exit, _, codes)| (exit, codes)).collect();
    let expected: Vec<_> = FAULTS.map(|(.., code)| (7, vec![code.to_owned()])).into();
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn a_carrier_that_speaks_from_where_it_says_serves() -> Claim {
    let (exit, report, codes) = tried(Habits::default(), false)?;
    assert_eq!((exit, codes), (0, Vec::new()), "{report}");
    assert_eq!(field(&report, "/options/status"), 200);
    assert_eq!(field(&report, "/register"), &serde_json::Value::Null);
    assert_eq!(field(&report, "/echo"), &serde_json::Value::Null);
    Ok(())
}

#[test]
fn a_carrier_with_an_echo_is_told_to_the_last_line() -> Claim {
    let seen = "X-Caller-Seen: <sip:+33162000000@c>;verstat=TN-Validation-Passed-A\r\n";
    let habits = Habits { registers: true, echoes: true, told: seen, ..Habits::default() };
    let (exit, report, codes) = tried(habits, true)?;
    assert_eq!((exit, codes), (0, Vec::new()), "{report}");
    let steps = field(&report, "/path").as_array().cloned().unwrap_or_default();
    let steps: Vec<_> = steps.iter().filter_map(|step| field(step, "/status").as_u64()).collect();
    assert_eq!(steps, [100, 183, 200]);
    let expected: [(_, serde_json::Value); 6] = [
        ("/register/status", 200.into()),
        ("/options/status", 200.into()),
        ("/bye", 200.into()),
        ("/dtmf_back", true.into()),
        ("/caller_seen", "+33162000000".into()),
        ("/attestation", "TN-Validation-Passed-A".into()),
    ];
    for (place, expected) in expected {
        assert_eq!(field(&report, place), &expected, "{place}: {report}");
    }
    let (sent, back) = (field(&report, "/echo/sent"), field(&report, "/echo/back"));
    assert!(sent.as_u64() >= Some(8) && sent == back, "{report}");
    let trip = field(&report, "/echo/round_trip_ms").as_f64().unwrap_or_default();
    // The carrier looks at its audio every 10 ms; a busy machine may need longer.
    assert!((0.0..250.0).contains(&trip), "{report}");
    assert!(field(&report, "/register_s").as_f64() > Some(1_700.0), "{report}");
    Ok(())
}

#[test]
fn a_report_reads_in_both_languages() -> Claim {
    let carrier = Carrier::open(Habits { echoes: true, ..Habits::default() })?;
    let engine = engine(&carrier.address()?, "")?;
    let test = ["trunk", "test", "t1", "--to", PHONE, "--echo", "--lang"];
    let told = carrier.beside(|| {
        let say = |lang| engine.run(&[&test[..], &[lang]].concat());
        Ok([say("fr")?, say("en")?])
    })?;
    for (output, words, none) in [
        (
            &told[0],
            [
                "100 → 183 → 200 en",
                "audio aller-retour",
                "✔ envoyé et revenu",
                "quel numéro elle a vu",
                "pas dit : pas de RTCP",
                "✔ le trunk convient : l'appel a été décroché",
            ],
            "aucun",
        ),
        (
            &told[1],
            [
                "100 → 183 → 200 in",
                "audio there and back",
                "✔ sent and came back",
                "which number they saw",
                "not told: no RTCP",
                "✔ the trunk is fit: the call was answered",
            ],
            "none",
        ),
    ] {
        let shown = text(&output.stdout)?;
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
        assert!(!shown.contains(none), "{shown}");
    }
    Ok(())
}

#[test]
fn a_refused_registration_is_named_before_the_calls_it_refuses() -> Claim {
    let habits = Habits {
        registers: true,
        account: "403 Forbidden",
        refusals: &[(PHONE, "403 Forbidden", "")],
        ..Habits::default()
    };
    let (exit, report, codes) = tried(habits, false)?;
    assert_eq!((exit, codes), (7, vec!["register-refused".into(), "sip-403".into()]), "{report}");
    Ok(())
}

#[test]
fn a_refused_account_is_shown_with_its_answer_and_the_next_try() -> Claim {
    let habits = Habits { registers: true, account: "403 Forbidden", ..Habits::default() };
    let carrier = Carrier::open(habits)?;
    let address = carrier.address()?;
    carrier.beside(|| {
        let engine = engine(&address, "register = true\noptions_every = \"never\"")?;
        let show = ["trunk", "show", "t1"];
        let shown = engine.ask_until(&show, "/status", 403)?;
        assert_eq!(field(&shown, "/why"), "unregistered");
        // A minute first, ever longer then.
        let again = field(&shown, "/again_s").as_f64();
        assert!(again.is_some_and(|again| (0.0..=60.0).contains(&again)), "{shown}");
        for (lang, said) in [
            ("fr", "l'opérateur refuse le compte (403), nouvel essai dans "),
            ("en", "the carrier refuses the account (403), next try in "),
        ] {
            let told = engine.run(&[&show[..], &["--lang", lang]].concat())?;
            assert!(text(&told.stdout)?.contains(said), "{told:?}");
        }
        Ok(())
    })
}

#[test]
fn an_answer_we_hang_up_on_is_not_the_carriers_refusal() -> Claim {
    let carrier = Carrier::open(Habits::default())?;
    let engine = engine(&carrier.address()?, "srtp = \"mandatory\"")?;
    carrier.beside(|| {
        let (exit, report, codes) = tested(&engine, PHONE, false)?;
        assert_eq!((exit, codes), (7, vec!["no-srtp".to_owned()]), "{report}");
        for (place, expected) in [("/status", 200), ("/path/2/status", 200), ("/bye", 200)] {
            assert_eq!(field(&report, place), expected, "{place}: {report}");
        }
        let told = engine.run(&["trunk", "test", "t1", "--to", PHONE, "--lang", "fr"])?;
        let (shown, wrong) = (text(&told.stdout)?, text(&told.stderr)?);
        assert!(shown.contains("puis nous avons raccroché") && !shown.contains("488"), "{shown}");
        assert!(wrong.contains("le trunk ne convient pas : l'opérateur a décroché sans clé"));
        Ok(())
    })
}

#[test]
fn an_unreachable_address_in_a_description_is_named() -> Claim {
    let habits = Habits { announced: "192.168.77.1", ..Habits::default() };
    let (exit, report, codes) = tried(habits, false)?;
    assert_eq!((exit, codes), (0, vec!["private-address".to_owned()]), "{report}");
    Ok(())
}

#[test]
fn an_address_of_ours_that_is_not_the_one_we_tell_is_named() -> Claim {
    let habits = Habits { received: ";received=127.0.0.99", ..Habits::default() };
    let (exit, report, codes) = tried(habits, false)?;
    assert_eq!((exit, codes), (0, vec!["own-address".to_owned()]), "{report}");
    assert_eq!(field(&report, "/seen_at"), "127.0.0.99");
    Ok(())
}

#[test]
fn a_carrier_that_says_nothing_is_named() -> Claim {
    let (exit, report, codes) = tried(Habits { speaks: false, ..Habits::default() }, false)?;
    assert_eq!((exit, codes), (7, vec!["no-audio-in".to_owned()]), "{report}");
    Ok(())
}

#[test]
fn a_carrier_that_does_not_hear_us_is_named() -> Claim {
    let (exit, report, codes) = tried(Habits::default(), true)?;
    assert_eq!((exit, codes), (7, vec!["no-echo".to_owned()]), "{report}");
    Ok(())
}

#[test]
fn another_number_seen_there_is_named() -> Claim {
    let told = "X-Caller-Seen: +33162999999;verstat=No-TN-Validation\r\n";
    let (exit, report, codes) = tried(Habits { told, ..Habits::default() }, false)?;
    let expected = vec!["other-number".to_owned(), "not-attested".to_owned()];
    assert_eq!((exit, codes), (0, expected), "{report}");
    Ok(())
}

#[test]
fn a_router_that_meddles_is_named() -> Claim {
    for (damage, changed) in
        [(alg::Damage::Requests, "Via"), (alg::Damage::Answers, "Content-Length")]
    {
        let carrier = Carrier::open(Habits::default())?;
        let front = UdpSocket::bind("127.0.0.1:0")?;
        let engine = engine(&front.local_addr()?.to_string(), "")?;
        let far = carrier.address()?.parse()?;
        let (exit, report, codes) = carrier
            .beside(|| alg::between(&front, far, damage, || tested(&engine, PHONE, false)))?;
        assert_eq!(codes.first().map(String::as_str), Some("alg"), "{exit} {report}");
        assert_eq!(field(&report, "/changed"), &serde_json::json!([changed]), "{report}");
    }
    Ok(())
}

#[test]
fn a_name_server_that_does_not_answer_is_named() -> Claim {
    let deaf = UdpSocket::bind("127.0.0.1:0")?;
    let at = deaf.local_addr()?;
    let engine = Engine::start_with(|folder| {
        let file = folder.join("cadran.toml");
        let settings = std::fs::read_to_string(&file)?;
        let asked = format!("[sip]\nnameservers = \"{at}\"\n");
        let lines = settings.lines().map(|line| match line {
            "[sip]" => asked.clone(),
            _ if line.starts_with("host = ") => "host = \"carrier.test\"\n".to_owned(),
            _ => format!("{line}\n"),
        });
        std::fs::write(file, lines.collect::<String>())
    })?;
    let mut told = (0, serde_json::Value::Null, Vec::new());
    // The first question is repeated for some seconds before it is given up.
    for _ in 0..TRIES_MAX {
        told = tested(&engine, PHONE, false)?;
        if told.2 != ["unreachable"] {
            break;
        }
    }
    assert_eq!((told.0, told.2), (7, vec!["dns-silent".to_owned()]), "{}", told.1);
    Ok(())
}

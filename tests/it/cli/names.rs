//! What the command line says of trunks' names in DNS.

use std::fs;

use super::running::{Engine, field};
use super::{Claim, code, json};
use crate::names::server::{Names, a, srv};

#[test]
fn the_doctor_and_a_test_call_say_what_is_wrong_with_a_trunks_name() -> Claim {
    let names = Names::start()?;
    names.set("_sip._udp.good.test", &[srv(10, 0, 5_099, "one.good.test")]);
    names.set("one.good.test", &[a(1)]);
    let engine = Engine::start_with(|folder| {
        let file = folder.join("cadran.toml");
        let settings = fs::read_to_string(&file)?;
        let asked = format!("[sip]\nnameservers = \"{}\"\n", names.at);
        let settings = settings.replacen("[sip]\n", &asked, 1);
        let lines = settings.lines().map(|line| match line.starts_with("host = ") {
            true => "host = \"gone.test\"\n".to_owned(),
            false => format!("{line}\n"),
        });
        let good = "[[trunk]]\nname = \"t2\"\nhost = \"good.test\"\nchannels = 5\n\
                    calls_per_second = \"5/s\"\noptions_every = \"never\"\n";
        fs::write(file, lines.collect::<String>() + good)
    })?;

    let checks = json(&engine.run(&["doctor", "--json"])?)?;
    let checks = checks.as_array().ok_or("no list")?;
    let hosts = checks.iter().filter(|check| field(check, "/what") == "trunk host");
    let found: Vec<_> = hosts.filter_map(|check| field(check, "/found").as_str()).collect();
    let [gone, good] = found[..] else { return Err(format!("{found:?}").into()) };
    assert!(gone.starts_with("t1: gone.test: the name gone.test does not exist (NXDOMAIN)"));
    assert_eq!(good, "t2: good.test by SRV: 127.0.0.1:5099 over UDP, priority 10");

    let judged = engine.run(&["trunk", "test", "t1", "--to", "+33199000009", "--json"])?;
    assert_eq!(code(&judged)?, 7, "{judged:?}");
    let report = json(&judged)?;
    assert_eq!(field(&report, "/findings"), &serde_json::json!([field(&report, "/findings/0")]));
    assert_eq!(field(&report, "/findings/0/code"), "dns");
    let reason = field(&report, "/reason").as_str().ok_or("no reason")?;
    assert!(reason.contains("NXDOMAIN"), "{reason}");
    Ok(())
}

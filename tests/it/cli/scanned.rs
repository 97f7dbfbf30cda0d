//! A whole engine that is scanned: what it says in its log, and what its doctor finds.

use std::error::Error;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::running::{Engine, TRIES_MAX, field};
use super::{Claim, cadran};

/// Starts an engine that writes its log into a file.
fn logged() -> Result<(Engine, PathBuf), Box<dyn Error>> {
    let mut engine = Engine::start()?;
    engine.signal(Signal::SIGTERM)?;
    engine.child.wait()?;
    let log = engine.folder.path().join("log");
    engine.child = cadran()
        .arg("serve")
        .current_dir(engine.folder.path())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .spawn()?;
    for _ in 0..TRIES_MAX {
        if engine.ask(&["health"]).is_ok() {
            return Ok((engine, log));
        }
    }
    Err(format!("the engine did not start: {}", fs::read_to_string(log)?).into())
}

#[test]
fn a_scan_is_logged_once_for_each_address_and_the_doctor_counts_it() -> Claim {
    let (mut engine, log) = logged()?;
    let settings = fs::read_to_string(engine.folder.path().join("cadran.toml"))?;
    let bind = settings.lines().find_map(|line| line.strip_prefix("bind = ")).ok_or("a bind")?;
    let to = bind.trim_matches('"');
    for host in 1..=3 {
        let foe = UdpSocket::bind(format!("127.66.8.{host}:0"))?;
        foe.set_read_timeout(Some(Duration::from_millis(1)))?;
        for extension in 0..200 {
            let probe = format!(
                "OPTIONS sip:{extension}@{to} SIP/2.0\r\n\
                 Via: SIP/2.0/UDP {};branch=z9hG4bK{extension}\r\nMax-Forwards: 70\r\n\
                 From: <sip:1@1.1.1.1>;tag=1\r\nTo: <sip:1@1.1.1.1>\r\nCall-ID: {extension}\r\n\
                 CSeq: 1 OPTIONS\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n",
                foe.local_addr()?
            );
            foe.send_to(probe.as_bytes(), to)?;
        }
        assert!(foe.recv(&mut [0; 4_096]).is_err(), "a scanner is told nothing");
    }
    let mut found = String::new();
    for _ in 0..TRIES_MAX {
        let checks = engine.ask(&["doctor"])?;
        let checks = checks.as_array().ok_or("a list")?;
        let dropped = checks.iter().find(|check| field(check, "/what") == "SIP dropped");
        found = field(dropped.ok_or("the engine runs")?, "/found").to_string();
        if found.contains("strangers 600, of these unread 0") {
            break;
        }
    }
    assert!(found.contains("strangers 600, of these unread 0"), "{found}");
    engine.signal(Signal::SIGTERM)?;
    engine.child.wait()?;
    let log = fs::read_to_string(log)?;
    let told = log.lines().filter(|line| line.contains("messages of this address are dropped"));
    assert_eq!(told.count(), 3, "{log}");
    Ok(())
}

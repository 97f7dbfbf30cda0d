//! The SIP shell against simulated agents' phones, over real loopback sockets.

use std::net::Ipv4Addr;

use cadran::carrier::{self, Cast, PhoneReport, PhoneSettings, PhonesHandle, Registrar, Speaker};
use cadran::sip::{Command, Event, Ha1, Phone, Tls, Transport};
use cadran::units::{AgentId, Span};
use cadran::wire::sdp::{self, Local, Origin};
use md5::{Digest, Md5};
use sha2::Sha256;

use super::{Checked, Dialer, PATIENCE, REALM, World, quiet_trunk, reports, settings};
use crate::transport::{authority, doors, own};

/// Waits until a phone is as claimed.
pub(crate) async fn phone_is(
    phones: &PhonesHandle,
    nth: u32,
    claim: impl Fn(PhoneReport) -> bool,
) -> Checked<PhoneReport> {
    let deadline = tokio::time::timeout(PATIENCE, async {
        loop {
            let reports = phones.reports().await?;
            let found = reports.iter().find(|report| report.nth == nth && claim(**report));
            if let Some(report) = found {
                return Ok(*report);
            }
            tokio::task::yield_now().await;
        }
    });
    deadline.await?
}

fn fixed_phone(phones: &PhonesHandle, nth: u32) -> Phone {
    let contact = Some(phones.contact(nth));
    Phone { agent: AgentId(nth), user: format!("a{nth}"), ha1: None, contact }
}

#[tokio::test]
async fn agents_phones_answer_by_themselves_and_speak() -> Checked {
    let world = World::new();
    let phones = world.phones(PhoneSettings { count: 20, ..Default::default() }).await?;
    let known = (1..=20).map(|nth| fixed_phone(&phones, nth)).collect();
    let mut dialer = world.dialer(Vec::new(), known).await?;
    let mut last = None;
    for nth in 1..=20 {
        let leg = dialer.dial_agent(AgentId(nth))?;
        let remote = sdp::accept_answer(&dialer.answered(leg).await?)?;
        last = Some((leg, remote));
    }
    let (leg, remote) = last.ok_or("twenty phones were called")?;
    let mut heard = false;
    while !heard {
        let (packet, from) = dialer.packet().await?;
        heard = from == remote.rtp && packet.len() == 172;
    }
    dialer.sip.send(Command::HangUp(leg))?;
    dialer.end(leg).await?;
    phone_is(&phones, 20, |phone| !phone.up && phone.calls == 1).await?;
    phone_is(&phones, 19, |phone| phone.up).await?;
    Ok(())
}

#[tokio::test]
async fn an_agent_and_a_callee_hear_each_other_when_joined() -> Checked {
    let world = World::new();
    let carrier = world.carrier(Cast::ByLastDigit, carrier::Settings::default()).await?;
    let phones = world.phones(PhoneSettings::default()).await?;
    let trunks = vec![quiet_trunk(carrier.addr())];
    let mut dialer = world.dialer(trunks, vec![fixed_phone(&phones, 1)]).await?;
    let agent_leg = dialer.dial_agent(AgentId(1))?;
    let agent = sdp::accept_answer(&dialer.answered(agent_leg).await?)?.rtp;
    let leg = dialer.dial("+33199000004")?;
    let callee = sdp::accept_answer(&dialer.answered(leg).await?)?.rtp;
    let mut callee_spoke = 0;
    while callee_spoke < 3 {
        let (packet, from) = dialer.packet().await?;
        callee_spoke += u32::from(from == callee);
        let to = if from == agent { callee } else { agent };
        dialer.audio.send_to(&packet, to).await?;
    }
    dialer.is_heard(callee).await?;
    dialer.sip.send(Command::HangUp(leg))?;
    dialer.end(leg).await?;
    let call = reports(&carrier, 1).await?.remove(0);
    assert_eq!(call.heard.speaker, Some(Speaker::Agent(1)));
    assert!(call.heard_after().is_some());
    let phone = phone_is(&phones, 1, |phone| phone.heard.packets > 0).await?;
    assert_eq!(phone.heard.speaker, Some(call.speaker()));
    Ok(())
}

pub(crate) const PASSWORD: &str = "entrez";

/// What a phone's account proves itself with, hashed here apart from the registrar's own code.
fn ha1(user: &str) -> Ha1 {
    let text = format!("{user}:{REALM}:{PASSWORD}");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ha1 { md5: hex(&Md5::digest(&text)), sha256: hex(&Sha256::digest(&text)) }
}

/// Starts a dialer that knows some accounts and phones that register there with a password.
pub(crate) async fn registering(
    world: &World,
    count: u32,
    password: &str,
    transport: Transport,
) -> Checked<(Dialer, PhonesHandle)> {
    let known = |nth| {
        let user = format!("a{nth}");
        Phone { agent: AgentId(nth), ha1: Some(ha1(&user)), user, contact: None }
    };
    let localhost = (Ipv4Addr::LOCALHOST, 0).into();
    let mut settings = settings(localhost, Vec::new(), (1..=count).map(known).collect());
    settings.also = doors(&[(Transport::Tcp, localhost), (Transport::Tls, localhost)]);
    settings.identification = Some(own("engine")?);
    let dialer = world.dialer_of(settings).await?;
    let door = dialer.sip.also().iter().find(|(held, _)| *held == transport);
    let name = "engine.test".to_owned();
    let tls = Tls { name, trust: authority()?, identification: None };
    let registrar = Registrar {
        address: door.map_or_else(|| dialer.sip.local_addr(), |(_, address)| *address),
        transport,
        tls: Some(tls),
        password: password.to_owned(),
        expires: Span::secs(600),
    };
    let settings = PhoneSettings { count, registrar: Some(registrar), ..Default::default() };
    Ok((dialer, world.phones(settings).await?))
}

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

#[tokio::test]
async fn phones_register_are_called_there_and_leave() -> Checked {
    for transport in TRANSPORTS {
        register_are_called_and_leave(transport).await?;
    }
    Ok(())
}

async fn register_are_called_and_leave(transport: Transport) -> Checked {
    let world = World::new();
    let (mut dialer, phones) = registering(&world, 5, PASSWORD, transport).await?;
    for _ in 0..5 {
        dialer.until(|event| matches!(event, Event::Phone(_, true)).then_some(())).await?;
    }
    phone_is(&phones, 5, |phone| phone.registered).await?;
    let leg = dialer.dial_agent(AgentId(3))?;
    dialer.answered(leg).await?;
    phone_is(&phones, 3, |phone| phone.up).await?;
    phones.stop();
    let mut left = 0;
    while left < 5 {
        let event = dialer.next().await?;
        assert!(!matches!(event, Event::Phone(_, true)), "{event:?}");
        left += u32::from(matches!(event, Event::Phone(_, false)));
    }
    Ok(())
}

#[tokio::test]
async fn a_phone_with_a_wrong_password_stays_outside() -> Checked {
    let world = World::new();
    let (mut dialer, phones) = registering(&world, 1, "sesame", Transport::Udp).await?;
    // The challenge, and the refusal of the wrong proof.
    dialer.counted(|figures| figures.counters.sent >= 2).await?;
    assert!(!phones.reports().await?[0].registered);
    let leg = dialer.dial_agent(AgentId(1))?;
    assert!(matches!(dialer.next().await?, Event::Failed { leg: which, .. } if which == leg));
    Ok(())
}

#[tokio::test]
async fn an_agents_phone_can_call_in() -> Checked {
    for transport in TRANSPORTS {
        calls_in(transport).await?;
    }
    Ok(())
}

async fn calls_in(transport: Transport) -> Checked {
    let world = World::new();
    let (mut dialer, phones) = registering(&world, 2, PASSWORD, transport).await?;
    phone_is(&phones, 2, |phone| phone.registered).await?;
    phones.dial_in(2).await?;
    let (leg, agent, offer) = dialer
        .until(|event| {
            let Event::Incoming(leg, agent, sdp) = event else { return None };
            Some((leg, agent, sdp))
        })
        .await?;
    assert_eq!(agent, AgentId(2));
    let rtp = dialer.audio.local_addr()?;
    let (answer, _) = sdp::answer(&offer, Local { rtp, rtcp: rtp }, Origin::new(1))?;
    dialer.sip.send(Command::Accept(leg, answer))?;
    phone_is(&phones, 2, |phone| phone.up).await?;
    dialer.packet().await?;
    phones.hang_up(2).await?;
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    Ok(())
}

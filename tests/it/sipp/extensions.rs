//! What RFC 3262, RFC 3311 and RFC 4028 add to a call, judged by SIPp.

use cadran::sip::{
    Ailment, Refresher, Register, Reliability, SessionTimers, TimerMode, TrunkState,
};

use super::*;

/// Dials one call of a scenario over a trunk that speaks SIP so.
async fn call_over(
    world: &World,
    sipp: &Sipp,
    session: SessionTimers,
    reliable: Reliability,
) -> Checked<(Dialer, LegId)> {
    let trunk = Trunk {
        session,
        reliable,
        options_every: None,
        ..Trunk::new(TrunkId(1), sipp.address.to_string())
    };
    let mut dialer = world.dialer(vec![trunk], Vec::new()).await?;
    let leg = dialer.dial(NUMBER)?;
    Ok((dialer, leg))
}

fn asking(refresher: Refresher) -> SessionTimers {
    let (mode, interval) = (TimerMode::Ask, Span::secs(120));
    SessionTimers { mode, interval, refresher, ..SessionTimers::default() }
}

#[tokio::test]
async fn reliable_early_media_is_acknowledged_in_order() -> Checked {
    for reliable in [Reliability::Supported, Reliability::Required] {
        let world = World::new();
        let Some(sipp) = Sipp::start("prack", 1)? else { return Ok(()) };
        let (mut dialer, leg) =
            call_over(&world, &sipp, SessionTimers::default(), reliable).await?;
        let early = dialer.until(|event| {
            let Event::Progress(which, sdp) = event else { return None };
            (which == leg).then_some(sdp)
        });
        assert!(sdp::accept_answer(&early.await?).is_ok());
        dialer.until(|event| (event == Event::Ringing(leg)).then_some(())).await?;
        dialer.answered(leg).await?;
        hang_up(dialer, leg, sipp).await?;
    }
    Ok(())
}

/// A call whose far end has the last word.
async fn ends(scenario: &str, session: SessionTimers, bye: bool) -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start(scenario, 1)? else { return Ok(()) };
    let (mut dialer, leg) = call_over(&world, &sipp, session, Reliability::Off).await?;
    dialer.answered(leg).await?;
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye });
    sipp.verdict().await
}

#[tokio::test]
async fn a_session_too_short_is_asked_for_again_and_refreshed_by_the_far_end() -> Checked {
    ends("timer_422", asking(Refresher::Any), true).await
}

#[tokio::test]
async fn a_session_left_to_us_is_refreshed_by_update() -> Checked {
    ends("timer_update", asking(Refresher::Us), true).await
}

#[tokio::test]
async fn a_session_left_to_us_is_refreshed_by_reinvite_where_update_is_not_taken() -> Checked {
    ends("timer_reinvite", asking(Refresher::Any), true).await
}

#[tokio::test]
async fn a_session_nobody_refreshes_is_ended() -> Checked {
    ends("timer_expired", SessionTimers::default(), false).await
}

#[tokio::test]
async fn an_update_changes_the_session() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("update", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    dialer.answered(leg).await?;
    let held = offer(&mut dialer, leg).await?.ok_or("an UPDATE with an offer")?;
    assert_eq!(sdp::read(&held)?.direction, Direction::SendOnly);
    let rtp = dialer.audio.local_addr()?;
    let (answer, _) = sdp::answer(&held, Local { rtp, rtcp: rtp }, Origin::new(7).next())?;
    dialer.sip.send(Command::Accept(leg, answer))?;
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    sipp.verdict().await
}

#[tokio::test]
async fn of_two_phones_that_answer_one_call_the_second_is_hung_up() -> Checked {
    is_hung_up_on("fork").await
}

#[tokio::test]
async fn who_asks_at_the_same_moment_is_refused_and_we_ask_again_later() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("glare", 1)? else { return Ok(()) };
    let (mut dialer, leg) = call(&world, &sipp).await?;
    dialer.answered(leg).await?;
    dialer.sip.send(Command::Refresh(leg))?;
    assert_eq!(dialer.end(leg).await?, Event::Ended { leg, bye: true });
    sipp.verdict().await
}

/// A dialer whose trunk registers with the far end, with this password.
async fn registering(world: &World, sipp: &Sipp, password: &str) -> Checked<Dialer> {
    let credentials = Credentials { user: "cadran".to_owned(), password: password.to_owned() };
    let trunk = Trunk {
        credentials: Some(credentials),
        register: Some(Register { registrar: None, expires: Span::secs(3_600) }),
        options_every: None,
        ..Trunk::new(TrunkId(1), sipp.address.to_string())
    };
    let mut dialer = world.dialer(vec![trunk], Vec::new()).await?;
    let down = Event::Trunk(TrunkId(1), TrunkState::Down, Some(Ailment::Unregistered(None)));
    assert_eq!(dialer.next().await?, down, "until it has registered");
    Ok(dialer)
}

#[tokio::test]
async fn an_account_registers_and_leaves_at_the_end() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("register", 1)? else { return Ok(()) };
    let mut dialer = registering(&world, &sipp, "bon courage").await?;
    assert_eq!(dialer.next().await?, Event::Trunk(TrunkId(1), TrunkState::Up, None));
    drop(dialer);
    sipp.verdict().await
}

#[tokio::test]
async fn a_registration_is_refreshed_before_it_ends() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("register_refresh", 1)? else { return Ok(()) };
    let mut dialer = registering(&world, &sipp, "bon courage").await?;
    assert_eq!(dialer.next().await?, Event::Trunk(TrunkId(1), TrunkState::Up, None));
    sipp.verdict().await
}

#[tokio::test]
async fn a_refused_account_is_not_tried_again_at_once() -> Checked {
    let world = World::new();
    let Some(sipp) = Sipp::start("register_wrong", 1)? else { return Ok(()) };
    let _dialer = registering(&world, &sipp, "mauvais").await?;
    sipp.verdict().await
}

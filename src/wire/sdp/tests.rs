use proptest::prelude::*;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn local(port: u16, rtcp: u16) -> Local {
    let ip = IpAddr::from([192, 0, 2, 1]);
    Local { rtp: SocketAddr::new(ip, port), rtcp: SocketAddr::new(ip, rtcp) }
}

fn wire(lines: &[&str]) -> Vec<u8> {
    lines.join("\r\n").into_bytes()
}

#[test]
fn an_offer_reads_back_as_it_was_meant() -> Outcome {
    let bytes = offer(local(30_000, 30_005), Origin { id: 7, version: 3 }, Direction::SendRecv);
    let session = read(&bytes)?;
    assert_eq!(session.rtp, "192.0.2.1:30000".parse()?);
    assert_eq!(session.rtcp, "192.0.2.1:30005".parse()?);
    assert_eq!(session.codecs, [Codec::Pcma, Codec::Pcmu]);
    assert_eq!((session.dtmf, session.ptime), (Some(EVENTS), Some(20)));
    assert_eq!((session.direction, session.version), (Direction::SendRecv, Some(3)));
    Ok(())
}

#[test]
fn the_next_rtcp_port_is_not_spelled_out() {
    let bytes = offer(local(30_000, 30_001), Origin::new(1), Direction::SendRecv);
    assert!(!String::from_utf8_lossy(&bytes).contains("a=rtcp"));
}

#[test]
fn an_ipv6_offer_says_so() -> Outcome {
    let ip: IpAddr = "2001:db8::5".parse()?;
    let local = Local { rtp: SocketAddr::new(ip, 4_000), rtcp: SocketAddr::new(ip, 4_001) };
    let bytes = offer(local, Origin::new(1), Direction::Inactive);
    assert!(String::from_utf8_lossy(&bytes).contains("c=IN IP6 2001:db8::5\r\n"));
    let session = read(&bytes)?;
    assert_eq!((session.rtp, session.direction), (local.rtp, Direction::Inactive));
    Ok(())
}

#[test]
fn carriers_dirt_is_kept_out_of_the_way() -> Outcome {
    let mut body = b"\n o=- 1 2 IN IP4 203.0.113.1\ns=appel \xe9t\xe9\nc=IN IP4 203.0.113.9/127\n\
        b=AS:80\nm=audio 4000/2 RTP/AVP 18 8 0 8 96 300 x\na=RTPMAP\n\
        a=rtpmap:96 TELEPHONE-EVENT/8000/1\na=fmtp:18 annexb=no\n\
        a=rtcp:4010 IN IP4 203.0.113.10\na=maxptime:40\nz=\n=\nnothing\n"
        .to_vec();
    body.push(0);
    let session = read(&body)?;
    assert_eq!(session.rtp, "203.0.113.9:4000".parse()?);
    assert_eq!(session.rtcp, "203.0.113.10:4010".parse()?);
    assert_eq!(session.codecs, [Codec::Pcma, Codec::Pcmu]);
    assert_eq!(session.dtmf, Some(96));
    Ok(())
}

#[test]
fn the_streams_own_address_wins() -> Outcome {
    let body = wire(&["c=IN IP4 203.0.113.1", "m=audio 4 RTP/AVP 0", "c=IN IP4 203.0.113.2"]);
    assert_eq!(read(&body)?.rtp, "203.0.113.2:4".parse()?);
    Ok(())
}

#[test]
fn what_cannot_be_used_is_named() {
    let said = |lines: &[&str]| read(&wire(lines)).map(|session| session.rtp);
    let c = "c=IN IP4 203.0.113.1";
    assert_eq!(said(&[]), Err(SdpError::NoAudio));
    assert_eq!(said(&[c, "m=video 4000 RTP/AVP 31"]), Err(SdpError::NoAudio));
    assert_eq!(said(&[c, "m=audio 4000 RTP/SAVP 8"]), Err(SdpError::NoAudio));
    assert_eq!(said(&[c, "m=audio 0 RTP/AVP 8"]), Err(SdpError::Refused));
    assert_eq!(said(&["m=audio 4000 RTP/AVP 8"]), Err(SdpError::NoAddress));
    assert_eq!(said(&["c=IN IP4 a.example", "m=audio 4 RTP/AVP 8"]), Err(SdpError::NoAddress));
    assert_eq!(said(&[c, "m=audio 4000 RTP/AVP 18 101"]), Err(SdpError::NoCodec));
    assert_eq!(said(&["m=audio 1 RTP/AVP 9"; STREAMS_MAX + 1]), Err(SdpError::TooManyStreams));
    assert_eq!(read(&vec![b'a'; BODY_MAX + 1]), Err(SdpError::TooLong(BODY_MAX + 1)));
}

#[test]
fn the_first_usable_audio_is_answered_and_the_rest_refused_in_place() -> Outcome {
    let body = wire(&[
        "c=IN IP4 203.0.113.1",
        "m=audio 5000 RTP/SAVP 8",
        "m=video 5002 RTP/AVP 31 32",
        "m=audio 5004 RTP/AVP 0 8 97",
        "a=rtpmap:97 telephone-event/8000",
    ]);
    let (text, remote) = answer(&body, local(30_000, 30_001), Origin::new(9))?;
    assert_eq!((remote.codec, remote.dtmf), (Codec::Pcmu, Some(97)));
    let text = String::from_utf8(text)?;
    let streams: Vec<_> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        streams,
        ["m=audio 0 RTP/SAVP 8", "m=video 0 RTP/AVP 31 32", "m=audio 30000 RTP/AVP 0 97"]
    );
    assert_eq!(read(text.as_bytes())?.rtp.port(), 30_000);
    Ok(())
}

#[test]
fn hold_is_mirrored_in_each_of_its_forms() -> Outcome {
    let cases = [
        ("c=IN IP4 203.0.113.1", "a=sendrecv", Direction::SendRecv, true, true),
        ("c=IN IP4 203.0.113.1", "a=sendonly", Direction::RecvOnly, false, true),
        ("c=IN IP4 203.0.113.1", "a=recvonly", Direction::SendOnly, true, false),
        ("c=IN IP4 203.0.113.1", "a=inactive", Direction::Inactive, false, false),
        ("c=IN IP4 0.0.0.0", "a=sendrecv", Direction::RecvOnly, false, true),
        ("c=IN IP4 0.0.0.0", "a=x", Direction::RecvOnly, false, true),
    ];
    for (c, a, ours, send, receive) in cases {
        let body = wire(&[c, "m=audio 5000 RTP/AVP 8", a]);
        let (text, remote) = answer(&body, local(30_000, 30_001), Origin::new(1))?;
        assert_eq!(read(&text)?.direction, ours, "{c} {a}");
        assert_eq!((remote.send, remote.receive), (send, receive), "{c} {a}");
    }
    Ok(())
}

#[test]
fn a_direction_before_the_streams_holds_for_all_of_them() -> Outcome {
    let body = wire(&["a=sendonly", "c=IN IP4 203.0.113.1", "m=audio 5000 RTP/AVP 8"]);
    assert!(!accept_answer(&body)?.send);
    Ok(())
}

#[test]
fn each_description_of_a_dialog_has_the_next_version() {
    let first = Origin::new(5);
    assert_eq!((first.version, first.next().version, first.next().id), (1, 2, 5));
}

fn dirty_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[vosctmbazk]=[ -~]{0,30}",
        "m=(audio|video) [0-9]{1,6}(/[0-9])? RTP/S?AVPF? [0-9 ]{0,12}",
        "c=IN IP[46] [0-9a-f.:/]{0,16}",
        "a=(rtpmap|rtcp|ptime|fmtp):[ -~]{0,24}",
        "a=(sendrecv|sendonly|recvonly|inactive)",
        "\\PC{0,20}",
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(read(&body).map_or(true, |session| !session.codecs.is_empty()));
    }

    #[test]
    fn an_answer_to_anything_usable_is_itself_usable(
        lines in proptest::collection::vec(dirty_line(), 0..24),
    ) {
        let body = lines.join("\r\n").into_bytes();
        if let Ok((text, remote)) = answer(&body, local(30_000, 30_001), Origin::new(1)) {
            let back = read(&text);
            prop_assert!(back.is_ok(), "{back:?} of {}", String::from_utf8_lossy(&text));
            prop_assert_eq!(back.map(|session| session.codecs), Ok(vec![remote.codec]));
        }
    }
}

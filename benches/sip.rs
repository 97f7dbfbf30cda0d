//! What one call attempt costs in the pure SIP stack, without sockets: both ends of it, each
//! message written by one and read by the other.
//!
//! `refused`: INVITE, 100, 180, 486, ACK. `answered`: INVITE, 100, 180, 200, ACK, BYE, 200.
//! `refused_at_2000_a_second`: without the 100, while 64,000 others wait out timer D. Half of a
//! figure is the dialer's share.

use std::hint::black_box;
use std::net::SocketAddr;

use cadran::units::{LegId, Mono, Span, TrunkId};
use cadran::wire::sip::{Endpoint, Event, Invite, Settings, Target, Trunk};
use criterion::{Criterion, criterion_group, criterion_main};

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

struct Pair {
    now: Mono,
    /// How long the carrier thinks before it rings; from 200 ms on it says 100 first.
    think: Span,
    legs: u64,
    dialer: (SocketAddr, Endpoint),
    carrier: (SocketAddr, Endpoint),
}

impl Pair {
    fn new(think: Span) -> Self {
        let end = |port, seed| {
            let local = SocketAddr::from(([127, 0, 0, 1], port));
            let (user_agent, realm) = ("cadran".to_owned(), "cadran".to_owned());
            let others = Vec::new();
            (local, Endpoint::new(Settings { local, others, user_agent, seed, realm, open: true }))
        };
        let (mut dialer, carrier) = (end(5060, 1), end(5070, 2));
        dialer.1.set_trunk(Trunk::new(TrunkId(1), carrier.0));
        Self { now: Mono::START, think, legs: 0, dialer, carrier }
    }

    /// Carries every datagram over until both are silent.
    fn exchange(&mut self) {
        loop {
            let mut silent = true;
            let ends = [&mut self.dialer, &mut self.carrier];
            let [one, two] = ends;
            for (from, to) in [(0, 1), (1, 0)] {
                let (from, to) =
                    if from < to { (&mut *one, &mut *two) } else { (&mut *two, &mut *one) };
                while let Some(transmit) = from.1.poll_transmit() {
                    silent = false;
                    to.1.receive(self.now, from.0, &transmit.bytes);
                    from.1.recycle(transmit.bytes);
                }
            }
            if silent {
                return;
            }
        }
    }

    /// Lets the linger timers of both run off as time goes by.
    fn pass(&mut self, span: Span) {
        self.now = self.now + span;
        for end in [&mut self.dialer.1, &mut self.carrier.1] {
            if end.next_timeout().is_some_and(|at| at <= self.now) {
                end.handle_timeout(self.now);
            }
        }
    }

    /// Places a call that rings; gives the carrier's leg.
    fn dial(&mut self) -> LegId {
        self.legs += 1;
        let call = Invite {
            target: Target::Trunk(TrunkId(1), "+33199001234".to_owned()),
            from: Some("+33199005678".to_owned()),
            offer: SDP.to_vec(),
            call_ref: None,
        };
        self.dialer.1.invite(self.now, LegId(self.legs), call).expect("the trunk is known");
        self.exchange();
        let Some(Event::Incoming(incoming)) = self.carrier.1.poll_event() else {
            panic!("the INVITE arrives");
        };
        self.pass(self.think);
        self.exchange();
        self.carrier.1.ring(self.now, incoming.leg).expect("it waits");
        self.exchange();
        incoming.leg
    }

    fn refused(&mut self) {
        let leg = self.dial();
        self.carrier.1.reject(self.now, leg, 486, &[]).expect("it rings");
        self.exchange();
        self.forget();
    }

    fn answered(&mut self) {
        let leg = self.dial();
        self.carrier.1.accept(self.now, leg, SDP.to_vec()).expect("it rings");
        self.exchange();
        self.dialer.1.hang_up(self.now, LegId(self.legs)).expect("it talks");
        self.exchange();
        self.forget();
    }

    fn forget(&mut self) {
        for end in [&mut self.dialer.1, &mut self.carrier.1] {
            while let Some(event) = end.poll_event() {
                black_box(event);
            }
        }
        assert_eq!(self.dialer.1.legs() + self.carrier.1.legs(), 0, "the call is over");
    }
}

fn attempts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sip");
    let mut pair = Pair::new(Span::millis(200));
    group.bench_function("refused", |bencher| bencher.iter(|| pair.refused()));
    let mut pair = Pair::new(Span::millis(200));
    group.bench_function("answered", |bencher| bencher.iter(|| pair.answered()));
    let mut pair = Pair::new(Span::micros(500));
    for _ in 0..64_000 {
        pair.refused();
    }
    group.bench_function("refused_at_2000_a_second", |bencher| bencher.iter(|| pair.refused()));
    group.finish();
}

criterion_group!(benches, attempts);
criterion_main!(benches);

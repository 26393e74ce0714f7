use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use quickcheck::{Arbitrary, Gen, quickcheck};
use rstest::rstest;

use super::super::error::CaptureError;
use super::super::test_file::TestFile;
use super::*;
use crate::model::observation::{ConntrackEventKind, QueuedError, TrackedTuple};
use crate::model::{
    Action, ConntrackEvent, CounterId, Delivery, Drop, EmittedFrame, SocketAction, SocketError, scenario_file,
};

/// The scenario of these tests: two interfaces of either kind, and sockets.
fn scenario() -> Arc<Scenario> {
    let mut scenario = scenario_file::by_name("host-sockets").unwrap().scenario();
    let mut second = scenario_file::by_name("host-ethernet").unwrap().scenario().interfaces.remove(0);
    second.addresses = vec!["10.1.0.1/24".parse().unwrap()];
    scenario.interfaces.push(second);
    Arc::new(scenario)
}

fn header(recorded: bool) -> TraceHeader {
    let recorded = recorded.then(|| RecordedDut {
        dut: "linux".to_owned(),
        version: "6.18.44 \\ a\nb".to_owned(),
        dimensions: Dimensions::ALL.without(crate::model::Dimension::Drops),
    });
    TraceHeader { name: "folder/a-trace".to_owned(), scenario: scenario(), recorded }
}

fn write(header: &TraceHeader, steps: &[TracedStep]) -> Vec<u8> {
    let mut writer = TraceWriter::new(Vec::new(), header).expect("a vector takes everything");
    for traced in steps {
        writer.step(&traced.step, traced.observed.as_ref()).expect("fits");
    }
    writer.finish().expect("a vector takes everything")
}

fn read(octets: &[u8]) -> Result<(TraceHeader, Vec<TracedStep>), CaptureError> {
    let file = TestFile::new(octets);
    let reader = TraceReader::open(file.path())?.expect("is a trace file");
    let header = reader.header().clone();
    Ok((header, reader.collect::<Result<_, _>>()?))
}

/// Steps with everything that can be said of them.
#[derive(Clone, Debug)]
struct Steps(Vec<TracedStep>);

fn octets(g: &mut Gen) -> Vec<u8> {
    match u8::arbitrary(g) % 8 {
        0 => vec![u8::arbitrary(g); 5000],
        1 => Vec::new(),
        _ => Vec::arbitrary(g),
    }
}

fn socket_address(g: &mut Gen) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::arbitrary(g), u16::arbitrary(g))
}

fn tuple(g: &mut Gen) -> TrackedTuple {
    TrackedTuple {
        source: Ipv4Addr::arbitrary(g),
        destination: Ipv4Addr::arbitrary(g),
        source_id: u16::arbitrary(g),
        destination_id: u16::arbitrary(g),
    }
}

fn entry(g: &mut Gen) -> ConntrackEntry {
    ConntrackEntry {
        protocol: u8::arbitrary(g),
        original: tuple(g),
        reply: tuple(g),
        timeout_s: Arbitrary::arbitrary(g),
        status: u32::arbitrary(g),
        tcp_state: Arbitrary::arbitrary(g),
        zone: u16::arbitrary(g),
        accounting: bool::arbitrary(g).then(|| [Arbitrary::arbitrary(g), Arbitrary::arbitrary(g)]),
    }
}

fn some<T>(g: &mut Gen, make: fn(&mut Gen) -> T) -> Vec<T> {
    (0..u8::arbitrary(g) % 3).map(|_| make(g)).collect()
}

fn action(g: &mut Gen) -> Action {
    let socket = usize::from(u8::arbitrary(g) % 5);
    let action = match u8::arbitrary(g) % 6 {
        0 => return Action::Advance,
        1 => SocketAction::Send { to: bool::arbitrary(g).then(|| socket_address(g)), data: octets(g) },
        2 => SocketAction::Connect { to: socket_address(g) },
        3 => SocketAction::SetOption { name: Arbitrary::arbitrary(g), value: i64::arbitrary(g) },
        4 => SocketAction::Close,
        _ => return Action::Inject { interface: usize::from(bool::arbitrary(g)), frame: octets(g) },
    };
    Action::Socket { socket, action }
}

fn socket_error(g: &mut Gen) -> SocketError {
    let queued = bool::arbitrary(g).then(|| QueuedError {
        origin: u8::arbitrary(g),
        icmp_type: u8::arbitrary(g),
        icmp_code: u8::arbitrary(g),
        info: u32::arbitrary(g),
        data: u32::arbitrary(g),
        offender: Ipv4Addr::arbitrary(g),
        name: socket_address(g),
        payload: octets(g),
    });
    SocketError { socket: usize::arbitrary(g), errno: String::arbitrary(g), queued }
}

fn conntrack_event(g: &mut Gen) -> ConntrackEvent {
    let kinds = [ConntrackEventKind::New, ConntrackEventKind::Update, ConntrackEventKind::Destroy];
    ConntrackEvent { kind: *g.choose(&kinds).unwrap(), entry: entry(g) }
}

fn counters(g: &mut Gen) -> Counters {
    let mut counters = Counters::new();
    for _ in 0..u8::arbitrary(g) % 4 {
        let slot = usize::arbitrary(g) % CounterId::COUNT;
        counters.set(CounterId::from_slot(slot), i64::arbitrary(g));
    }
    counters
}

fn observed(g: &mut Gen) -> Observed {
    let observation = Observation {
        frames: some(g, |g| EmittedFrame { interface: usize::from(bool::arbitrary(g)), octets: octets(g) }),
        deliveries: some(g, |g| Delivery {
            socket: usize::arbitrary(g),
            source: socket_address(g),
            data: octets(g),
        }),
        socket_errors: some(g, socket_error),
        drops: some(g, |g| Drop {
            reason: String::arbitrary(g).into(),
            location: Option::<String>::arbitrary(g).map(Into::into),
        }),
        conntrack_events: some(g, conntrack_event),
        refused: Arbitrary::arbitrary(g),
    };
    Observed {
        observation,
        clock: bool::arbitrary(g).then(|| Clock {
            monotonic: Duration::from_nanos(u64::arbitrary(g)),
            midnight_ms: u32::arbitrary(g),
        }),
        counters: bool::arbitrary(g).then(|| counters(g)),
        conntrack: bool::arbitrary(g).then(|| some(g, entry)),
        verdicts: Arbitrary::arbitrary(g),
    }
}

impl Arbitrary for Steps {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut at = Duration::ZERO;
        let steps = (0..u8::arbitrary(g) % 8).map(|_| {
            at += Duration::from_nanos(u64::arbitrary(g) >> 8);
            let step =
                Step { at, action: action(g), packet: u64::arbitrary(g), comment: Arbitrary::arbitrary(g) };
            TracedStep { step, observed: Some(observed(g)) }
        });
        Self(steps.collect())
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let steps = self.0.clone();
        let shorter = move |without: usize| {
            let mut fewer = steps.clone();
            fewer.remove(without);
            Self(fewer)
        };
        Box::new((0..self.0.len()).map(shorter))
    }
}

quickcheck! {
    fn a_recorded_trace_survives_its_file(steps: Steps) -> bool {
        let header = header(true);
        read(&write(&header, &steps.0)).unwrap() == (header, steps.0)
    }

    fn stimuli_survive_their_file(steps: Steps) -> bool {
        let header = header(false);
        let stimuli: Vec<_> =
            steps.0.into_iter().map(|traced| TracedStep { observed: None, ..traced }).collect();
        read(&write(&header, &stimuli)).unwrap() == (header, stimuli)
    }

    fn a_damaged_trace_file_never_panics(steps: Steps, damage: Vec<(u32, u8)>) -> bool {
        let mut file = write(&header(true), &steps.0);
        for (at, octet) in damage {
            let at = at as usize % file.len();
            file[at] = octet;
        }
        let file = TestFile::new(&file);
        if let Ok(Some(reader)) = TraceReader::open(file.path()) {
            let _ = reader.collect::<Vec<_>>();
        }
        true
    }
}

/// One inbound packet whose comment is `comment`.
fn with_comment(comment: &str) -> Vec<u8> {
    let step = Step {
        at: Duration::from_secs(1),
        action: Action::Inject { interface: 0, frame: vec![0x45] },
        packet: 0,
        comment: Some("@".repeat(comment.len() - 6)),
    };
    let file = write(&header(false), &[TracedStep { step, observed: None }]);
    let at = file.windows(6).rposition(|octets| octets == b"note: ").expect("the note is there");
    let mut edited = file[..at].to_vec();
    edited.extend(comment.as_bytes());
    edited.extend(&file[at + comment.len()..]);
    edited
}

#[test]
fn a_hand_written_comment_is_understood() {
    let comment = "packet: 17\ndrop: IP_CSUM at ip_rcv_core\ncounters: 1\ncounter: Ip.InReceives +1";
    let (_, steps) = read(&with_comment(comment)).unwrap();
    let observed = steps[0].observed.as_ref().expect("the comment tells of an observation");
    assert_eq!(steps[0].step.packet, 17);
    assert_eq!(observed.observation.drops[0].location.as_deref(), Some("ip_rcv_core"));
    assert_eq!(observed.counters.as_ref().unwrap().value(CounterId::by_name("Ip.InReceives").unwrap()), 1);
}

#[rstest]
#[case::no_key("something", "it has no `key: value`")]
#[case::unknown_key("colour: blue", "`colour` is no known key")]
#[case::unknown_counter("counters: 1\ncounter: Ip.Nothing +1", "there is no counter `Ip.Nothing`")]
#[case::counters_missing("counters: 2\ncounter: Ip.InReceives +1", "1 counters, but 2 were announced")]
#[case::data_missing("delivery: 0 from 1.2.3.4:5 length 2\ndata: 00", "1 octets of data are missing")]
#[case::data_too_much("delivery: 0 from 1.2.3.4:5 length 1\ndata: 0000", "more octets than announced")]
#[case::too_much("drop: IP_CSUM at here and there", "`and` is too much")]
#[case::no_escape("verdict: \\q", "`\\q` is no escape")]
#[case::wrong_packet("advance: 1.000000000", "the packet and its comment are not one step")]
fn a_wrong_comment_is_an_error(#[case] comment: &str, #[case] expected: &str) {
    let text = read(&with_comment(comment)).unwrap_err().to_string();
    assert!(text.contains("packet 1: ") && text.contains(expected), "{text}");
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    let step = Step { at: Duration::ZERO, action: Action::Advance, packet: 0, comment: None };
    let mut file = write(&header(false), &[TracedStep { step, observed: None }]);
    file.truncate(file.len() - 1);
    let text = read(&file).unwrap_err().to_string();
    assert!(text.contains("packet 1: the file is cut off"), "{text}");
}

#[test]
fn a_capture_is_no_trace_file() {
    let order = super::super::test_file::Order { big: false };
    for octets in [order.section(), order.pcap_header(0xa1b2_c3d4, 1), b"hello".to_vec()] {
        let file = TestFile::new(&octets);
        assert!(TraceReader::open(file.path()).unwrap().is_none());
        assert!(matches!(read_trace(file.path()), Err(CaptureError::NotATrace { .. })));
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let mut file = write(&header(false), &[]);
    let at = file.windows(8).position(|octets| octets == b" trace 1").expect("the schema is there");
    file[at + 7] = b'2';
    assert!(read(&file).unwrap_err().to_string().contains("schema 2; this netassay reads 1"));
}

/// A trace with every kind of step, in the file that `NETASSAY_TRACE_OUT` names, to be opened with Wireshark.
#[test]
fn a_whole_trace_can_be_written_and_read() {
    let step = |at, action| Step { at: Duration::from_secs(at), action, packet: at, comment: None };
    let echo = vec![
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xde, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0xf7, 0xff, 0, 0, 0, 0,
    ];
    let trace = Trace {
        name: "a".to_owned(),
        scenario: scenario(),
        steps: vec![
            step(1, Action::Inject { interface: 0, frame: echo }),
            step(31, Action::Advance),
            step(31, Action::Socket { socket: 0, action: SocketAction::Close }),
        ],
    };
    let kept = std::env::var_os("NETASSAY_TRACE_OUT");
    let scratch = TestFile::new(b"");
    let path = kept.as_ref().map_or(scratch.path(), |path| Path::new(path));
    write_trace(path, &trace).unwrap();
    assert_eq!(read_trace(path).unwrap(), trace);
}

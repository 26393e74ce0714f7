//! The live kernel as a DUT, checked against answers measured on Linux 6.18.44 (appendix A of the specification).
//!
//! Every test runs with the privileges there are and, as far as it applies, in an unprivileged user namespace.

#[path = "linux_dut/packet.rs"]
mod packet;
#[path = "linux_dut/router.rs"]
mod router;
#[path = "linux_dut/sockets.rs"]
mod sockets;

use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::dut::linux::{Devices, LinuxDut, Observers, Options, Privilege};
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{Action, CounterId, Counters, Dimension, Observation, Scenario, Step};
use packet::{HOST, PEER, checksum, echo_request, icmp, ip, udp};

/// What a test is given: a way to make DUTs.
type Body = fn(&mut LinuxDut) -> Result<(), DutError>;

const TESTS: &[(&str, Body)] = &[
    ("echo_request_is_answered", echo_request_is_answered),
    ("closed_port_is_reported", closed_port_is_reported),
    ("bad_header_checksum_is_counted", bad_header_checksum_is_counted),
    ("drops_have_reasons", drops_have_reasons),
    ("clock_never_goes_back", clock_never_goes_back),
    ("unopened_dut_is_gone", unopened_dut_is_gone),
    ("bare_frames_pass_like_any_other", bare_frames_pass_like_any_other),
    ("any_version_nibble_reaches_ip", any_version_nibble_reaches_ip),
    ("reopening_forgets_everything", reopening_forgets_everything),
    ("ethernet_frames_are_whole", ethernet_frames_are_whole),
    ("a_hundred_thousand_errors_are_never_refused", a_hundred_thousand_errors_are_never_refused),
    ("local_sockets_receive", sockets::local_sockets_receive),
    ("icmp_errors_reach_the_error_queue", sockets::icmp_errors_reach_the_error_queue),
    ("ping_socket_sends_and_receives", sockets::ping_socket_sends_and_receives),
    ("tcp_listener_accepts_and_delivers", sockets::tcp_listener_accepts_and_delivers),
    ("refused_calls_are_observed", sockets::refused_calls_are_observed),
    ("routes_of_every_kind", router::routes_of_every_kind),
    ("joined_groups_are_heard", router::joined_groups_are_heard),
    ("rejections_of_every_code", router::rejections_of_every_code),
    ("translated_connections_are_tracked", router::translated_connections_are_tracked),
    ("zones_and_notrack_are_obeyed", router::zones_and_notrack_are_obeyed),
    ("advance_waits_for_reassembly_to_time_out", advance_waits_for_reassembly_to_time_out),
    ("what_happens_between_steps_is_in_the_later", what_happens_between_steps_is_in_the_later),
];

const BEST: Options =
    Options { privilege: Privilege::Best, devices: Devices::Best, observers: Observers::Best };

/// The ways in which every test runs.
const WAYS: &[(&str, Options)] = &[
    ("best", BEST),
    ("without-bpf", Options { observers: Observers::WithoutBpf, ..BEST }),
    ("proc-only", Options { observers: Observers::ProcOnly, ..BEST }),
    ("veth", Options { devices: Devices::Veth, ..BEST }),
    ("user-namespace", Options { privilege: Privilege::UserNamespace, ..BEST }),
    ("user-namespace-veth", Options { privilege: Privilege::UserNamespace, devices: Devices::Veth, ..BEST }),
];

/// User and group number of nobody, who has no privilege at all.
const NOBODY: u32 = 65_534;

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::ignorable_test("all_ways_observe_the_same", || outcome(all_ways_observe_the_same())),
        Trial::ignorable_test("everything_works_as_nobody", everything_works_as_nobody),
        Trial::ignorable_test("vanished_device_is_gone", || outcome(vanished_device_is_gone())),
    ];
    for &(way, options) in WAYS {
        for &(name, body) in TESTS {
            let run = move || outcome(body(&mut LinuxDut::with(options)));
            trials.push(Trial::ignorable_test(format!("{way}::{name}"), run));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Runs the tests of the best way again, in a process without any privilege.
fn everything_works_as_nobody() -> Result<Completion, Failed> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(&program);
    command.arg("best::").current_dir("/").uid(NOBODY).gid(NOBODY);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Ok(Completion::ignored_with(format!("running {} as nobody: {error}", program.display())));
        }
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    if text.contains(" 0 passed") {
        return Ok(Completion::ignored_with("nobody may not make namespaces here"));
    }
    Ok(Completion::Completed)
}

/// What the machine cannot do is no failure, but it is no success either.
fn outcome(result: Result<(), DutError>) -> Result<Completion, Failed> {
    match result {
        Ok(()) => Ok(Completion::Completed),
        Err(error @ DutError::Environment { .. }) => Ok(Completion::ignored_with(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn scenario(text: &str) -> Scenario {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A host 10.0.0.1/24 on a bare IP link.
fn host() -> Scenario {
    scenario("name = 'host'\nrole = 'host'\n[[interface]]\nname = 't0'\naddresses = ['10.0.0.1/24']")
}

fn take(dut: &mut LinuxDut, at: Duration, action: Action) -> Result<Observation, DutError> {
    let mut observation = Observation::default();
    let step = Step { at, action, packet: 0, comment: None };
    dut.step(&step, Clock::default(), &mut observation)?;
    Ok(observation)
}

fn inject(dut: &mut LinuxDut, frame: Vec<u8>) -> Result<Observation, DutError> {
    take(dut, Duration::ZERO, Action::Inject { interface: 0, frame })
}

/// The counters that moved, as `name+amount`, without those that move with nearly every packet.
fn moved(dut: &mut LinuxDut) -> Result<Vec<String>, DutError> {
    let mut counters = Counters::new();
    dut.counters(&mut counters)?;
    let usual =
        ["Ip.InReceives", "IpExt.InOctets", "IpExt.OutOctets", "IpExt.InNoECTPkts", "Ip.OutTransmits"];
    let moved = counters.iter().map(|(id, amount)| (id.name(), amount));
    Ok(moved.filter(|(name, _)| !usual.contains(&&name[..])).map(|(name, n)| format!("{name}+{n}")).collect())
}

/// The only frame of `observation`.
#[track_caller]
fn only_frame(observation: &Observation) -> &[u8] {
    assert_eq!(observation.frames.len(), 1, "{observation:?}");
    &observation.frames[0].octets
}

// Row 1.
fn echo_request_is_answered(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    let observation = inject(dut, echo_request(PEER, HOST, b"abcdefgh"))?;
    let reply = only_frame(&observation);
    assert_eq!(reply.len(), 36);
    assert_eq!(checksum(&reply[..20]), 0);
    assert_eq!((&reply[12..16], &reply[16..20]), (&HOST.octets()[..], &PEER.octets()[..]));
    assert_eq!(&reply[20..], icmp(0, 0, [0, 1, 0, 1], b"abcdefgh"));
    assert_eq!(
        moved(dut)?,
        [
            "Ip.InDelivers+1",
            "Ip.OutRequests+1",
            "Icmp.InMsgs+1",
            "Icmp.OutMsgs+1",
            "IcmpMsg.InType8+1",
            "IcmpMsg.OutType0+1"
        ]
    );
    Ok(())
}

fn closed_port_is_reported(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    let datagram = ip(PEER, HOST, 17, &udp(1000, 9, b"hello"));
    let observation = inject(dut, datagram.clone())?;
    let error = only_frame(&observation);
    assert_eq!(error[1], 0xc0, "precedence of errors: RFC 1812 §4.3.2.5");
    assert_eq!(&error[20..], icmp(3, 3, [0; 4], &datagram));
    let counters = moved(dut)?;
    assert!(counters.contains(&"Udp.NoPorts+1".to_owned()), "{counters:?}");
    assert!(counters.contains(&"IcmpMsg.OutType3+1".to_owned()), "{counters:?}");
    Ok(())
}

// Row 15.
fn bad_header_checksum_is_counted(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    let mut datagram = echo_request(PEER, HOST, b"abcdefgh");
    datagram[10] ^= 0x55;
    let observation = inject(dut, datagram)?;
    assert_eq!(observation.frames, []);
    assert_eq!(moved(dut)?, ["Ip.InHdrErrors+1", "IpExt.InCsumErrors+1"]);
    Ok(())
}

// Rows 10 and 14, which TUN devices without packet information cannot show; §1.1 check 4.
fn any_version_nibble_reaches_ip(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    for version in (0..16).filter(|version| *version != 4) {
        let mut datagram = echo_request(PEER, HOST, b"abcdefgh");
        datagram[0] = version << 4 | 5;
        let observation = inject(dut, datagram)?;
        assert_eq!((observation.frames, observation.refused), (vec![], None), "version {version}");
    }
    assert_eq!(moved(dut)?, ["Ip.InHdrErrors+15"]);
    Ok(())
}

fn reopening_forgets_everything(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    // Half of a datagram, which the other half must not meet.
    let message = icmp(8, 0, [0, 1, 0, 1], &[7; 8]);
    inject(dut, packet::fragment(PEER, HOST, 1, 0x2000, &message[..8]))?;
    dut.open(&host())?;
    assert_eq!(moved(dut)?, Vec::<String>::new());
    let observation = inject(dut, packet::fragment(PEER, HOST, 1, 1, &message[8..]))?;
    assert_eq!(observation.frames, []);
    Ok(())
}

fn ethernet_frames_are_whole(dut: &mut LinuxDut) -> Result<(), DutError> {
    let text = "name = 'ethernet'\nrole = 'host'\n[[interface]]\nname = 'p0'\nlink = 'ethernet'\n\
        mac = '02:00:00:00:00:07'\naddresses = ['10.0.0.1/24']";
    dut.open(&scenario(text))?;
    let mut frame = vec![2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 9, 8, 0];
    frame.extend(echo_request(PEER, HOST, b"abcdefgh"));
    let observation = inject(dut, frame.clone())?;
    let reply = only_frame(&observation);
    // Without address resolution the kernel sends to its own address.
    assert_eq!(reply[..14], [2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 7, 8, 0]);
    assert_eq!(reply.len(), frame.len());
    // To somebody else: IP never sees it.
    frame[5] = 8;
    assert_eq!(inject(dut, frame)?.frames, []);
    Ok(())
}

fn a_hundred_thousand_errors_are_never_refused(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    let step = Step {
        at: Duration::ZERO,
        action: Action::Inject { interface: 0, frame: ip(PEER, HOST, 17, &udp(1000, 9, b"hello")) },
        packet: 0,
        comment: None,
    };
    let mut observation = Observation::default();
    for number in 0..100_000 {
        observation.clear();
        dut.step(&step, Clock::default(), &mut observation)?;
        assert_eq!(observation.frames.len(), 1, "error number {number}");
    }
    Ok(())
}

fn advance_waits_for_reassembly_to_time_out(dut: &mut LinuxDut) -> Result<(), DutError> {
    let mut host = host();
    host.sysctl.insert("net.ipv4.ipfrag_time".to_owned(), "1".to_owned());
    dut.open(&host)?;
    let message = icmp(8, 0, [0, 1, 0, 1], &[7; 40]);
    let first = packet::fragment(PEER, HOST, 1, 0x2000, &message[..8]);
    assert_eq!(inject(dut, first.clone())?.frames, []);
    // Fragments with holes between them, and others without a first one.
    inject(dut, packet::fragment(PEER, HOST, 1, 0x2002, &message[16..24]))?;
    inject(dut, packet::fragment(PEER, HOST, 1, 0x2004, &message[32..40]))?;
    inject(dut, packet::fragment(PEER, HOST, 17, 0x2001, &message[8..16]))?;
    let observation = take(dut, Duration::from_millis(1_500), Action::Advance)?;
    let error = only_frame(&observation);
    assert_eq!(error[20..22], [11, 1], "time exceeded, fragment reassembly: RFC 792");
    assert_eq!(&error[28..], first);
    if dut.is_watched_everywhere() {
        let reasons: Vec<_> = observation.drops.iter().map(|drop| &drop.reason[..]).collect();
        assert_eq!(reasons, ["FRAG_REASM_TIMEOUT"; 4]);
    }
    Ok(())
}

fn what_happens_between_steps_is_in_the_later(dut: &mut LinuxDut) -> Result<(), DutError> {
    let mut host = host();
    host.sysctl.insert("net.ipv4.ipfrag_time".to_owned(), "1".to_owned());
    dut.open(&host)?;
    let message = icmp(8, 0, [0, 1, 0, 1], &[7; 40]);
    inject(dut, packet::fragment(PEER, HOST, 1, 0x2000, &message[..8]))?;
    // The timer of the kernel fires while no step is taken; its counter says when.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !moved(dut)?.iter().any(|counter| counter.starts_with("Ip.ReasmFails")) {
        assert!(Instant::now() < deadline, "the fragment never timed out");
        std::thread::yield_now();
    }
    // The counter moves before the fragment is freed.
    let observation = take(dut, Duration::from_secs(2), Action::Advance)?;
    assert_eq!(only_frame(&observation)[20..22], [11, 1]);
    if dut.is_watched_everywhere() {
        let reasons: Vec<_> = observation.drops.iter().map(|drop| &drop.reason[..]).collect();
        assert_eq!(reasons, ["FRAG_REASM_TIMEOUT"]);
    }
    Ok(())
}

/// The host of [`host`] with more TOML after it.
fn host_with(more: &str) -> Scenario {
    let text = "name = 'host'\nrole = 'host'\n[[interface]]\nname = 't0'\naddresses = ['10.0.0.1/24']\n";
    scenario(&format!("{text}{more}"))
}

/// A TCP segment from port 1000 of the peer to port 80 of the host.
fn tcp(flags: u8, sequence: u32, acknowledgment: u32, data: &[u8]) -> Vec<u8> {
    let mut segment = vec![3, 232, 0, 80];
    segment.extend_from_slice(&sequence.to_be_bytes());
    segment.extend_from_slice(&acknowledgment.to_be_bytes());
    segment.extend_from_slice(&[0x50, flags, 32, 0, 0, 0, 0, 0]);
    segment.extend_from_slice(data);
    let len = (segment.len() as u16).to_be_bytes();
    let sum = checksum(&[&PEER.octets()[..], &HOST.octets(), &[0, 6], &len, &segment].concat());
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    ip(PEER, HOST, 6, &segment)
}

/// A router between `a` (10.0.0.1/24) and `b` (10.1.0.1/24).
fn router_with(role: &str, more: &str) -> Scenario {
    scenario(&format!(
        "name = 'router'\nrole = '{role}'\n[[interface]]\nname = 'a'\naddresses = ['10.0.0.1/24']\n\
         [[interface]]\nname = 'b'\naddresses = ['10.1.0.1/24']\nmtu = 600\n{more}"
    ))
}

/// A UDP segment for a router to forward.
fn question() -> Vec<u8> {
    ip(PEER, [10, 1, 0, 2].into(), 17, &udp(1000, 53, b"question"))
}

/// Datagrams that move many different counters, among them every way to drop one that appendix A knows of a host.
fn assorted() -> Vec<Vec<u8>> {
    let echo = || echo_request(PEER, HOST, b"abcdefgh");
    let with = |change: fn(&mut Vec<u8>)| {
        let mut datagram = echo();
        change(&mut datagram);
        datagram
    };
    let from = |source: [u8; 4]| echo_request(source.into(), HOST, b"abcdefgh");
    let message = |icmp_type, code| ip(PEER, HOST, 1, &icmp(icmp_type, code, [0; 4], &question()));
    let mut frames = vec![
        echo(),
        with(|datagram| datagram.truncate(19)),
        with(|datagram| datagram[0] = 0x44),
        with(|datagram| datagram[10] ^= 0x55),
        with(|datagram| datagram.truncate(30)),
        with(|datagram| datagram[22] ^= 0x55),
        from([0, 0, 0, 0]),
        from([127, 0, 0, 1]),
        from([224, 0, 0, 1]),
        from([10, 0, 0, 1]),
        echo_request(PEER, [224, 0, 0, 1].into(), b"abcdefgh"),
        echo_request(PEER, [10, 0, 0, 255].into(), b"abcdefgh"),
        echo_request(PEER, [10, 0, 0, 77].into(), b"abcdefgh"),
        echo_request(PEER, [192, 0, 2, 1].into(), b"abcdefgh"),
        ip(PEER, HOST, 253, b"abcdefgh"),
        ip(PEER, HOST, 17, &udp(1000, 9, b"hello")),
        ip(PEER, HOST, 17, &udp(1000, 9, b"hello")[..7]),
        ip(PEER, HOST, 136, &udp(1000, 9, b"hello")),
        tcp(2, 99, 0, b""),
        packet::fragment(PEER, HOST, 1, 0x2000, &icmp(8, 0, [0; 4], &[7; 16])[..16]),
        packet::fragment(PEER, HOST, 1, 1, &icmp(8, 0, [0; 4], &[7; 16])[8..]),
        packet::fragment(PEER, HOST, 17, 0x2000, &[7; 16]),
        packet::fragment(PEER, HOST, 17, 1, &[7; 16]),
        question(),
        vec![],
    ];
    // The answer to a timestamp request (13) holds the time.
    for icmp_type in (0..=45).filter(|icmp_type| *icmp_type != 13) {
        frames.push(message(icmp_type, 0));
    }
    frames
}

/// Everything observed of [`assorted`] and the counters after each.
type Seen = Vec<(Observation, Counters)>;

/// What every frame brought about, and whether drop reasons were to be had.
fn watch(options: Options, scenario: &Scenario) -> Result<(Seen, bool), DutError> {
    let mut dut = LinuxDut::with(options);
    dut.open(scenario)?;
    let mut seen = Vec::new();
    for frame in assorted() {
        let mut observation = inject(&mut dut, frame)?;
        for frame in &mut observation.frames {
            // The identification and the sequence number of TCP are the kernel's own choice.
            frame.octets[4..6].fill(0);
            frame.octets[10..12].fill(0);
            if frame.octets[9] == 6 {
                frame.octets[24..28].fill(0);
                frame.octets[36..38].fill(0);
            }
        }
        let shows_drops = dut.dimensions().contains(Dimension::Drops);
        assert_eq!(shows_drops, dut.why_no_drops().is_none());
        if !shows_drops {
            assert_eq!(observation.drops, []);
        }
        let mut counters = Counters::new();
        dut.counters(&mut counters)?;
        seen.push((observation, counters));
    }
    Ok((seen, dut.dimensions().contains(Dimension::Drops)))
}

fn all_ways_observe_the_same() -> Result<(), DutError> {
    let host = host_with("[[socket]]\nkind = 'tcp'\nlocal = '10.0.0.1:80'");
    let tracking =
        router_with("conntrack", "[[rule]]\nhook = 'forward'\nct-state = ['invalid']\naction = 'drop'");
    for scenario in [host, tracking] {
        let (best, shows_drops) = watch(BEST, &scenario)?;
        for (way, options) in &WAYS[1..] {
            let (other, other_shows_drops) = watch(*options, &scenario)?;
            for (step, (best, other)) in best.iter().zip(&other).enumerate() {
                let what = || {
                    format!("step {step} in scenario {}, best (left) against {way} (right)", scenario.name)
                };
                assert_eq!(best.0.frames, other.0.frames, "frames of {}", what());
                assert_eq!(best.1, other.1, "counters of {}", what());
                // Which machine lets whom see drops is a matter of its set-up; who sees them sees all.
                if shows_drops && other_shows_drops {
                    assert_eq!(best.0.drops, other.0.drops, "drops of {}", what());
                }
            }
        }
    }
    Ok(())
}

// Rows 7, 15, 17, 27, 31, 45 and 55.
fn drops_have_reasons(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    if let Some(why) = dut.why_no_drops() {
        return Err(DutError::Environment { what: "drop reasons".to_owned(), why: why.to_owned() });
    }
    let mut reason_of = |frame: Vec<u8>| -> Result<String, DutError> {
        let observation = inject(dut, frame)?;
        let [drop] = &observation.drops[..] else { panic!("{observation:?}") };
        assert!(drop.location.as_ref().is_some_and(|place| place.len() > 3), "{drop:?}");
        Ok(drop.reason.to_string())
    };
    let echo = echo_request(PEER, HOST, b"abcdefgh");
    let changed = |at: usize, value: u8| {
        let mut datagram = echo.clone();
        datagram[at] ^= value;
        datagram
    };
    let to = |destination: [u8; 4]| echo_request(PEER, destination.into(), b"abcdefgh");
    assert_eq!(reason_of(echo[..19].to_vec())?, "IP_INHDR");
    assert_eq!(reason_of(changed(10, 0x55))?, "IP_CSUM");
    assert_eq!(reason_of(echo[..30].to_vec())?, "PKT_TOO_SMALL");
    assert_eq!(reason_of(changed(22, 0x55))?, "ICMP_CSUM");
    assert_eq!(reason_of(echo_request([127, 0, 0, 1].into(), HOST, b"abcdefgh"))?, "IP_LOCALNET");
    assert_eq!(reason_of(to([0, 1, 2, 3]))?, "IP_INADDRERRORS");
    assert_eq!(reason_of(to([8, 8, 8, 8]))?, "IP_INADDRERRORS");
    assert_eq!(inject(dut, echo)?.drops, []);
    Ok(())
}

fn clock_never_goes_back(dut: &mut LinuxDut) -> Result<(), DutError> {
    let start = Instant::now();
    dut.open(&host())?;
    // Whoever pairs DUTs asks for it before the first step.
    let mut last = dut.clock().expect("it is open").monotonic;
    for milliseconds in [1u64, 2, 3, 10, 20, 30] {
        let now = dut_time(dut)?;
        assert!(now >= last, "{now:?} after {last:?}");
        take(dut, Duration::from_millis(milliseconds), Action::Advance)?;
        last = dut.clock().unwrap().monotonic;
        assert!(last >= now, "{last:?} after {now:?}");
    }
    assert!(start.elapsed() >= Duration::from_millis(30));
    // Time goes by without this DUT; opening it again it has to notice.
    let mut other = LinuxDut::new();
    other.open(&host())?;
    take(&mut other, Duration::from_millis(20), Action::Advance)?;
    dut.open(&host())?;
    let reopened = dut.clock().expect("it is open").monotonic;
    assert!(reopened >= last + Duration::from_millis(20 - 4), "{reopened:?} after {last:?}");
    Ok(())
}

/// When an echo request reached the kernel.
fn dut_time(dut: &mut LinuxDut) -> Result<Duration, DutError> {
    inject(dut, echo_request(PEER, HOST, b"abcdefgh"))?;
    Ok(dut.clock().expect("a step was taken").monotonic)
}

fn unopened_dut_is_gone(dut: &mut LinuxDut) -> Result<(), DutError> {
    assert!(matches!(inject(dut, vec![]), Err(DutError::Gone(_))));
    assert!(matches!(dut.counters(&mut Counters::new()), Err(DutError::Gone(_))));
    assert!(matches!(dut.conntrack(), Err(DutError::Gone(_))));
    Ok(())
}

/// Takes the device away under a DUT, as somebody with the right to do so can.
fn vanished_device_is_gone() -> Result<(), DutError> {
    for devices in [Devices::Best, Devices::Veth] {
        let mut dut = LinuxDut::with(Options { devices, ..BEST });
        dut.open(&host())?;
        let fd = dut.namespace().expect("it is open").as_raw_fd();
        let namespace = format!("--net=/proc/{}/fd/{fd}", std::process::id());
        let status = Command::new("nsenter").args([&namespace, "ip", "link", "delete", "t0"]).status();
        if !status.is_ok_and(|status| status.success()) {
            let what = "deleting the device".to_owned();
            return Err(DutError::Environment { what, why: "it takes root, nsenter and ip".to_owned() });
        }
        assert!(matches!(inject(&mut dut, echo_request(PEER, HOST, b"abcdefgh")), Err(DutError::Gone(_))));
        let waited = take(&mut dut, Duration::from_secs(3600), Action::Advance);
        assert!(matches!(waited, Err(DutError::Gone(_))), "{waited:?}");
        dut.open(&host())?;
        assert_eq!(inject(&mut dut, echo_request(PEER, HOST, b"abcdefgh"))?.frames.len(), 1);
    }
    Ok(())
}

fn bare_frames_pass_like_any_other(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host())?;
    assert!(dut.pass_bare(0, 0, &echo_request(PEER, HOST, b"abcdefgh"))?, "an answer is there");
    let mut counters = Counters::new();
    dut.counters(&mut counters)?;
    assert_eq!(counters.value(CounterId::icmp_in_type(8)), 1);
    Ok(())
}

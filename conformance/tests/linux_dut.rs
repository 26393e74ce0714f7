//! The live kernel as a DUT, checked against answers measured on Linux 6.18.44 (appendix A of the specification).
//!
//! Every test runs with the privileges there are and, as far as it applies, in an unprivileged user namespace.

#[path = "linux_dut/packet.rs"]
mod packet;

use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::dut::linux::LinuxDut;
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{Action, Counters, Observation, Scenario, Step};
use packet::{HOST, PEER, checksum, echo_request, icmp, ip, udp};

/// What a test is given: a way to make DUTs.
type Body = fn(&mut LinuxDut) -> Result<(), DutError>;

const TESTS: &[(&str, Body)] = &[
    ("echo_request_is_answered", echo_request_is_answered),
    ("closed_port_is_reported", closed_port_is_reported),
    ("bad_header_checksum_is_counted", bad_header_checksum_is_counted),
    ("any_version_nibble_reaches_ip", any_version_nibble_reaches_ip),
    ("reopening_forgets_everything", reopening_forgets_everything),
    ("ethernet_frames_are_whole", ethernet_frames_are_whole),
    ("a_hundred_thousand_errors_are_never_refused", a_hundred_thousand_errors_are_never_refused),
    ("advance_waits_for_reassembly_to_time_out", advance_waits_for_reassembly_to_time_out),
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = TESTS
        .iter()
        .map(|&(name, body)| Trial::ignorable_test(name, move || outcome(body(&mut LinuxDut::new()))))
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
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
    let first = packet::fragment(PEER, HOST, 1, 0x2000, &icmp(8, 0, [0, 1, 0, 1], &[7; 8])[..8]);
    assert_eq!(inject(dut, first.clone())?.frames, []);
    let observation = take(dut, Duration::from_millis(1_500), Action::Advance)?;
    let error = only_frame(&observation);
    assert_eq!(error[20..22], [11, 1], "time exceeded, fragment reassembly: RFC 792");
    assert_eq!(&error[28..], first);
    Ok(())
}

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use quickcheck::quickcheck;
use rstest::rstest;

use super::super::datagrams::{CaptureOptions, Truncated};
use super::super::test_file::{Order, TestFile};
use super::*;
use crate::model::{Action, Limits, LinkKind, Role, RouteKind, Step, scenario_file};

const LITTLE: Order = Order { big: false };

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// An IPv4 header without payload. The check sum is not looked at here.
fn datagram(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let mut octets = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0];
    octets.extend(source.octets());
    octets.extend(destination.octets());
    octets
}

/// A capture on a link of bare IPv4.
fn capture<'a>(flows: impl IntoIterator<Item = &'a (Ipv4Addr, Ipv4Addr)>) -> TestFile {
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, 228);
    for (number, (source, destination)) in flows.into_iter().enumerate() {
        file.extend(LITTLE.pcap_packet(number as u32, 0, &datagram(*source, *destination), 20));
    }
    TestFile::new(&file)
}

fn flows(texts: &[(&str, &str)]) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    texts.iter().map(|(source, destination)| (address(source), address(destination))).collect()
}

fn survey(file: &TestFile) -> Survey {
    Survey::of(file.path(), &CaptureOptions::default()).expect("can be read")
}

/// All steps and the skips by name; checks that no packet is lost and that the scenario is right.
#[track_caller]
fn replay(plan: &Plan) -> (Vec<Step>, BTreeMap<String, u64>) {
    let problems = scenario_file::problems(plan.scenario());
    assert!(problems.is_empty(), "{problems:?}");
    let mut replay = plan.replay().expect("opens");
    let steps: Vec<_> = replay.by_ref().collect::<Result<_, _>>().expect("is whole");
    assert_eq!(replay.packets(), replay.steps() + replay.skips().total());
    assert_eq!(replay.steps(), steps.len() as u64);
    let skips = replay.skips().iter().map(|(reason, packets)| (reason.to_string(), packets)).collect();
    (steps, skips)
}

fn interface_and_frame(step: &Step) -> (usize, &[u8]) {
    match &step.action {
        Action::Inject { interface, frame } => (*interface, frame),
        other => panic!("{other:?} is no injection"),
    }
}

fn skips(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(name, packets)| ((*name).to_owned(), *packets)).collect()
}

#[test]
fn host_owns_the_busiest_destination() {
    let file = capture(&flows(&[
        ("10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2"),
        ("10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "224.0.0.5"),
        ("10.0.0.2", "224.0.0.5"),
        ("10.0.0.2", "255.255.255.255"),
    ]));
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    let scenario = plan.scenario();
    assert_eq!(scenario.role, Role::Host);
    assert_eq!(scenario.interfaces[0].addresses, ["10.0.0.1/24".parse().unwrap()]);
    let (steps, skipped) = replay(&plan);
    let packets: Vec<_> = steps.iter().map(|step| step.packet).collect();
    assert_eq!(packets, [1, 3, 5, 6]);
    assert_eq!(skipped, skips(&[("sent-by-the-dut", 2)]));
    assert_eq!(steps[1].at.as_secs(), 2);
    assert!(plan.notes().iter().any(|note| note.starts_with("2 packets to multicast")), "{:?}", plan.notes());
}

#[test]
fn host_takes_what_brings_more_than_it_spoils() {
    // 1 is busiest; 2 gets much from 3 and little from 1; 3 gets only answers of 2.
    let file = capture(&flows(&[
        ("9.0.0.1", "10.0.0.1"),
        ("9.0.0.2", "10.0.0.1"),
        ("9.0.0.3", "10.0.0.1"),
        ("10.0.0.3", "10.0.0.2"),
        ("10.0.0.3", "10.0.0.2"),
        ("10.0.0.2", "10.0.0.3"),
    ]));
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    let (steps, skipped) = replay(&plan);
    assert_eq!((steps.len(), skipped), (5, skips(&[("sent-by-the-dut", 1)])));
}

#[test]
fn host_is_a_whole_side_where_that_is_more() {
    // 10.0.0.1 is busiest by itself, but the two it talks to get more together.
    let file = capture(&flows(&[
        ("9.0.0.1", "10.0.0.1"),
        ("9.0.0.2", "10.0.0.1"),
        ("9.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "9.0.0.1"),
        ("10.0.0.1", "9.0.0.2"),
        ("10.0.0.1", "9.0.0.1"),
        ("10.0.0.1", "9.0.0.2"),
    ]));
    let plan = Plan::new(&survey(&file), RoleChoice::Auto, Limits::Open);
    assert_eq!(plan.scenario().role, Role::Host);
    assert_eq!(replay(&plan).0.len(), 4);
}

#[test]
fn a_capture_of_broadcasts_has_a_hearer() {
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, 1);
    let frame = ethernet([0xff; 6], "10.0.0.255");
    file.extend(LITTLE.pcap_packet(0, 0, &frame, frame.len() as u32));
    let file = TestFile::new(&file);
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    assert_eq!(plan.scenario().interfaces[0].addresses, ["10.0.0.1/24".parse().unwrap()]);
    assert_eq!(replay(&plan).0.len(), 1);
}

#[test]
fn traffic_of_others_is_not_injected() {
    let file = capture(&flows(&[
        ("10.0.0.2", "10.0.0.1"),
        ("10.0.0.2", "10.0.0.1"),
        ("10.0.0.2", "10.0.0.1"),
        // Owning 10.0.0.2 would spoil the three above.
        ("10.0.0.3", "10.0.0.2"),
    ]));
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    assert_eq!(replay(&plan).1, skips(&[("not-to-the-dut", 1)]));
}

#[test]
fn host_that_talks_to_itself_takes_its_own_packets() {
    let file = capture(&flows(&[("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")]));
    let plan = Plan::new(&survey(&file), RoleChoice::Auto, Limits::Open);
    assert_eq!(plan.scenario().interfaces[0].sysctl["accept_local"], "1");
    assert_eq!(replay(&plan).0.len(), 2);
}

#[test]
fn many_destinations_become_local_routes() {
    let many: Vec<_> =
        (0..5000_u32).map(|n| (address("9.0.0.1"), Ipv4Addr::from_bits(0x0a00_0000 + n))).collect();
    let file = capture(&many);
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    let scenario = plan.scenario();
    assert_eq!(scenario.interfaces[0].addresses.len(), 16);
    let local = scenario.routes.iter().filter(|route| route.kind == RouteKind::Local).count();
    assert!((1..=256).contains(&local), "{local} local routes");
    assert_eq!(replay(&plan).0.len(), 5000);
}

#[test]
fn scattered_destinations_are_capped_and_said() {
    // A source beside each destination keeps the destinations from sharing prefixes.
    let many: Vec<_> = (0..1000_u32)
        .map(|n| (Ipv4Addr::from_bits(0x0a00_0001 + 2 * n), Ipv4Addr::from_bits(0x0a00_0000 + 2 * n)))
        .collect();
    let file = capture(&many);
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    let (steps, skipped) = replay(&plan);
    assert_eq!((steps.len(), skipped), (272, skips(&[("not-to-the-dut", 728)])));
    assert!(plan.notes().iter().any(|note| note.starts_with("728 rarer destinations")), "{:?}", plan.notes());
}

#[rstest]
#[case::router(RoleChoice::Router, Role::Router, 0)]
#[case::conntrack(RoleChoice::Conntrack, Role::Conntrack, 2)]
#[case::nat(RoleChoice::Nat, Role::Nat, 3)]
fn packets_enter_by_the_side_of_their_source(
    #[case] choice: RoleChoice,
    #[case] role: Role,
    #[case] rules: usize,
) {
    let file = capture(&flows(&[
        ("192.168.1.2", "8.8.8.8"),
        ("8.8.8.8", "192.168.1.2"),
        ("192.168.1.3", "9.9.9.9"),
        ("9.9.9.9", "192.168.1.3"),
        ("0.0.0.0", "8.8.8.8"),
        ("0.0.0.0", "255.255.255.255"),
    ]));
    let plan = Plan::new(&survey(&file), choice, Limits::Default);
    let scenario = plan.scenario();
    assert_eq!((scenario.role, scenario.limits, scenario.rules.len()), (role, Limits::Default, rules));
    let (steps, skipped) = replay(&plan);
    let entered: Vec<_> = steps.iter().map(|step| interface_and_frame(step).0).collect();
    assert_eq!(entered, [0, 1, 0, 1, 0, 0]);
    assert!(skipped.is_empty());
    let to_lan: Vec<_> = scenario
        .routes
        .iter()
        .filter(|route| route.dev.as_deref() == Some("lan"))
        .map(|route| route.to)
        .collect();
    assert_eq!(to_lan, ["192.168.1.2/31".parse().unwrap()]);
}

#[test]
fn answers_go_to_the_address_that_hides_the_inside() {
    let file = capture(&flows(&[
        ("192.168.1.2", "8.8.8.8"),
        ("8.8.8.8", "192.168.1.2"),
        ("8.8.8.8", "192.168.1.3"),
    ]));
    let survey = survey(&file);
    let destinations = |choice| {
        let mut replay = Plan::new(&survey, choice, Limits::Open).replay().unwrap();
        let steps: Vec<_> = replay.by_ref().map(Result::unwrap).collect();
        let destination = |step: &Step| <[u8; 4]>::try_from(&interface_and_frame(step).1[16..20]).unwrap();
        (steps.iter().map(destination).collect::<Vec<_>>(), replay.readdressed())
    };
    let inside = [192, 168, 1, 2];
    let silent = [192, 168, 1, 3];
    assert_eq!(destinations(RoleChoice::Conntrack), (vec![[8; 4], inside, silent], 0));
    assert_eq!(destinations(RoleChoice::Nat), (vec![[8; 4], [198, 19, 0, 1], silent], 1));
}

#[test]
fn own_subnets_of_the_router_keep_clear_of_the_capture() {
    let file = capture(&flows(&[("198.18.0.9", "198.19.0.7")]));
    let plan = Plan::new(&survey(&file), RoleChoice::Router, Limits::Open);
    let own: Vec<_> = plan.scenario().interfaces.iter().map(|interface| interface.addresses[0]).collect();
    assert_eq!(own, ["198.18.1.1/24".parse().unwrap(), "198.19.1.1/24".parse().unwrap()]);
}

#[test]
fn separate_conversations_are_divided_alike() {
    let pairs: Vec<_> = (0..200_u8)
        .map(|n| (Ipv4Addr::new(10, n % 7, 0, n), Ipv4Addr::new(192, 168, n % 5, n)))
        .map(|(a, b)| if a.octets()[3] % 2 == 0 { (a, b) } else { (b, a) })
        .collect();
    let plan = Plan::new(&survey(&capture(&pairs)), RoleChoice::Router, Limits::Open);
    assert_eq!(plan.scenario().routes.len(), 2, "{:?}", plan.scenario().routes);
}

#[test]
fn auto_says_what_it_chose() {
    let one_server = capture(&flows(&[("10.0.0.2", "10.0.0.1"), ("10.0.0.3", "10.0.0.1")]));
    let plan = Plan::new(&survey(&one_server), RoleChoice::Auto, Limits::Open);
    assert_eq!(plan.scenario().role, Role::Host);
    assert!(plan.notes()[0].starts_with("role auto: host, as 2 of 2"), "{:?}", plan.notes());
    // Everybody talks to everybody: nobody can be all of them.
    let all: Vec<_> = (1..=5_u8)
        .flat_map(|a| (1..=5_u8).filter(move |b| a != *b).map(move |b| (a, b)))
        .map(|(a, b)| (Ipv4Addr::new(10, 0, 0, a), Ipv4Addr::new(10, 0, 0, b)))
        .collect();
    let plan = Plan::new(&survey(&capture(&all)), RoleChoice::Auto, Limits::Open);
    assert_eq!(plan.scenario().role, Role::Router);
    assert!(plan.notes()[0].starts_with("role auto: router"), "{:?}", plan.notes());
}

/// An Ethernet frame with a datagram from 10.0.0.2.
fn ethernet(link_destination: [u8; 6], destination: &str) -> Vec<u8> {
    let mut frame = link_destination.to_vec();
    frame.extend([2, 0, 0, 0, 0, 9, 0x08, 0x00]);
    frame.extend(datagram(address("10.0.0.2"), address(destination)));
    frame
}

#[test]
fn link_classes_survive() {
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, 1);
    for (link_destination, destination) in [
        ([2, 0, 0, 0, 0, 7], "10.0.0.1"),
        ([0xff; 6], "10.0.0.1"),
        ([1, 0, 0x5e, 0, 0, 5], "224.0.0.5"),
        ([1, 0, 0x5e, 0, 0, 5], "10.0.0.1"),
        ([0xff; 6], "10.0.0.127"),
    ] {
        let frame = ethernet(link_destination, destination);
        file.extend(LITTLE.pcap_packet(0, 0, &frame, frame.len() as u32));
    }
    let file = TestFile::new(&file);
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    let interface = &plan.scenario().interfaces[0];
    assert_eq!(interface.link, LinkKind::Ethernet);
    assert_eq!(
        interface.addresses,
        ["10.0.0.1/25".parse().unwrap()],
        "the broadcast address tells the subnet"
    );
    let (steps, _) = replay(&plan);
    let destinations: Vec<_> = steps.iter().map(|step| interface_and_frame(step).1[..6].to_vec()).collect();
    let dut = vec![2, 0, 0, 0, 0, 1];
    let expected = [dut, vec![0xff; 6], vec![1, 0, 0x5e, 0, 0, 5], vec![1, 0, 0x5e, 0, 0, 1], vec![0xff; 6]];
    assert_eq!(destinations, expected);
    assert_eq!(interface_and_frame(&steps[0]).1[6..14], [2, 0, 0, 0, 0, 0xfe, 8, 0]);
}

#[test]
fn cut_off_datagrams_are_skipped_or_filled() {
    let mut whole = datagram(address("10.0.0.2"), address("10.0.0.1"));
    whole[3] = 24;
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, 228);
    file.extend(LITTLE.pcap_packet(0, 0, &whole, 24));
    // The datagram ends before the cut: only padding is missing.
    file.extend(LITTLE.pcap_packet(0, 0, &datagram(address("10.0.0.2"), address("10.0.0.1")), 46));
    file.extend(LITTLE.pcap_packet(0, 0, &whole, 70_000));
    let file = TestFile::new(&file);
    let plan = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open);
    let (steps, skipped) = replay(&plan);
    assert_eq!((steps.len(), skipped), (1, skips(&[("truncated-by-snaplen", 2)])));
    let options = CaptureOptions { truncated: Truncated::ZeroFill, ..CaptureOptions::default() };
    let survey = Survey::of(file.path(), &options).unwrap();
    let (steps, skipped) = replay(&Plan::new(&survey, RoleChoice::Host, Limits::Open));
    let lengths: Vec<_> = steps.iter().map(|step| interface_and_frame(step).1.len()).collect();
    assert_eq!((lengths, skipped), (vec![24, 20], skips(&[("longer-than-65535", 1)])));
}

#[test]
fn time_never_goes_back() {
    let octets = datagram(address("10.0.0.2"), address("10.0.0.1"));
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, 228);
    for seconds in [100, 105, 50, 106] {
        file.extend(LITTLE.pcap_packet(seconds, 0, &octets, 20));
    }
    let file = TestFile::new(&file);
    let mut replay = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open).replay().unwrap();
    let seconds: Vec<_> = replay.by_ref().map(|step| step.unwrap().at.as_secs()).collect();
    assert_eq!((seconds, replay.turned_back()), (vec![0, 5, 5, 6], 1));
}

#[test]
fn a_file_that_breaks_off_gives_its_steps_and_says_so() {
    let octets = datagram(address("10.0.0.2"), address("10.0.0.1"));
    let mut file = LITTLE.pcap_header(0xa1b2_c3d4, 228);
    file.extend(LITTLE.pcap_packet(1, 0, &octets, 20));
    file.extend(LITTLE.pcap_packet(2, 0, &octets, 20));
    file.truncate(file.len() - 3);
    let file = TestFile::new(&file);
    let mut replay = Plan::new(&survey(&file), RoleChoice::Host, Limits::Open).replay().unwrap();
    assert_eq!(replay.by_ref().count(), 1);
    let cut_off = replay.cut_off().expect("is noticed").to_string();
    assert!(cut_off.contains("cut off at offset 60 before packet 2"), "{cut_off}");
}

#[test]
fn a_given_scenario_is_entered_by_the_interface_to_the_source() {
    let file = capture(&flows(&[
        ("10.0.0.9", "10.1.0.9"),
        ("10.1.0.9", "10.0.0.9"),
        ("8.8.8.8", "10.0.0.9"),
        ("224.0.0.1", "10.0.0.9"),
    ]));
    let scenario = std::sync::Arc::new(scenario_file::by_name("router").unwrap().scenario());
    let plan = Plan::in_scenario(file.path(), &CaptureOptions::default(), scenario);
    let entered: Vec<_> = replay(&plan).0.iter().map(|step| interface_and_frame(step).0).collect();
    assert_eq!(entered, [0, 1, 1, 1]);
}

quickcheck! {
    fn every_packet_is_a_step_or_a_named_skip(ends: Vec<(u8, u8)>, spread: u8) -> bool {
        let place = |n: u8| match n % 16 {
            0 => address("224.0.0.251"),
            1 => address("255.255.255.255"),
            2 => address("127.0.0.1"),
            3 => address("0.0.0.0"),
            4 => address("240.0.0.1"),
            n => Ipv4Addr::from_bits(0x0a00_0000 | u32::from(n) << (spread % 20)),
        };
        let pairs: Vec<_> = ends.iter().map(|(a, b)| (place(*a), place(*b))).collect();
        let file = capture(&pairs);
        let survey = survey(&file);
        for choice in RoleChoice::ROLES.into_iter().chain([RoleChoice::Auto]) {
            let plan = Plan::new(&survey, choice, Limits::Open);
            let (steps, skipped) = replay(&plan);
            let total = steps.len() as u64 + skipped.values().sum::<u64>();
            if total != pairs.len() as u64 || (plan.scenario().role != Role::Host && !skipped.is_empty()) {
                return false;
            }
        }
        true
    }
}

/// Reads every capture in the folders that `NETASSAY_CAPTURES` lists, in every role. Without the variable there is
/// nothing to read.
#[test]
fn captures_of_others_are_accounted_for() {
    let Some(folders) = std::env::var_os("NETASSAY_CAPTURES") else {
        println!("not run: NETASSAY_CAPTURES names no folders with captures");
        return;
    };
    let mut files = Vec::new();
    let mut folders: Vec<_> = std::env::split_paths(&folders).collect();
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("can be listed").path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if matches!(extension, Some("pcap" | "pcapng" | "cap" | "trace")) {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "NETASSAY_CAPTURES names folders without captures");
    for file in &files {
        let survey = Survey::of(file, &CaptureOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        println!("{} packets {} usable {}", file.display(), survey.packets(), survey.usable());
        for choice in RoleChoice::ROLES.into_iter().chain([RoleChoice::Auto]) {
            let plan = Plan::new(&survey, choice, Limits::Open);
            let problems = scenario_file::problems(plan.scenario());
            assert!(problems.is_empty(), "{}: {problems:?}", file.display());
            let mut replay = plan.replay().expect("opened before");
            let steps = replay.by_ref().filter(Result::is_ok).count() as u64;
            assert_eq!(replay.packets(), steps + replay.skips().total(), "{}", file.display());
            assert_eq!(replay.packets(), survey.packets(), "{}", file.display());
            println!("  {choice}: {steps} steps {:?} {:?}", replay.skips().to_model(), plan.notes());
        }
    }
}

//! Replays what the live kernel was asked and compares what the stack lets out with what the kernel did.

mod replay;

use replay::compare::differences;
use replay::recording::{self, Event};
use replay::world::World;
use rstest::rstest;

/// Probes that are not comparable: recording, start of the label, why.
const NOT_COMPARABLE: &[(&str, &str, &str)] = &[
    (
        "fragments",
        "max ok len 65515",
        "whether freeing the reassembled buffer shows as an event differs between runs",
    ),
    ("forwarding", "fwd RA proto 253", "sockets were open that the recording does not name"),
    ("link-redirect", "fwd to unresolved", "the stack leaves address resolution to its caller"),
    ("link-redirect", "fwd 5 pkts to unresolved", "the stack leaves address resolution to its caller"),
    ("link-redirect", "fwd to failed neigh", "the stack leaves address resolution to its caller"),
    ("link-redirect", "echo from unresolved src", "the stack leaves address resolution to its caller"),
    ("link-redirect", "shared_media=0: on-subnet", "the redirect waited for address resolution"),
    ("mixed-1", "udp 224.0.0.251 joined, socket", "nobody read the socket, so nothing counted as received"),
    ("mixed-1", "udp to 224.0.0.251 from 0.0.0.0", "nobody read the socket, so nothing counted as received"),
    ("mixed-1", "ct ", "connection tracking has tests of its own"),
    ("mixed-4", "err route dst 30.9.0.1", "there are no routing policy rules"),
    ("mixed-4", "err route dst 30.10.0.1", "there are no routing policy rules"),
    ("mixed-4", "err route dst 30.11.0.1", "there are no routing policy rules"),
    ("mixed-4", "second frag via t1", "the first fragment is not in the recording"),
    ("mixed-7", "x", "sockets were open that the recording does not name"),
    ("path-mtu", "fn", "sockets were open that the recording does not name"),
    ("path-mtu", "x", "sockets were open that the recording does not name"),
    ("path-mtu", "echo big", "sockets were open that the recording does not name"),
    ("path-mtu", "fwd 1000 DF", "sockets were open that the recording does not name"),
    ("path-mtu", "big", "sockets were open that the recording does not name"),
    ("output", "SYN to listener", "sockets were open that the recording does not name"),
];

#[rstest]
#[case::receive("receive", include_str!("kernel/receive.txt"))]
#[case::routing("routing", include_str!("kernel/routing.txt"))]
#[case::options("options", include_str!("kernel/options.txt"))]
#[case::fragments("fragments", include_str!("kernel/fragments.txt"))]
#[case::icmp_in("icmp-in", include_str!("kernel/icmp-in.txt"))]
#[case::delivery_errors("delivery-errors", include_str!("kernel/delivery-errors.txt"))]
#[case::forwarding("forwarding", include_str!("kernel/forwarding.txt"))]
#[case::link_redirect("link-redirect", include_str!("kernel/link-redirect.txt"))]
#[case::mixed_1("mixed-1", include_str!("kernel/mixed-1.txt"))]
#[case::mixed_2("mixed-2", include_str!("kernel/mixed-2.txt"))]
#[case::mixed_3("mixed-3", include_str!("kernel/mixed-3.txt"))]
#[case::mixed_4("mixed-4", include_str!("kernel/mixed-4.txt"))]
#[case::mixed_5("mixed-5", include_str!("kernel/mixed-5.txt"))]
#[case::mixed_6("mixed-6", include_str!("kernel/mixed-6.txt"))]
#[case::mixed_7("mixed-7", include_str!("kernel/mixed-7.txt"))]
#[case::path_mtu("path-mtu", include_str!("kernel/path-mtu.txt"))]
#[case::output("output", include_str!("kernel/output.txt"))]
fn the_stack_answers_as_the_kernel_did(#[case] name: &str, #[case] text: &str) {
    let mut world = World::new();
    let mut report = String::new();
    let (mut probes, mut wrong) = (0, 0);
    for event in recording::read(text) {
        let Event::Probe(probe) = event else {
            world.apply(&event);
            continue;
        };
        let Some(answer) = world.probe(&probe) else { continue };
        if NOT_COMPARABLE.iter().any(|(file, label, _)| *file == name && probe.label.starts_with(label)) {
            continue;
        }
        probes += 1;
        let found = differences(&probe, &answer);
        if !found.is_empty() {
            wrong += 1;
            report += &format!("\n{}\n  {}", probe.label, found.join("\n  "));
        }
    }
    assert!(
        wrong == 0,
        "{wrong} of {probes} probes of `{name}` differ:{report}\nignored: {:?}",
        world.ignored
    );
}

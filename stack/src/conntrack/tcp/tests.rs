//! Sequences of segments as the live kernel judged them (`stack/spec/linux-conntrack-nat.md` §9.21).
//!
//! A row reads: direction, flags, sequence/acknowledgment, extras, then what is expected: connection tracking state and
//! direction, and the entry with its seconds of life, `A` for assured, `U` for unreplied; `-` for no entry.
//! `o` goes from A port 1000 to B port 80. Lives are those right after the packet.

use core::time::Duration;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use rstest::rstest;

use super::super::testing::{A, B, Tcp, ip, transport_checksum};
use super::super::*;
use crate::packet::Attachment;
use crate::time::Instant;

mod over;

/// A segment as a row describes it, ready to be classified, and how long to wait before it.
fn segment(words: &[&str]) -> (Vec<u8>, Duration) {
    let original = words[0] == "o";
    let (source, destination, ports) = if original { (A, B, (1000, 80)) } else { (B, A, (80, 1000)) };
    let (sequence, acknowledgment) = words[2].split_once('/').unwrap();
    let flags = words[1].trim_matches('0');
    let mut tcp = Tcp::new(ports, flags, sequence.parse().unwrap(), acknowledgment.parse().unwrap());
    let (mut wait, mut data, mut options) = (Duration::ZERO, Vec::new(), Vec::new());
    let (mut data_offset, mut checksum) = (None, None);
    for extra in &words[3..] {
        let (key, value) = extra.split_once('=').unwrap_or((extra, "0"));
        let value: u32 = value.parse().unwrap();
        match key {
            "data" => data = std::vec![b'x'; value as usize],
            "win" => tcp.window = value as u16,
            "scale" => options = std::vec![3, 3, value as u8, 1],
            "permit" => options = std::vec![4, 2, 1, 1],
            "sack" => {
                options = std::vec![1, 1, 5, 10, 0, 0, 0, 151];
                options.extend_from_slice(&value.to_be_bytes());
            }
            "doff" => data_offset = Some(value as u8),
            "ck" => checksum = Some(value as u8),
            "after" => wait = Duration::from_secs(u64::from(value)),
            _ => panic!("what is {key}?"),
        }
    }
    (tcp.data, tcp.options) = (&data, &options);
    let mut octets = tcp.octets(source, destination);
    if let Some(words) = data_offset {
        octets[12] = words << 4;
        octets[16..18].copy_from_slice(&[0, 0]);
        let right = transport_checksum(source, destination, 6, &octets);
        octets[16..18].copy_from_slice(&right.to_be_bytes());
    }
    if let Some(wrong) = checksum {
        octets[16..18].copy_from_slice(&[0, wrong]);
    }
    (ip(source, destination, 6, &octets), wait)
}

/// The entry as the rows write it.
fn entry(conntrack: &mut Conntrack, now: Instant) -> String {
    let mut shown = String::from("-");
    conntrack.dump(now, DumpCursor::default(), u32::MAX, |entry| {
        shown = format!("{} {}", entry.tcp_state.unwrap().name(), entry.timeout_s.unwrap());
        if entry.status.contains(Status::ASSURED) {
            shown += " A";
        } else if !entry.status.contains(Status::SEEN_REPLY) {
            shown += " U";
        }
    });
    shown
}

fn state(classification: Classification) -> &'static str {
    match classification {
        Classification::Tracked(tracked) => match (tracked.relation, tracked.direction) {
            (Relation::New, Direction::Original) => "NEW/o",
            (Relation::Established, Direction::Original) => "ESTABLISHED/o",
            (Relation::Established, Direction::Reply) => "ESTABLISHED/r",
            other => panic!("{other:?}"),
        },
        Classification::Invalid(_) => "INVALID",
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(knob: &str, rows: &str) {
    let mut config = ConntrackConfig::default();
    if let Some((name, value)) = knob.split_once('=') {
        config.set(&format!("net.netfilter.nf_conntrack_{name}"), value.parse().unwrap()).unwrap();
    }
    let mut conntrack = Conntrack::new(config, HashKey::from_seed(1));
    let mut now = Instant::from_micros(1 << 40);
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (stimulus, expected) = row.split_once(" -> ").unwrap();
        let (datagram, wait) = segment(&stimulus.split_whitespace().collect::<Vec<_>>());
        now = now + wait;
        let mut attachment = Attachment::NONE;
        let classification = conntrack.classify(now, Entrance::Prerouting, &datagram, 0, &mut attachment);
        assert_eq!(conntrack.confirm(now, &mut attachment), Confirmation::Accept, "{row}");
        let seen = format!("{} {}", state(classification), entry(&mut conntrack, now));
        assert_eq!(seen, expected.to_string(), "{row}");
        conntrack.table.check_invariants();
    }
}

#[rstest]
#[case::normal_open_close_by_orig(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 101/501 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
    r A 501/111 -> ESTABLISHED/r ESTABLISHED 432000 A
    o FA 111/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r A 501/112 -> ESTABLISHED/r CLOSE_WAIT 60 A
    r FA 501/112 -> ESTABLISHED/r LAST_ACK 30 A
    o A 112/502 -> ESTABLISHED/o TIME_WAIT 120 A
    o A 112/502 -> ESTABLISHED/o TIME_WAIT 120 A
    o S 9000/0 -> NEW/o SYN_SENT 120 U
"
)]
#[case::simultaneous_close(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r FA 501/101 -> ESTABLISHED/r LAST_ACK 30 A
    o A 102/502 -> ESTABLISHED/o TIME_WAIT 120 A
    r A 502/102 -> ESTABLISHED/r TIME_WAIT 120 A
"
)]
#[case::simultaneous_open(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r S 500/0 -> ESTABLISHED/r SYN_SENT2 120
    o SA 100/501 -> ESTABLISHED/o SYN_RECV 60
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    r A 501/101 -> ESTABLISHED/r ESTABLISHED 432000 A
"
)]
#[case::rst_to_syn(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r RA 0/101 -> ESTABLISHED/r -
"
)]
#[case::syn_retransmit(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    o S 100/0 after=2 -> NEW/o SYN_SENT 118 U
"
)]
#[case::rst_established_in_window_exact(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r R 501/0 -> ESTABLISHED/r CLOSE 10 A
    r R 501/0 -> ESTABLISHED/r CLOSE 10 A
"
)]
#[case::rst_established_seq_not_exact_above_maxack(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r R 600/0 -> ESTABLISHED/r ESTABLISHED 10 A
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 300 A
"
)]
#[case::rst_established_seq_below_maxack(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r R 400/0 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::rst_below_maxack_ignore_invalid_rst_1(
    "tcp_ignore_invalid_rst=1",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r R 400/0 -> ESTABLISHED/r ESTABLISHED 10 A
"
)]
#[case::rst_orig_dir_exact(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o R 101/0 -> ESTABLISHED/o CLOSE 10 A
"
)]
#[case::rst_orig_after_reply_data(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r PA 501/101 data=5 -> ESTABLISHED/r ESTABLISHED 300 A
    o R 101/0 -> ESTABLISHED/o CLOSE 10 A
"
)]
#[case::loose_pickup_ack(
    "",
    "
    o A 100/500 -> NEW/o ESTABLISHED 300 U
    o A 100/500 -> NEW/o ESTABLISHED 300 U
    r A 500/100 -> ESTABLISHED/r ESTABLISHED 300
    o A 100/500 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::loose_0_ack(
    "tcp_loose=0",
    "
    o A 100/500 -> INVALID -
"
)]
#[case::loose_pickup_fin_synack_rst_null(
    "",
    "
    o FA 100/500 -> INVALID -
    o SA 100/500 -> INVALID -
    o R 100/0 -> INVALID -
    o 0 100/0 -> INVALID -
    o F 100/0 -> INVALID -
    o SF 100/0 -> INVALID -
    o SR 1/0 -> INVALID -
    o SU 1/0 -> NEW/o SYN_SENT 120 U
"
)]
#[case::ack_in_syn_sent_orig_reply(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    o A 101/1 -> INVALID SYN_SENT 120 U
    r A 700/55 -> ESTABLISHED/r SYN_SENT 120
    r R 55/0 -> ESTABLISHED/r CLOSE 10
"
)]
#[case::syn_in_established_ignored_challenge_ack(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o S 5000/0 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 501/101 -> ESTABLISHED/r ESTABLISHED 432000 A
    o R 101/0 -> ESTABLISHED/o CLOSE 10 A
"
)]
#[case::syn_reply_in_established(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r S 5000/0 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::synack_orig_in_established(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o SA 5000/0 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::out_of_window_seq_high(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 9101/501 data=10 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 101/501 data=10 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::slightly_over_window(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 8288/501 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
    o PA 8294/501 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
"
)]
#[case::ack_over_upper_bound(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 101/5000 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::old_data(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 101/501 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
    r A 501/111 -> ESTABLISHED/r ESTABLISHED 432000 A
    o PA 101/501 data=10 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 4294958397/501 data=10 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::old_ack(
    "",
    "
    o S 100000/0 -> NEW/o SYN_SENT 120 U
    r SA 500000/100001 -> ESTABLISHED/r SYN_RECV 60
    o A 100001/500001 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 100001/434001 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 100001/434000 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 100001/433999 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 100001/433998 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::be_liberal(
    "tcp_be_liberal=1",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 90101/501 data=10 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 101/5000 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::zero_window_retrans_timeout(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 501/101 win=0 -> ESTABLISHED/r ESTABLISHED 300 A
"
)]
#[case::retrans_3(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 501/101 -> ESTABLISHED/r ESTABLISHED 432000 A
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 300 A
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 300 A
"
)]
#[case::unacked_data(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 101/501 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
"
)]
#[case::truncated_bad_doff_ck(
    "",
    "
    o S 100/0 doff=4 -> INVALID -
    o S 100/0 doff=6 -> INVALID -
    o S 100/0 ck=1 -> INVALID -
"
)]
#[case::fin_out_of_window_both_lower_timeout(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 100100/501 -> INVALID ESTABLISHED 432000 A
    r FA 100500/101 -> INVALID ESTABLISHED 300 A
"
)]
#[case::resync_ignored_syn_answered_by_synack(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o S 5000/0 -> ESTABLISHED/o ESTABLISHED 432000 A
    r SA 9000/5001 -> ESTABLISHED/r SYN_RECV 60 A
    o A 5001/9001 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::resync_of_a_connection_picked_up_trusts_the_side_that_sent_the_syn_only(
    "",
    "
    o A 100/500 -> NEW/o ESTABLISHED 300 U
    o S 5000/0 -> NEW/o ESTABLISHED 300 U
    r SA 9000/5001 -> ESTABLISHED/r SYN_RECV 60
    r A 90000/5001 -> ESTABLISHED/r SYN_RECV 60
    o A 90000/9001 -> INVALID SYN_RECV 60
"
)]
#[case::resync_with_an_ignored_syn_that_permits_sack(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o S 5000/0 permit -> ESTABLISHED/o ESTABLISHED 432000 A
    r SA 9000/5001 permit -> ESTABLISHED/r SYN_RECV 60 A
    o A 5001/9001 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 9001/5001 sack=5001 -> ESTABLISHED/r ESTABLISHED 432000 A
    r A 9001/5001 sack=5002 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::resync_with_an_ignored_syn_without_a_scale(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o S 5000/0 -> ESTABLISHED/o ESTABLISHED 432000 A
    r SA 9000/5001 scale=7 -> ESTABLISHED/r SYN_RECV 60 A
    o A 5001/9001 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 9001/5001 -> ESTABLISHED/r ESTABLISHED 432000 A
    o PA 500000/9001 data=10 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::resync_with_an_ignored_syn_with_a_scale(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o S 5000/0 scale=7 -> ESTABLISHED/o ESTABLISHED 432000 A
    r SA 9000/5001 scale=7 -> ESTABLISHED/r SYN_RECV 60 A
    o A 5001/9001 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 9001/5001 sack=5002 -> ESTABLISHED/r ESTABLISHED 432000 A
    o PA 500000/9001 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
"
)]
#[case::challenge_ack_in_last_ack(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r FA 501/102 -> ESTABLISHED/r LAST_ACK 30 A
    o S 7000/0 -> ESTABLISHED/o LAST_ACK 30 A
    r A 502/102 -> ESTABLISHED/r LAST_ACK 30 A
    o A 102/502 -> ESTABLISHED/o TIME_WAIT 120 A
"
)]
#[case::one_challenge_ack_in_last_ack_for_one_syn(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r FA 501/102 -> ESTABLISHED/r LAST_ACK 30 A
    o S 7000/0 -> ESTABLISHED/o LAST_ACK 30 A
    r A 502/102 -> ESTABLISHED/r LAST_ACK 30 A
    r A 502/102 -> ESTABLISHED/r TIME_WAIT 120 A
"
)]
#[case::rst_ack_matching_an_ack_that_was_let_through(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r A 900/50 -> ESTABLISHED/r SYN_SENT 120
    o RA 7777/900 -> ESTABLISHED/o CLOSE 10
"
)]
#[case::rst_below_maxack_after_another_syn(
    "",
    "
    o S 0/0 -> NEW/o SYN_SENT 120 U
    r SA 9000/0 -> ESTABLISHED/r SYN_RECV 60
    o SA 0/9001 -> ESTABLISHED/o SYN_RECV 60
    o SA 40/0 -> ESTABLISHED/o SYN_RECV 60
    r RA 9000/0 -> INVALID SYN_RECV 60
"
)]
#[case::window_scaling_both(
    "",
    "
    o S 100/0 scale=7 -> NEW/o SYN_SENT 120 U
    r SA 500/101 scale=7 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 501/101 -> ESTABLISHED/r ESTABLISHED 432000 A
    o PA 500101/501 data=10 -> ESTABLISHED/o ESTABLISHED 300 A
"
)]
#[case::window_scaling_only_orig(
    "",
    "
    o S 100/0 scale=7 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r A 501/101 -> ESTABLISHED/r ESTABLISHED 432000 A
    o PA 500101/501 data=10 -> INVALID ESTABLISHED 432000 A
"
)]
#[case::rst_ack_matching_ignored_syn(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o S 5000/0 -> ESTABLISHED/o ESTABLISHED 432000 A
    r RA 0/5001 -> ESTABLISHED/r CLOSE 10 A
"
)]
#[case::rst_after_own_syn_of_a_simultaneous_open(
    "",
    "
    o S 1000/0 -> NEW/o SYN_SENT 120 U
    r S 7000/0 -> ESTABLISHED/r SYN_SENT2 120
    r R 7101/0 -> ESTABLISHED/r SYN_SENT2 120
    "
)]
#[case::rst_after_the_other_syn_of_a_simultaneous_open(
    "",
    "
    o S 1000/0 -> NEW/o SYN_SENT 120 U
    r S 7000/0 -> ESTABLISHED/r SYN_SENT2 120
    o R 1101/0 -> ESTABLISHED/o CLOSE 10
    "
)]
#[case::sack_beyond_ack(
    "",
    "
    o S 100/0 permit -> NEW/o SYN_SENT 120 U
    r SA 500/101 permit -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o PA 101/501 data=100 -> ESTABLISHED/o ESTABLISHED 300 A
    r A 501/101 sack=201 -> ESTABLISHED/r ESTABLISHED 300 A
    r A 501/101 sack=999 -> INVALID ESTABLISHED 300 A
"
)]
#[case::fin_without_prior_data_dup_fin(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    o FA 101/501 -> ESTABLISHED/o LAST_ACK 30 A
"
)]
#[case::data_after_fin_wait_from_reply(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r PA 501/102 data=5 -> ESTABLISHED/r CLOSE_WAIT 60 A
    o A 102/506 -> ESTABLISHED/o CLOSE_WAIT 60 A
"
)]
fn sequence(#[case] knob: &str, #[case] rows: &str) {
    check(knob, rows);
}

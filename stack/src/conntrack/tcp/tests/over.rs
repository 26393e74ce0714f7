//! Sequences of connections that are over, or nearly.

use rstest::rstest;

use super::check;

#[rstest]
#[case::rst_in_fin_wait_wild_seq(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r R 123456789/0 -> ESTABLISHED/r CLOSE 10 A
"
)]
#[case::syn_after_close_by_reply_rst(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r R 501/0 -> ESTABLISHED/r CLOSE 10 A
    o S 9000/0 -> ESTABLISHED/o CLOSE 10 A
    r SA 600/9001 -> ESTABLISHED/r SYN_RECV 60 A
    o A 9001/601 -> ESTABLISHED/o ESTABLISHED 432000 A
"
)]
#[case::syn_after_close_by_orig_rst(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o R 101/0 -> ESTABLISHED/o CLOSE 10 A
    o S 9000/0 -> NEW/o SYN_SENT 120 U
"
)]
#[case::syn_after_time_wait_closed_by_reply_side(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r FA 501/101 -> ESTABLISHED/r FIN_WAIT 120 A
    o FA 101/502 -> ESTABLISHED/o LAST_ACK 30 A
    r A 502/102 -> ESTABLISHED/r TIME_WAIT 120 A
    o S 9000/0 -> NEW/o SYN_SENT 120 U
"
)]
#[case::reopen_from_time_wait_by_reply_side(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    o FA 101/501 -> ESTABLISHED/o FIN_WAIT 120 A
    r FA 501/102 -> ESTABLISHED/r LAST_ACK 30 A
    o A 102/502 -> ESTABLISHED/o TIME_WAIT 120 A
    r S 90000/0 -> NEW/o SYN_SENT 120 U
"
)]
#[case::segments_that_do_not_fit_after_a_reset(
    "",
    "
    o S 100/0 -> NEW/o SYN_SENT 120 U
    r SA 500/101 -> ESTABLISHED/r SYN_RECV 60
    o A 101/501 -> ESTABLISHED/o ESTABLISHED 432000 A
    r R 501/0 -> ESTABLISHED/r CLOSE 10 A
    o A 101/501 -> ESTABLISHED/o CLOSE 10 A
    o A 101/5000 -> INVALID CLOSE 10 A
    o FA 90101/501 -> INVALID CLOSE 10 A
"
)]
fn sequence(#[case] knob: &str, #[case] rows: &str) {
    check(knob, rows);
}

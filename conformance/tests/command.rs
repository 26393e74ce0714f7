//! The `netassay` command as a whole: what it says and leaves behind when something is wrong, and when somebody without
//! any privilege runs it.

#[path = "command/doctor.rs"]
mod doctor;
#[path = "command/end.rs"]
mod end;
#[path = "command/faults.rs"]
mod faults;
#[path = "command/room.rs"]
mod room;
#[path = "command/serve.rs"]
mod serve;
#[path = "command/work.rs"]
mod work;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// What a test says of itself.
type Outcome = Result<Completion, Failed>;

type Test = (&'static str, fn() -> Outcome);

const TESTS: &[Test] = &[
    ("doctor_speaks_to_nobody", doctor::speaks_to_nobody),
    ("doctor_without_tun", doctor::without_tun),
    ("doctor_without_types", doctor::without_types),
    ("doctor_without_nft", doctor::without_nft),
    ("doctor_without_trace_file_system", doctor::without_trace_file_system),
    ("doctor_without_user_namespaces", doctor::without_user_namespaces),
    ("garbage_is_named_and_the_rest_compared", faults::garbage_is_named_and_the_rest_compared),
    ("cut_off_capture_is_used_as_far_as_it_goes", faults::cut_off_capture_is_used_as_far_as_it_goes),
    ("typo_in_a_scenario_names_file_and_line", faults::typo_in_a_scenario_names_file_and_line),
    ("a_stack_that_cannot_be_had_is_a_column", faults::a_stack_that_cannot_be_had_is_a_column_of_the_matrix),
    ("missing_capture_is_named", faults::missing_capture_is_named),
    ("without_any_privilege_doctor_is_named", faults::without_any_privilege_doctor_is_named),
    ("vanished_device_ends_its_row_only", faults::vanished_device_ends_its_row_only),
    ("full_device_keeps_the_other_reports", faults::full_device_keeps_the_other_reports),
    ("full_file_system_is_told", faults::full_file_system_is_told),
    ("interrupted_run_keeps_what_is_done", end::interrupted_run_keeps_what_is_done),
    ("killed_run_leaves_nothing", end::killed_run_leaves_nothing),
    ("panic_leaves_nothing", end::panic_leaves_nothing),
    ("nobody_compares_with_the_live_kernel", work::nobody_compares_with_the_live_kernel),
    ("records_replay", work::records_replay),
    ("send_shows_answers_side_by_side", work::send_shows_answers_side_by_side),
    ("ping_works_with_a_served_stack", serve::ping),
    ("traceroute_works_with_a_served_stack", serve::traceroute),
    ("nmap_works_with_a_served_stack", serve::nmap),
    ("send_points_at_the_column", work::send_points_at_the_column),
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = TESTS.iter().map(|&(name, test)| Trial::ignorable_test(name, test)).collect();
    let stock = room::Room::stock();
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(stock);
    conclusion.exit();
}

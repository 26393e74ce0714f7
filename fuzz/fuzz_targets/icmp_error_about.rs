#![no_main]

netassay_fuzz::script_target!("icmp_error_about");

#![no_main]

netassay_fuzz::script_target!("nat_sequence");

#![no_main]

netassay_fuzz::script_target!("conntrack_sequence");

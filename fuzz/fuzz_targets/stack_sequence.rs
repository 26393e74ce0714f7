#![no_main]

netassay_fuzz::script_target!("stack_sequence");

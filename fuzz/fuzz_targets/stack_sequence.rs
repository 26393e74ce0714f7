#![no_main]

netassay_fuzz::script_target!(STACK_SEQUENCE);

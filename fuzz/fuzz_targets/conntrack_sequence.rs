#![no_main]

netassay_fuzz::script_target!(CONNTRACK_SEQUENCE);

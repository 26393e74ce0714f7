#![no_main]

netassay_fuzz::script_target!(NAT_SEQUENCE);

#![no_main]

netassay_fuzz::script_target!(ICMP_ERROR_ABOUT);

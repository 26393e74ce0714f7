#![no_main]

netassay_fuzz::octet_target!("icmp_error_inner");

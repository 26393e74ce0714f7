#![no_main]

netassay_fuzz::octet_target!("ipv4_options");

#![no_main]

netassay_fuzz::octet_target!(ICMP_ERROR_INNER);

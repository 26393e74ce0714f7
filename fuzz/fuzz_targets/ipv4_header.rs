#![no_main]

netassay_fuzz::octet_target!(IPV4_HEADER);

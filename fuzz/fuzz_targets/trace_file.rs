#![no_main]

netassay_fuzz::octet_target!(TRACE_FILE);

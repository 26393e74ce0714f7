#![no_main]

netassay_fuzz::octet_target!("trace_file");

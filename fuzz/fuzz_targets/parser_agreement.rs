#![no_main]

netassay_fuzz::octet_target!("parser_agreement");

#![no_main]

netassay_fuzz::octet_target!(PARSER_AGREEMENT);

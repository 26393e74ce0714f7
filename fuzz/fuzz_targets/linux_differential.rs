//! Needs a machine where namespaces may be made; see `netassay doctor`.

#![no_main]

netassay_fuzz::script_target!(LINUX_DIFFERENTIAL);

//! Octets only: typed views, builders and checksums. Knows no address of its own, no time, no policy.

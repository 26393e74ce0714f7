//! Packet filters in libpcap's language, applied to packets already read.
//!
//! libpcap's own file filter would hide the packets it does not select, and packet numbers with them; and it knows
//! one link type per file where pcapng has one per interface.

use std::collections::BTreeMap;

use pcap::{BpfProgram, Capture, Linktype};

use super::super::error::CaptureError;

/// A filter expression, compiled once for each link type that occurs.
pub(super) struct Filter {
    expression: String,
    programs: BTreeMap<u32, BpfProgram>,
}

impl Filter {
    pub(super) fn new(expression: &str) -> Self {
        Self { expression: expression.to_owned(), programs: BTreeMap::new() }
    }

    /// Whether the filter selects a packet of this link type.
    pub(super) fn selects(&mut self, link_type: u32, octets: &[u8]) -> Result<bool, CaptureError> {
        if let Some(program) = self.programs.get(&link_type) {
            return Ok(program.filter(octets));
        }
        let program = self.compile(link_type)?;
        let selects = program.filter(octets);
        self.programs.insert(link_type, program);
        Ok(selects)
    }

    fn compile(&self, link_type: u32) -> Result<BpfProgram, CaptureError> {
        let compiled = Capture::dead(Linktype(libpcap_link_type(link_type)))
            .and_then(|dead| dead.compile(&self.expression, true));
        compiled.map_err(|error| CaptureError::Filter {
            filter: self.expression.clone(),
            link_type,
            why: match error {
                pcap::Error::PcapError(text) => text,
                other => other.to_string(),
            },
        })
    }
}

/// libpcap's own number for a link type of a file. They differ for raw IP only, among those with a decoder here.
fn libpcap_link_type(link_type: u32) -> i32 {
    match link_type {
        101 => 12,
        other => i32::try_from(other).unwrap_or(i32::MAX),
    }
}

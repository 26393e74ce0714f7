//! ICMP errors: which connection the quoted datagram belongs to.

use super::attachment::{Place, Relation, Tracked};
use super::entry::Jiffies;
use super::judgment::Invalidity;
use super::octets::address;
use super::tracker::Conntrack;
use super::tuple::{Located, extract, locate};

/// Octets of an ICMP error before the datagram it quotes.
pub(crate) const QUOTE_OFFSET: usize = 8;

/// Finds the connection that the error at `at` in `datagram` is about.
///
/// Nothing of the quoted header is believed but what makes the tuple. In particular its IHL may be below 5, so that
/// the ports are read from inside of the header, and neither its checksum nor its length matters; the source of the
/// error does not matter either. Its destination must be the source of the quoted datagram. RFC 5508 §4.
pub(crate) fn relate(
    conntrack: &mut Conntrack,
    now: Jiffies,
    datagram: &[u8],
    at: Located,
    zone: u16,
) -> Result<Tracked, Invalidity> {
    let quoted = locate(datagram, at.transport + QUOTE_OFFSET).ok_or(Invalidity::QuoteUnusable)?;
    let tuple = extract(datagram, quoted).ok_or(Invalidity::QuoteUnusable)?;
    // Who quotes a datagram is on its way; what it has in common with the entry is the answer to it.
    let answer = tuple.invert().ok_or(Invalidity::QuoteUnusable)?;
    let (id, direction) = conntrack.find(now, answer, zone).ok_or(Invalidity::QuoteUnknown)?;
    let receiver = conntrack.table.get(id).map(|entry| entry.tuple(direction).destination);
    if address(datagram, at.header + 16) != receiver {
        return Err(Invalidity::QuoteMisdirected);
    }
    Ok(Tracked { place: Place::Table(id), relation: Relation::Related, direction })
}

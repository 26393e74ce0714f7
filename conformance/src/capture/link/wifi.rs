//! IEEE 802.11 data frames, bare or behind the headers that capture tools put before them.

use super::{Datagram, LinkClass, SkipReason, ethernet, skip, take};

/// A MAC frame without check sequence. IEEE 802.11 §9.3.2.
pub(super) fn frame(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    data_frame(frame, false)
}

/// A radiotap header, which tells whether the check sequence is there and whether the header was padded.
pub(super) fn radiotap(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, _) = take::<4>(frame)?;
    let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
    let mac_frame = skip(frame, length)?;
    let flags = radiotap_flags(&frame[..length]).unwrap_or(0);
    let without_check = match mac_frame.split_last_chunk::<4>() {
        Some((data, _)) if flags & 0x10 != 0 => data,
        _ => mac_frame,
    };
    data_frame(without_check, flags & 0x20 != 0)
}

/// The flags field of a radiotap header, if present.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let present = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let first = present(4)?;
    let mut fields = 8;
    let mut word = first;
    while word & 1 << 31 != 0 {
        word = present(fields)?;
        fields += 4;
    }
    if first & 1 != 0 {
        // The 64-bit timestamp stands before, at a multiple of eight.
        fields = fields.next_multiple_of(8) + 8;
    }
    if first & 2 != 0 { header.get(fields).copied() } else { None }
}

/// The Prism header has a fixed length; drivers also put the AVS header under this link type.
pub(super) fn prism(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (magic, _) = take::<4>(frame)?;
    if u32::from_be_bytes(*magic) & 0xffff_f000 == 0x8021_1000 {
        return avs(frame);
    }
    data_frame(skip(frame, 144)?, false)
}

/// The AVS header begins with a magic number and its own length.
pub(super) fn avs(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, _) = take::<8>(frame)?;
    let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    data_frame(skip(frame, usize::try_from(length).unwrap_or(usize::MAX))?, false)
}

/// The LLC payload of a data frame in the clear. `padded`: the MAC header was filled up to a multiple of four.
fn data_frame(frame: &[u8], padded: bool) -> Result<Datagram<'_>, SkipReason> {
    let (control, _) = take::<2>(frame)?;
    let [first, flags] = *control;
    match first >> 2 & 3 {
        0 => return Err(SkipReason::Protocol("wifi-management")),
        1 => return Err(SkipReason::Protocol("wifi-control")),
        2 => {}
        _ => return Err(SkipReason::Protocol("wifi-extension")),
    }
    if first & 0x40 != 0 {
        return Err(SkipReason::Protocol("wifi-no-data"));
    }
    if flags & 0x40 != 0 {
        return Err(SkipReason::Protocol("wifi-encrypted"));
    }
    let (to_ds, from_ds, has_qos, has_order) =
        (flags & 1 != 0, flags & 2 != 0, first & 0x80 != 0, flags & 0x80 != 0);
    let mut header_len = if to_ds && from_ds { 30 } else { 24 };
    if has_qos {
        let qos = frame.get(header_len).ok_or(SkipReason::LinkHeaderCutOff)?;
        if qos & 0x80 != 0 {
            return Err(SkipReason::Protocol("wifi-amsdu"));
        }
        header_len += if has_order { 6 } else { 2 };
    }
    if padded {
        header_len = header_len.next_multiple_of(4);
    }
    // The destination stands third when the frame goes to the distribution system, else first.
    let (destination, _) = take::<6>(skip(frame, if to_ds { 16 } else { 4 })?)?;
    Ok(Datagram { octets: ethernet::llc(skip(frame, header_len)?)?, class: LinkClass::of_mac(destination) })
}

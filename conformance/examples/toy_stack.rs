//! A toy stack that answers ping, as a DUT: `netassay diff --b exec:target/debug/examples/toy_stack CAPTURE`.
//!
//! The protocol is described in `src/dut/exec/PROTOCOL.md`.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use serde_json::{Value, json};

const HEADER: usize = 16;

fn main() -> std::io::Result<()> {
    let harness = UnixDatagram::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let (mut buffer, mut own) = (vec![0; 1 << 18], Ipv4Addr::UNSPECIFIED);
    loop {
        let len = harness.recv(&mut buffer)?;
        if len == 0 {
            return Ok(()); // The harness is done.
        }
        let answer = if buffer[0] == 0 {
            let frame = &mut buffer[..len];
            if answer_ping(&mut frame[HEADER..], own) {
                harness.send(frame)?;
            }
            json!({})
        } else {
            respond(&serde_json::from_slice(&buffer[..len])?, &mut own)
        };
        harness.send(answer.to_string().as_bytes())?;
    }
}

fn respond(request: &Value, own: &mut Ipv4Addr) -> Value {
    if request.get("hello").is_some() {
        return json!({ "protocol": 1, "name": "toy", "version": "1", "dimensions": ["frames"] });
    }
    let Some(scenario) = request.get("open") else {
        // Time that passes changes nothing here.
        return if request.get("advance").is_some() { json!({}) } else { json!({ "unsupported": "a toy" }) };
    };
    if scenario["role"] != "host" || scenario["interface"][0]["link"] != "ip" {
        return json!({ "unsupported": "a toy is a host on a link without Ethernet" });
    }
    let address = scenario["interface"][0]["addresses"][0].as_str().unwrap_or_default();
    *own = address.split('/').next().and_then(|text| text.parse().ok()).unwrap_or(*own);
    json!({})
}

/// Makes an echo reply of an echo request to `own`, in place; false if it is something else.
fn answer_ping(datagram: &mut [u8], own: Ipv4Addr) -> bool {
    let is_ping = datagram.len() >= 28
        && (datagram[0], datagram[9], datagram[20]) == (0x45, 1, 8)
        && datagram[16..20] == own.octets();
    if is_ping {
        let (source, destination) = datagram[12..20].split_at_mut(4);
        source.swap_with_slice(destination);
        datagram[20] = 0;
        // The type was 8 and is 0, so the sum of the message, which is kept inverted, goes up by 8 × 256. RFC 1624.
        let sum = u32::from(u16::from_be_bytes([datagram[22], datagram[23]])) + 0x800;
        datagram[22..24].copy_from_slice(&((sum % 0x10000 + sum / 0x10000) as u16).to_be_bytes());
    }
    is_ping
}

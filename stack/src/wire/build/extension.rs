//! Extension structures of ICMP messages.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::super::checksum;
use super::super::extension::{ObjectClass, VERSION};
use super::put_u16;

/// An extension structure without objects. RFC 4884 §7.
pub const fn extension() -> ExtensionBuilder {
    ExtensionBuilder { version: VERSION, checksum: None, objects: Vec::new() }
}

/// The structure of an Extended Echo Request about the interface called `name`, padded to words. RFC 8335 §2.1.
pub fn interface_by_name(name: impl AsRef<[u8]>) -> ExtensionBuilder {
    let mut data = name.as_ref().to_vec();
    data.resize(data.len().next_multiple_of(4), 0);
    extension().object(ObjectClass::InterfaceIdentification, 1, data)
}

/// The structure of an Extended Echo Request about the interface of `index`.
pub fn interface_by_index(index: u32) -> ExtensionBuilder {
    extension().object(ObjectClass::InterfaceIdentification, 2, index.to_be_bytes())
}

/// The structure of an Extended Echo Request about the interface that has `address`.
pub fn interface_by_address(address: impl Into<IpAddr>) -> ExtensionBuilder {
    let mut data = Vec::with_capacity(20);
    match address.into() {
        IpAddr::V4(address) => {
            data.extend([0, 1, 4, 0]);
            data.extend(address.octets());
        }
        IpAddr::V6(address) => {
            data.extend([0, 2, 16, 0]);
            data.extend(address.octets());
        }
    }
    extension().object(ObjectClass::InterfaceIdentification, 3, data)
}

/// Builds an extension structure.
#[derive(Clone, Debug)]
pub struct ExtensionBuilder {
    version: u8,
    checksum: Option<u16>,
    objects: Vec<u8>,
}

impl ExtensionBuilder {
    /// Sets the version instead of 2.
    pub fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Sets the checksum instead of computing it.
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Appends an object.
    pub fn object(self, class: impl Into<ObjectClass>, c_type: u8, data: impl AsRef<[u8]>) -> Self {
        let length = (4 + data.as_ref().len()) as u16;
        self.object_of_length(length, class, c_type, data)
    }

    /// Appends an object whose length field says `length`.
    pub fn object_of_length(
        mut self,
        length: u16,
        class: impl Into<ObjectClass>,
        c_type: u8,
        data: impl AsRef<[u8]>,
    ) -> Self {
        self.objects.extend(length.to_be_bytes());
        self.objects.extend([class.into().into(), c_type]);
        self.objects.extend_from_slice(data.as_ref());
        self
    }

    /// Appends octets as they are.
    pub fn raw(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.objects.extend_from_slice(octets.as_ref());
        self
    }

    /// The structure.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append_to(&mut out);
        out
    }

    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([self.version << 4, 0, 0, 0]);
        out.extend_from_slice(&self.objects);
        let structure = &mut out[start..];
        let sum = self.checksum.unwrap_or_else(|| checksum::checksum(structure));
        put_u16(structure, 2, sum);
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use rstest::rstest;

    use super::super::super::{ExtensionView, InterfaceIdentification};
    use super::*;

    #[rstest]
    #[case(interface_by_name("t0"), InterfaceIdentification::Name(b"t0"))]
    #[case(interface_by_index(7), InterfaceIdentification::Index(7))]
    #[case(interface_by_address(Ipv4Addr::LOCALHOST), InterfaceIdentification::Ipv4(Ipv4Addr::LOCALHOST))]
    #[case(interface_by_address(Ipv6Addr::LOCALHOST), InterfaceIdentification::Ipv6(Ipv6Addr::LOCALHOST))]
    fn what_is_built_is_read(
        #[case] builder: ExtensionBuilder,
        #[case] expected: InterfaceIdentification<'_>,
    ) {
        let octets = builder.build();
        let view = ExtensionView::new(&octets).unwrap();
        assert!(view.is_checksum_valid() && view.checksum() != 0 && view.version() == 2);
        let object = view.objects().next().unwrap().unwrap();
        assert_eq!(object.class, ObjectClass::InterfaceIdentification);
        assert_eq!(InterfaceIdentification::new(object.c_type, object.data), Some(expected));
    }
}

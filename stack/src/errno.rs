//! Error numbers that sockets report, by their Linux names.

use core::fmt;

macro_rules! errnos {
    ($($variant:ident = $name:literal, $text:literal;)*) => {
        /// An error that a socket call returns or a socket reports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Errno { $(#[doc = concat!("`", $name, "`: ", $text, ".")] $variant,)* }

        impl Errno {
            /// The Linux name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

errnos! {
    Access = "EACCES", "not permitted";
    AddressInUse = "EADDRINUSE", "the address is taken";
    AddressNotAvailable = "EADDRNOTAVAIL", "the address is not ours";
    Again = "EAGAIN", "nothing there yet";
    BadDescriptor = "EBADF", "the socket is closed";
    ConnectionRefused = "ECONNREFUSED", "the peer refused";
    ConnectionReset = "ECONNRESET", "the peer reset the connection";
    DestinationRequired = "EDESTADDRREQ", "neither connected nor told a destination";
    Fault = "EFAULT", "data is not where it should be";
    HostDown = "EHOSTDOWN", "the host is down";
    HostUnreachable = "EHOSTUNREACH", "no route to the host";
    InProgress = "EINPROGRESS", "the handshake has begun";
    Invalid = "EINVAL", "invalid argument";
    IsConnected = "EISCONN", "already connected";
    MessageSize = "EMSGSIZE", "the message is too long";
    NetworkUnreachable = "ENETUNREACH", "no route to the network";
    NoBuffers = "ENOBUFS", "a table is full";
    NoMachine = "ENONET", "the host is isolated";
    NoProtocolOption = "ENOPROTOOPT", "protocol or option not available";
    NotConnected = "ENOTCONN", "not connected";
    NotSupported = "EOPNOTSUPP", "not supported";
    NotPermitted = "EPERM", "refused by a filter";
    Pipe = "EPIPE", "the connection is closed";
    Protocol = "EPROTO", "protocol error";
    RemoteIo = "EREMOTEIO", "remote error";
    TimedOut = "ETIMEDOUT", "no answer in time";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

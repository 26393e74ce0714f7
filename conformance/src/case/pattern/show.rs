//! How a value is shown in a mismatch.

use std::net::Ipv4Addr;

/// A value that a person can read.
pub(super) trait Show {
    fn text(&self) -> String;
}

/// `value` in words.
pub(super) fn show(value: impl Show) -> String {
    value.text()
}

macro_rules! shown {
    ($($type:ty),*) => {
        $(impl Show for $type {
            fn text(&self) -> String {
                self.to_string()
            }
        })*
    };
}

shown!(bool, u8, u16, u32, usize, Ipv4Addr);

impl<T: Show> Show for Option<T> {
    fn text(&self) -> String {
        self.as_ref().map_or("nothing".to_owned(), Show::text)
    }
}

impl Show for (u8, u8) {
    fn text(&self) -> String {
        format!("{}/{}", self.0, self.1)
    }
}

impl Show for (u16, u16) {
    fn text(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
}

impl Show for [u8; 6] {
    fn text(&self) -> String {
        format!("{self:02x?}")
    }
}

//! What the stack asks of the allocator: nothing for a packet on the common ways, and never more than its bounds allow,
//! whatever comes in.
#![expect(unsafe_code, reason = "an allocator that counts has to be one")]

#[path = "allocation/counting.rs"]
mod counting;
#[path = "allocation/floods.rs"]
mod floods;
#[path = "allocation/flows.rs"]
mod flows;
#[path = "allocation/ways.rs"]
mod ways;
#[path = "allocation/world.rs"]
mod world;

//! The two sides of a router: addresses divided so that as many packets as possible cross from one to the other.
//!
//! The largest cut of a graph is hard to find; a greedy walk from the busiest address with a few rounds of
//! improvement finds it exactly where the graph has two sides, and a good one where it has not.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use super::survey::Survey;

/// Rounds in which single addresses may change sides. Each is linear in the number of flows.
const ROUNDS: usize = 4;

/// Addresses on either side, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) inside: Vec<Ipv4Addr>,
    pub(super) outside: Vec<Ipv4Addr>,
    /// Packets between two addresses of one side.
    pub(super) not_crossing: u64,
}

/// An address with its flows, by index.
struct Node {
    address: Ipv4Addr,
    packets: u64,
    /// (index of the other end, packets in both directions)
    neighbors: Vec<(usize, u64)>,
    side: Option<bool>,
}

impl Sides {
    /// Divides the unicast addresses of a survey. The inside has the private addresses where the sides differ in
    /// that, else the fewer ones.
    pub(super) fn of(survey: &Survey) -> Self {
        let mut nodes = nodes(survey);
        place_all(&mut nodes);
        for _ in 0..ROUNDS {
            if !improve(&mut nodes) {
                break;
            }
        }
        let mut sides = Self::default();
        for node in &nodes {
            let side = if node.side == Some(true) { &mut sides.inside } else { &mut sides.outside };
            side.push(node.address);
        }
        let twice: u64 = nodes.iter().map(|node| weight_to(&nodes, node, node.side == Some(true))).sum();
        sides.not_crossing = twice / 2;
        if private_share(&sides.outside) > private_share(&sides.inside)
            || (private_share(&sides.outside) == private_share(&sides.inside)
                && sides.outside.len() < sides.inside.len())
        {
            std::mem::swap(&mut sides.inside, &mut sides.outside);
        }
        sides
    }
}

/// Private addresses among `addresses`, in thousandths.
fn private_share(addresses: &[Ipv4Addr]) -> usize {
    let private = addresses.iter().filter(|address| address.is_private()).count();
    private * 1000 / addresses.len().max(1)
}

fn nodes(survey: &Survey) -> Vec<Node> {
    let mut index = BTreeMap::new();
    let mut nodes: Vec<Node> = Vec::with_capacity(survey.addresses.len());
    for address in survey.addresses.keys() {
        index.insert(*address, nodes.len());
        nodes.push(Node { address: *address, packets: 0, neighbors: Vec::new(), side: None });
    }
    for ((source, destination), packets) in &survey.flows {
        // The survey remembers a flow only with both its addresses.
        let (Some(from), Some(to)) = (index.get(source), index.get(destination)) else { continue };
        for (this, other) in [(*from, *to), (*to, *from)] {
            nodes[this].packets += packets;
            nodes[this].neighbors.push((other, *packets));
        }
    }
    nodes
}

/// Packets between `node` and its placed neighbors of one side.
fn weight_to(nodes: &[Node], node: &Node, side: bool) -> u64 {
    let on_side = node.neighbors.iter().filter(|(other, _)| nodes[*other].side == Some(side));
    on_side.map(|(_, packets)| packets).sum()
}

/// Where most of the traffic of a node with placed neighbors would cross; private addresses inside where it is even.
fn best_side(nodes: &[Node], node: &Node) -> bool {
    let (inside, outside) = (weight_to(nodes, node, true), weight_to(nodes, node, false));
    if inside == outside { node.address.is_private() } else { outside > inside }
}

/// Walks each connected part from its busiest address.
fn place_all(nodes: &mut [Node]) {
    let mut order: Vec<_> = (0..nodes.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(nodes[*index].packets));
    let mut queue = VecDeque::new();
    for start in order {
        queue.push_back(start);
        while let Some(index) = queue.pop_front() {
            if nodes[index].side.is_some() {
                continue;
            }
            nodes[index].side = Some(best_side(nodes, &nodes[index]));
            let unplaced = nodes[index].neighbors.iter().map(|(other, _)| *other);
            queue.extend(unplaced.filter(|other| nodes[*other].side.is_none()).collect::<Vec<_>>());
        }
    }
}

/// Moves each address to the side where more of its packets cross. Whether any moved.
fn improve(nodes: &mut [Node]) -> bool {
    let mut has_moved = false;
    for index in 0..nodes.len() {
        let side = nodes[index].side == Some(true);
        let node = &nodes[index];
        if weight_to(nodes, node, side) > weight_to(nodes, node, !side) {
            nodes[index].side = Some(!side);
            has_moved = true;
        }
    }
    has_moved
}

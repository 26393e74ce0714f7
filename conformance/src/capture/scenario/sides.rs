//! The two sides of a router: addresses divided so that as many packets as possible cross from one to the other.
//!
//! The largest cut of a graph is hard to find; a greedy walk from the busiest address with a few rounds of
//! improvement finds it exactly where the graph has two sides, and a good one where it has not.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use super::survey::Survey;
use crate::model::Prefix;

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

/// How many addresses of each network of 16 and of 8 bits are inside, less those outside: parts of the graph that are
/// not connected go by the company of their addresses, so that few prefixes tell the sides apart.
#[derive(Default)]
struct Company(BTreeMap<Prefix, i64>);

impl Company {
    fn networks(address: Ipv4Addr) -> [Prefix; 2] {
        [16, 8].map(|length| Prefix::new(Prefix::new(address, length).network(), length))
    }

    fn add(&mut self, address: Ipv4Addr, inside: bool) {
        for network in Self::networks(address) {
            *self.0.entry(network).or_default() += if inside { 1 } else { -1 };
        }
    }

    /// The side that most addresses of the smallest network that tells are on.
    fn side(&self, address: Ipv4Addr) -> Option<bool> {
        let counts = Self::networks(address).map(|network| self.0.get(&network).copied().unwrap_or(0));
        counts.into_iter().find(|count| *count != 0).map(|count| count > 0)
    }
}

/// Where most of the traffic of a node with placed neighbors would cross. Where that is even: where its network is,
/// or across from where its busiest neighbor's is; private addresses inside where nothing tells.
fn best_side(nodes: &[Node], node: &Node, company: &Company) -> bool {
    let (inside, outside) = (weight_to(nodes, node, true), weight_to(nodes, node, false));
    if inside != outside {
        return outside > inside;
    }
    let busiest = node.neighbors.iter().max_by_key(|(_, packets)| packets);
    let across = || busiest.and_then(|(other, _)| company.side(nodes[*other].address)).map(|side| !side);
    company.side(node.address).or_else(across).unwrap_or_else(|| node.address.is_private())
}

/// Walks each connected part from its busiest address.
fn place_all(nodes: &mut [Node]) {
    let mut order: Vec<_> = (0..nodes.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(nodes[*index].packets));
    let mut company = Company::default();
    let mut queue = VecDeque::new();
    for start in order {
        queue.push_back(start);
        while let Some(index) = queue.pop_front() {
            if nodes[index].side.is_some() {
                continue;
            }
            let side = best_side(nodes, &nodes[index], &company);
            company.add(nodes[index].address, side);
            nodes[index].side = Some(side);
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

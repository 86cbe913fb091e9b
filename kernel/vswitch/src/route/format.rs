//! Numbers of the rtnetlink protocol (`linux/rtnetlink.h`, `if_link.h`, `neighbour.h`, `pkt_sched.h`).

pub(super) mod msg {
    pub(crate) const NEW_LINK: u16 = 16;
    pub(crate) const DEL_LINK: u16 = 17;
    pub(crate) const GET_LINK: u16 = 18;
    pub(crate) const NEW_ADDRESS: u16 = 20;
    pub(crate) const GET_ADDRESS: u16 = 22;
    pub(crate) const NEW_ROUTE: u16 = 24;
    pub(crate) const GET_ROUTE: u16 = 26;
    pub(crate) const NEW_NEIGHBOUR: u16 = 28;
    pub(crate) const DEL_NEIGHBOUR: u16 = 29;
    pub(crate) const GET_NEIGHBOUR: u16 = 30;
    pub(crate) const NEW_QUEUE: u16 = 36;
    pub(crate) const DEL_QUEUE: u16 = 37;
    pub(crate) const GET_QUEUE: u16 = 38;
}

pub(super) mod link {
    pub(crate) const ADDRESS: u16 = 1;
    pub(crate) const NAME: u16 = 3;
    pub(crate) const MTU: u16 = 4;
    pub(crate) const MASTER: u16 = 10;
    pub(crate) const OPERATIONAL_STATE: u16 = 16;
    pub(crate) const INFO: u16 = 18;
    pub(crate) const ALIAS: u16 = 20;
    pub(crate) const STATISTICS: u16 = 23;
    pub(crate) const FAMILIES: u16 = 26;
    pub(crate) const GROUP: u16 = 27;
    pub(crate) const NAMESPACE: u16 = 28;
    pub(crate) const SEND_QUEUES: u16 = 31;
    pub(crate) const RECEIVE_QUEUES: u16 = 32;
    pub(crate) const INFO_KIND: u16 = 1;
    pub(crate) const INFO_DATA: u16 = 2;
    pub(crate) const INFO_PORT_KIND: u16 = 4;
    pub(crate) const INFO_PORT_DATA: u16 = 5;
    pub(crate) const VETH_PEER: u16 = 1;
    pub(crate) const INET_CONFIGURATION: u16 = 1;
    pub(crate) const INET_ROUTE_LOCALNET: u16 = 26;
    pub(crate) const INET6_ADDRESS_GENERATION: u16 = 8;
    /// No address of its own making.
    pub(crate) const GENERATE_NONE: u8 = 1;
    pub(crate) const BRIDGE_SPANNING_TREE: u16 = 5;
    pub(crate) const BRIDGE_MULTICAST_SNOOPING: u16 = 23;
    pub(crate) const PORT_REFLECTS: u16 = 4;
    pub(crate) const PORT_LEARNING: u16 = 8;
    pub(crate) const PORT_UNICAST_FLOOD: u16 = 9;
    pub(crate) const PORT_PROXY_ARP: u16 = 12;
    pub(crate) const PORT_ISOLATED: u16 = 33;
    pub(crate) const FLAG_UP: u32 = 1;
    pub(crate) const FLAG_LOWER_UP: u32 = 1 << 16;
    pub(crate) const STATE_UP: u8 = 6;
}

pub(super) mod address {
    pub(crate) const ADDRESS: u16 = 1;
    pub(crate) const LOCAL: u16 = 2;
    pub(crate) const BROADCAST: u16 = 4;
    pub(crate) const FLAG_NO_DETECTION: u8 = 0x02;
    pub(crate) const SCOPE_LINK: u8 = 253;
}

pub(super) mod route {
    pub(crate) const DESTINATION: u16 = 1;
    pub(crate) const OUTPUT: u16 = 4;
    pub(crate) const GATEWAY: u16 = 5;
    pub(crate) const METRIC: u16 = 6;
    pub(crate) const TABLE: u16 = 15;
    pub(crate) const TABLE_MAIN: u8 = 254;
    pub(crate) const PROTOCOL_STATIC: u8 = 4;
    pub(crate) const TYPE_UNICAST: u8 = 1;
    pub(crate) const SCOPE_LINK: u8 = 253;
}

pub(super) mod neighbour {
    pub(crate) const DESTINATION: u16 = 1;
    pub(crate) const LINK_ADDRESS: u16 = 2;
    pub(crate) const STATE_NO_ARP: u16 = 0x40;
    pub(crate) const STATE_PERMANENT: u16 = 0x80;
    pub(crate) const FLAG_MASTER: u8 = 0x04;
}

pub(super) mod queue {
    pub(crate) const KIND: u16 = 1;
    pub(crate) const OPTIONS: u16 = 2;
    pub(crate) const ROOT: u32 = 0xffff_ffff;
    pub(crate) const TBF_PARAMETERS: u16 = 1;
    pub(crate) const TBF_RATE64: u16 = 4;
    pub(crate) const TBF_BURST: u16 = 6;
    /// Cells need no table with this link layer.
    pub(crate) const LINK_LAYER_ETHERNET: u8 = 1;
}

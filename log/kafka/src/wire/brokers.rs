//! Who leads which partition, who coordinates what, and the connections to them. Owned by one thread; two threads have two of these.

use super::bytes::Encoder;
use super::connection::{Broken, Connection};
use super::messages::{self, Address, Api, Coordinates, ErrorCode, Metadata};
use crate::address::host_and_port;
use crate::config::KafkaConfig;
use rustc_hash::FxHashMap;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_millis(2_000);
/// How long a question about the cluster may take when nobody says otherwise.
const PATIENCE: Duration = Duration::from_millis(5_000);

/// See the head of this file.
pub(super) struct Brokers {
    bootstrap: Vec<(String, u16)>,
    client_id: String,
    /// How long a question about the cluster may take.
    patience: Duration,
    addresses: FxHashMap<i32, Address>,
    connections: FxHashMap<i32, Connection>,
    /// For questions that any broker answers.
    any: Option<Connection>,
}

impl Brokers {
    pub(super) fn new(config: &KafkaConfig) -> Self {
        Self {
            bootstrap: config.brokers.split(',').filter_map(host_and_port).collect(),
            client_id: config.client_id.clone(),
            patience: PATIENCE,
            addresses: FxHashMap::default(),
            connections: FxHashMap::default(),
            any: None,
        }
    }

    /// For somebody who cannot wait longer than this for one broker's answer.
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks whichever broker answers first: the bootstrap servers in their order, then those we have heard of.
    pub(super) fn ask_any(&mut self, api: Api, body: &Encoder) -> Result<Vec<u8>, Broken> {
        // One attempt on what is open; it may have been closed since.
        if let Some(mut any) = self.any.take()
            && let Ok(answer) = any.ask(api, body, self.patience)
        {
            self.any = Some(any);
            return Ok(answer);
        }
        let mut known: Vec<_> = self.addresses.values().map(|address| (address.host.clone(), address.port)).collect();
        known.sort();
        let mut last = Broken::Io(std::io::ErrorKind::NotConnected.into());
        for (host, port) in self.bootstrap.iter().chain(&known) {
            let asked = Connection::open(host, *port, &self.client_id, CONNECT.min(self.patience))
                .map_err(Broken::Io)
                .and_then(|mut connection| Ok((connection.ask(api, body, self.patience)?, connection)));
            match asked {
                Ok((answer, connection)) => {
                    self.any = Some(connection);
                    return Ok(answer);
                }
                Err(broken) => last = broken,
            }
        }
        Err(last)
    }

    /// Whether the broker that answered last has closed the connection since. Says so until somebody is asked again.
    pub(super) fn has_hung_up(&self) -> bool {
        self.any.as_ref().is_some_and(|any| !any.is_open())
    }

    /// The cluster as some broker sees it now.
    pub(super) fn metadata(&mut self, topic: &str) -> Result<Metadata, Broken> {
        let answer = self.ask_any(messages::METADATA, &messages::metadata(topic))?;
        let metadata = messages::read_metadata(&answer)?;
        for address in &metadata.brokers {
            self.know(address.clone());
        }
        Ok(metadata)
    }

    /// The node that coordinates `name`, as some broker sees it now.
    pub(super) fn coordinator(&mut self, of: Coordinates, name: &str) -> Result<Result<i32, ErrorCode>, Broken> {
        let answer = self.ask_any(messages::FIND_COORDINATOR, &messages::find_coordinator(of, name))?;
        let found = messages::read_find_coordinator(&answer)?;
        Ok(found.map(|address| {
            let node = address.node;
            self.know(address);
            node
        }))
    }

    /// A broker that comes back elsewhere is connected to anew.
    fn know(&mut self, address: Address) {
        let node = address.node;
        if self.addresses.get(&node) != Some(&address) {
            self.connections.remove(&node);
            self.addresses.insert(node, address);
        }
    }

    /// Sees to it that there is a connection to this node that has not been closed at the other end: brokers do that to those who were idle long.
    fn connect(&mut self, node: i32, timeout: Duration) -> Result<(), Broken> {
        if self.connections.get(&node).is_some_and(Connection::is_open) {
            return Ok(());
        }
        self.connections.remove(&node);
        let address = self.addresses.get(&node).ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected))?;
        let connection = Connection::open(&address.host, address.port, &self.client_id, timeout.min(CONNECT))?;
        self.connections.insert(node, connection);
        Ok(())
    }

    /// Asks a node without waiting for the answer.
    pub(super) fn send(&mut self, node: i32, api: Api, body: &Encoder, timeout: Duration) -> Result<(), Broken> {
        self.connect(node, timeout)?;
        let mut connection =
            self.connections.remove(&node).ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected))?;
        connection.send(api, body, timeout)?;
        self.connections.insert(node, connection);
        Ok(())
    }

    /// The answer to the oldest question to this node.
    pub(super) fn receive(&mut self, node: i32, api: Api, timeout: Duration) -> Result<Vec<u8>, Broken> {
        // Put back only when all went well: a broken connection is of no use.
        let mut connection =
            self.connections.remove(&node).ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected))?;
        let answer = connection.receive(api, timeout)?;
        self.connections.insert(node, connection);
        Ok(answer)
    }

    pub(super) fn ask(&mut self, node: i32, api: Api, body: &Encoder, timeout: Duration) -> Result<Vec<u8>, Broken> {
        self.send(node, api, body, timeout)?;
        self.receive(node, api, timeout)
    }
}

//! Three RabbitMQ nodes that are one broker.

use futures_util::future::join_all;

use super::proxy::Proxy;
use super::rabbitmq::RabbitServer;
use super::vhost::Vhost;

/// Three nodes, and a way to whichever of them is there. Killed when dropped.
pub struct Cluster {
    nodes: Vec<RabbitServer>,
    balancer: Proxy,
}

impl Cluster {
    /// Starts three nodes and waits until they are one cluster.
    ///
    /// # Panics
    /// When they do not become one.
    pub async fn start() -> Self {
        let names = RabbitServer::names(3);
        let peers: String = (1..).zip(&names).fold(String::new(), |peers, (number, name)| {
            peers + &format!("cluster_formation.classic_config.nodes.{number} = {name}\n")
        });
        let config = format!(
            "cluster_formation.peer_discovery_backend = classic_config\n\
             cluster_formation.randomized_startup_delay_range.min = 0\n\
             cluster_formation.randomized_startup_delay_range.max = 0\n\
             cluster_partition_handling = pause_minority\n{peers}"
        );
        // The first makes the cluster; those that start together could make two.
        let mut nodes = vec![RabbitServer::start_named(&names[0], &config).await];
        nodes.extend(join_all(names[1..].iter().map(|name| RabbitServer::start_named(name, &config))).await);
        let members = nodes[0].eval("length(rabbit_mnesia:cluster_nodes(running)).").await;
        assert_eq!(members, "3", "the nodes have not found each other");
        let ports: Vec<u16> = nodes.iter().map(RabbitServer::port).collect();
        Self { nodes, balancer: Proxy::balancing(&ports).await }
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[RabbitServer] {
        &self.nodes
    }

    /// Connections to it go to the nodes in turn, and to the next one where a node is down.
    #[must_use]
    pub fn balancer(&self) -> &Proxy {
        &self.balancer
    }

    /// A vhost, looked after at the first node.
    pub async fn vhost(&self) -> Vhost {
        self.nodes[0].vhost().await
    }

    /// The node that leads a quorum queue, as a running node sees it; `None` while there is no leader.
    ///
    /// # Panics
    /// When no node runs.
    pub async fn leader(&self, vhost: &Vhost, queue: &str) -> Option<&RabbitServer> {
        let asked = self.nodes.iter().find(|node| node.is_running()).expect("a running node");
        let name = asked
            .eval(&format!(
                "{{ok, Queue}} = rabbit_amqqueue:lookup({{resource, <<\"{}\">>, queue, <<\"{queue}\">>}}), \
                 {{Name, _}} = amqqueue:get_pid(Queue), \
                 case ra:members({{Name, node()}}, 2000) of {{ok, _, {{_, Node}}}} -> Node; _ -> none end.",
                vhost.name()
            ))
            .await;
        // A leader that is gone is named until another is elected.
        self.nodes.iter().find(|node| node.name() == name.trim_matches('\'') && node.is_running())
    }
}

//! A TCP connection's way, which can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::{eventually, free_port};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Nothing is forwarded, nothing is closed.
    Frozen,
    /// What was open is closed, and connecting is refused.
    Cut,
}

/// Forwards TCP to a server on 127.0.0.1. Ends what it forwards when dropped.
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    /// Connections that are being forwarded.
    open: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Proxy {
    /// A way to the server at `target`.
    pub async fn to(target: u16) -> Self {
        Self::balancing(&[target]).await
    }

    /// A way to any of `targets`: each connection goes to the first that takes it, starting from the next in turn.
    pub async fn balancing(targets: &[u16]) -> Self {
        let port = free_port();
        let (way, watching) = watch::channel(Way::Open);
        let open = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(listen(port, targets.to_vec(), watching, Arc::clone(&open))).abort_handle();
        let proxy = Self { port, way, open, task };
        proxy.until_reachable(true).await;
        proxy
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections go through it now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// `url` with this proxy's port in place of `target`.
    ///
    /// # Panics
    /// When `url` does not name that port.
    #[must_use]
    pub fn in_place_of(&self, target: u16, url: &str) -> String {
        let (from, to) = (format!(":{target}"), format!(":{}", self.port));
        assert!(url.contains(&from), "{url} does not lead to {target}");
        url.replace(&from, &to)
    }

    /// Closes what is open, and refuses what comes. True when this returns.
    pub async fn cut(&self) {
        self.way.send_replace(Way::Cut);
        self.until_reachable(false).await;
        eventually("the end of every connection", std::time::Duration::from_secs(5), || async {
            (self.connections() == 0).then_some(())
        })
        .await;
    }

    /// Forwards nothing more, in either direction, and closes nothing: as when a cable is pulled.
    pub fn freeze(&self) {
        self.way.send_replace(Way::Frozen);
    }

    /// Ends [`Self::cut`] and [`Self::freeze`]: what was held back goes on.
    pub async fn heal(&self) {
        self.way.send_replace(Way::Open);
        self.until_reachable(true).await;
    }

    async fn until_reachable(&self, reachable: bool) {
        eventually("the proxy", std::time::Duration::from_secs(5), || async {
            let connected = TcpStream::connect(("127.0.0.1", self.port)).await.is_ok();
            (connected == reachable).then_some(())
        })
        .await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(port: u16, targets: Vec<u16>, mut way: watch::Receiver<Way>, open: Arc<AtomicUsize>) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut connections = JoinSet::new();
    let mut turn = 0;
    loop {
        // Only a port that nobody listens on is refused: while it is cut there is no listener.
        if way.wait_for(|way| *way != Way::Cut).await.is_err() {
            return;
        }
        let listener = TcpListener::bind(address).await.expect("the port is ours");
        let for_each = way.clone();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((client, _)) = accepted else { continue };
                    turn += 1;
                    let mut order = targets.clone();
                    order.rotate_left(turn % targets.len());
                    connections.spawn(forward(client, order, for_each.clone(), Counted::one_more(&open)));
                }
                cut = way.wait_for(|way| *way == Way::Cut) => {
                    if cut.is_err() {
                        return;
                    }
                    break;
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// One connection among those that are open.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn one_more(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Forwards one connection until either side ends it or the way is cut.
async fn forward(client: TcpStream, targets: Vec<u16>, mut way: watch::Receiver<Way>, _counted: Counted) {
    let mut cut = way.clone();
    let work = async move {
        if way.wait_for(|way| *way == Way::Open).await.is_err() {
            return;
        }
        let Some(server) = connect(&targets).await else { return };
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = copy(from_client, to_server, way.clone()) => {}
            () = copy(from_server, to_client, way) => {}
        }
    };
    tokio::select! {
        () = work => {}
        _ = cut.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn connect(targets: &[u16]) -> Option<TcpStream> {
    for target in targets {
        if let Ok(server) = TcpStream::connect(("127.0.0.1", *target)).await {
            return Some(server);
        }
    }
    None
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        // What was read when the way froze is held back too.
        if way.wait_for(|way| *way == Way::Open).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}

//! A TCP connection's way, which can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::{eventually, free_port};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Nothing is forwarded, nothing is closed.
    Frozen,
    /// What was open is closed, and connecting is refused.
    Cut,
}

/// How a connection is forwarded.
#[derive(Clone)]
struct Channel {
    way: watch::Receiver<Way>,
    distance: watch::Receiver<Duration>,
}

/// Forwards TCP to a server on 127.0.0.1. Ends what it forwards when dropped.
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    /// What is forwarded takes so long, each way.
    distance: watch::Sender<Duration>,
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
        let (distance, far) = watch::channel(Duration::ZERO);
        let way_there = Channel { way: watching, distance: far };
        let task = tokio::spawn(listen(port, targets.to_vec(), way_there, Arc::clone(&open))).abort_handle();
        let proxy = Self { port, way, distance, open, task };
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
        eventually("the end of every connection", Duration::from_secs(5), || async {
            (self.connections() == 0).then_some(())
        })
        .await;
    }

    /// Forwards nothing more, in either direction, and closes nothing: as when a cable is pulled.
    pub fn freeze(&self) {
        self.way.send_replace(Way::Frozen);
    }

    /// From now on the server is so far away: what is forwarded takes so long, each way.
    pub fn move_away(&self, distance: Duration) {
        self.distance.send_replace(distance);
    }

    /// Ends [`Self::cut`] and [`Self::freeze`]: what was held back goes on.
    pub async fn heal(&self) {
        self.way.send_replace(Way::Open);
        self.until_reachable(true).await;
    }

    async fn until_reachable(&self, reachable: bool) {
        eventually("the proxy", Duration::from_secs(5), || async {
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

async fn listen(port: u16, targets: Vec<u16>, there: Channel, open: Arc<AtomicUsize>) {
    let mut way = there.way.clone();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut connections = JoinSet::new();
    let mut turn = 0;
    loop {
        // Only a port that nobody listens on is refused: while it is cut there is no listener.
        if way.wait_for(|way| *way != Way::Cut).await.is_err() {
            return;
        }
        let listener = TcpListener::bind(address).await.expect("the port is ours");
        let for_each = there.clone();
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
async fn forward(client: TcpStream, targets: Vec<u16>, there: Channel, _counted: Counted) {
    let (mut cut, mut way) = (there.way.clone(), there.way.clone());
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
            () = copy(from_client, to_server, there.clone()) => {}
            () = copy(from_server, to_client, there) => {}
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

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, there: Channel) {
    let Channel { mut way, distance } = there;
    let (sender, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(256);
    let read = async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
            let arrives = Instant::now() + *distance.borrow();
            if sender.send((arrives, buffer[..read].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((arrives, bytes)) = arriving.recv().await {
            tokio::time::sleep_until(arrives).await;
            // What was read when the way froze is held back too.
            if way.wait_for(|way| *way == Way::Open).await.is_err() || to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    // The end of what is read ends the connection once all of it has arrived.
    tokio::select! {
        () = write => {}
        () = async { read.await; std::future::pending().await } => {}
    }
}

//! Networks of pods: network namespaces on one bridge, of which the rest of the machine knows nothing.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// Where `ip` keeps the namespaces that have names.
const PLACE: &str = "/run/netns";

/// Longer than a connection takes on one machine.
const CONNECT_BUDGET: Duration = Duration::from_secs(5);

/// A network namespace, and everything that runs in it goes on until it is dropped.
#[derive(Debug)]
pub(super) struct Namespace {
    name: String,
}

/// The network that pods are in, with a bridge between them.
#[derive(Debug)]
pub(super) struct Network {
    bridge: Namespace,
    next: AtomicU16,
}

impl Network {
    /// Makes one; says why it can't, where whoever runs this may not.
    pub(super) fn make() -> Result<Arc<Self>, String> {
        static NETWORKS: AtomicU16 = AtomicU16::new(0);
        remove_leftovers();
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let bridge = Namespace::make(format!("gw-{}-{number}", std::process::id()))?;
        bridge.ip(&["link", "add", "pods", "type", "bridge"])?;
        bridge.ip(&["addr", "add", "10.244.0.1/16", "dev", "pods"])?;
        bridge.ip(&["link", "set", "pods", "up"])?;
        Ok(Arc::new(Self { bridge, next: AtomicU16::new(2) }))
    }

    /// A namespace for one pod, and the pod's address.
    pub(super) fn pod(&self) -> (Namespace, Ipv4Addr) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(10, 244, high, low);
        let pod = Namespace::make(format!("{}-{number}", self.bridge.name)).unwrap();
        let (peer, bridge) = (format!("pod{number}"), &self.bridge);
        let pair = ["link", "add", "eth0", "type", "veth", "peer", "name", &peer, "netns", &bridge.name];
        pod.ip(&pair).unwrap();
        bridge.ip(&["link", "set", &peer, "master", "pods", "up"]).unwrap();
        pod.ip(&["addr", "add", &format!("{address}/16"), "dev", "eth0"]).unwrap();
        pod.ip(&["link", "set", "eth0", "up"]).unwrap();
        pod.ip(&["route", "add", "default", "via", "10.244.0.1"]).unwrap();
        (pod, address)
    }

    /// A connection as the node makes it, for its probes.
    pub(super) async fn connect(&self, address: SocketAddrV4) -> std::io::Result<TcpStream> {
        connect(self.bridge.path(), address).await
    }
}

impl Namespace {
    fn make(name: String) -> Result<Self, String> {
        ip(&["netns", "add", &name])?;
        let made = Self { name };
        made.ip(&["link", "set", "lo", "up"])?;
        Ok(made)
    }

    fn ip(&self, arguments: &[&str]) -> Result<(), String> {
        ip(&[&["-n", &self.name][..], arguments].concat())
    }

    /// Where a program can be told to run in it.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(PLACE).join(&self.name)
    }

    /// Listens within.
    pub(super) async fn listen(&self, address: SocketAddrV4) -> std::io::Result<TcpListener> {
        let listener = inside(self.path(), move || std::net::TcpListener::bind(address)).await?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    }

    /// Has a port of the machine's loopback be there on the loopback within, too.
    pub(super) async fn reaches(&self, here: u16, outside: u16) -> AbortOnDropHandle<()> {
        let listener = self.listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, here)).await.unwrap();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, outside));
        carry(listener, move || TcpStream::connect(to))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Ends everything in a namespace, and removes it. A container's first process is known to whoever started it, and those that it has started
/// itself are known here alone: Envoy outlives its agent.
fn remove(name: &str) {
    // Again, for what was started by one of them just before.
    for _ in 0..50 {
        let listed = Command::new("ip").args(["netns", "pids", name]).output();
        let listed = listed.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        if listed.trim().is_empty() {
            break;
        }
        for process in listed.lines().filter_map(|line| rustix::process::Pid::from_raw(line.trim().parse().ok()?)) {
            let _killed_or_gone = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _gone_or_left = ip(&["netns", "del", name]);
}

/// Does something on a thread that is in a namespace: what it opens stays there.
async fn inside<T: Send + 'static>(
    namespace: PathBuf,
    action: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let (done, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let entered = File::open(namespace).and_then(|file| {
            let kind = Some(rustix::thread::LinkNameSpaceType::Network);
            Ok(rustix::thread::move_into_link_name_space(file.as_fd(), kind)?)
        });
        let _asked_no_more = done.send(entered.and_then(|()| action()));
    });
    answer.await.map_err(std::io::Error::other)?
}

/// A connection from within a namespace.
pub(super) async fn connect(namespace: PathBuf, address: SocketAddrV4) -> std::io::Result<TcpStream> {
    let connect = move || std::net::TcpStream::connect_timeout(&address.into(), CONNECT_BUDGET);
    let stream = inside(namespace, connect).await?;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// Carries every connection of a listener to where `connect` leads.
pub(super) fn carry<F>(listener: TcpListener, connect: impl Fn() -> F + Send + 'static) -> AbortOnDropHandle<()>
where
    F: Future<Output = std::io::Result<TcpStream>> + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let far = connect();
            connections.spawn(async move {
                if let Ok(mut far) = far.await {
                    let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
            while connections.try_join_next().is_some() {}
        }
    }))
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let said = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    let Output { status, stderr, .. } = said;
    let words = || format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&stderr).trim());
    status.success().then_some(()).ok_or_else(words)
}

/// Removes what tests left that were killed.
fn remove_leftovers() {
    for entry in std::fs::read_dir(PLACE).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix("gw-").and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|process| !PathBuf::from(format!("/proc/{process}")).exists()) {
            remove(&name);
        }
    }
}

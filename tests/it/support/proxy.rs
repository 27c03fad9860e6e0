//! A wire to the database that can be cut, go dead, be slow, or lose one answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// Passes connections on, until it is told otherwise; passes new ones on once it is whole again.
pub struct Wire {
    shared: Arc<Shared>,
    url: String,
}

struct Shared {
    state: watch::Sender<State>,
    /// Packets from the near side that still get an answer; negative: all do.
    answered: AtomicI64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// Every packet towards the database takes so long.
    Slow(Duration),
    /// Every connection is closed, and every new one at once.
    Cut,
    /// Nothing arrives any more, and nobody is told. A connection that has been dead stays so.
    Dead,
}

impl Wire {
    /// A wire to the server of this URL.
    pub async fn to(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("bound to IPv4");
        };
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(address.port())).unwrap();
        let shared = Arc::new(Shared {
            state: watch::Sender::new(State::Whole),
            answered: AtomicI64::new(-1),
        });
        tokio::spawn(pass_on(listener, target, shared.clone()));
        Self {
            shared,
            url: url.into(),
        }
    }

    /// The database at this end of it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Breaks every connection, and every new one at once.
    pub fn cut(&self) {
        self.shared.state.send_replace(State::Cut);
    }

    /// Drops every packet from now on, without a word to either side.
    pub fn go_dead(&self) {
        self.shared.state.send_replace(State::Dead);
    }

    /// Delays every packet towards the database.
    pub fn slow_down(&self, by: Duration) {
        self.shared.state.send_replace(State::Slow(by));
    }

    /// Answers `packets` packets more; the next one still reaches the database, whose answer is lost as the wire is cut.
    pub fn lose_the_answer_after(&self, packets: i64) {
        self.shared.answered.store(packets, Ordering::SeqCst);
    }

    /// Whether it is cut, by whatever.
    pub fn is_cut(&self) -> bool {
        *self.shared.state.borrow() == State::Cut
    }

    /// Lets new connections through again, at full speed.
    pub fn mend(&self) {
        self.shared.answered.store(-1, Ordering::SeqCst);
        self.shared.state.send_replace(State::Whole);
    }
}

async fn pass_on(listener: TcpListener, target: String, shared: Arc<Shared>) {
    while let Ok((near, _)) = listener.accept().await {
        let (target, shared) = (target.clone(), shared.clone());
        tokio::spawn(async move {
            let state = shared.state.subscribe();
            let now = *state.borrow();
            if now == State::Cut {
                return;
            }
            if now == State::Dead {
                return until_cut(near, state).await;
            }
            // The database may be away, too.
            let Ok(far) = TcpStream::connect(target).await else {
                return;
            };
            carry(near, far, &shared, state).await;
        });
    }
}

/// Holds a connection open on which nothing arrives.
async fn until_cut<T: Send>(held: T, mut state: watch::Receiver<State>) {
    state
        .wait_for(|state| *state == State::Cut)
        .await
        .map(drop)
        .unwrap_or_default();
    drop(held);
}

async fn carry(mut near: TcpStream, mut far: TcpStream, shared: &Shared, mut state: watch::Receiver<State>) {
    let broken = tokio::select! {
        () = pump(&mut near, &mut far, shared) => return,
        state = state.wait_for(|state| matches!(state, State::Cut | State::Dead)) => state.map(|state| *state),
    };
    if broken.ok() == Some(State::Dead) {
        until_cut((near, far), shared.state.subscribe()).await;
    }
}

async fn pump(near: &mut TcpStream, far: &mut TcpStream, shared: &Shared) {
    let (mut there, mut back) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            read = near.read(&mut there) => {
                let Some(count) = read.ok().filter(|count| *count > 0) else { return };
                let state = *shared.state.borrow();
                if let State::Slow(by) = state {
                    tokio::time::sleep(by).await;
                }
                let left = shared.answered.load(Ordering::SeqCst);
                if far.write_all(&there[..count]).await.is_err() {
                    return;
                }
                if left == 0 {
                    // It answers when it is done.
                    drop(far.read(&mut back).await);
                    shared.state.send_replace(State::Cut);
                    return;
                }
                if left > 0 {
                    shared.answered.fetch_sub(1, Ordering::SeqCst);
                }
            }
            read = far.read(&mut back) => {
                let Some(count) = read.ok().filter(|count| *count > 0) else { return };
                if near.write_all(&back[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

//! A wire to the database that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

/// Passes connections on, until it is cut; passes new ones on once it is whole again.
pub struct Wire {
    whole: Arc<watch::Sender<bool>>,
    url: String,
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
        let whole = Arc::new(watch::Sender::new(true));
        tokio::spawn(pass_on(listener, target, whole.clone()));
        Self { whole, url: url.into() }
    }

    /// The database at this end of it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Breaks every connection, and every new one at once.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn pass_on(listener: TcpListener, target: String, whole: Arc<watch::Sender<bool>>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (target, mut whole) = (target.clone(), whole.subscribe());
        tokio::spawn(async move {
            if !*whole.borrow_and_update() {
                return;
            }
            let mut far = TcpStream::connect(target).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = whole.wait_for(|whole| !*whole) => {}
            }
        });
    }
}

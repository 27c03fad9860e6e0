//! The way in: everything goes to the routes, but for what is asked for more than anything else.
//!
//! The public documents are the same for everybody and change seldom, so they are kept as they are sent. The endpoints that
//! machines call with every one of their own requests are called at once, with the same around them as by their routes, which stay
//! for every other method: to find a route, and to go through its layers, costs 4 µs for each request.

use std::convert::Infallible;
use std::future::{Ready as Made, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::handler::Handler as _;
use axum::http::{Method, Request as HttpRequest};
use axum::response::Response;
use tower::{BoxError, Service};

use crate::app::App;
use crate::endpoints::{introspect, jwks, token, userinfo};
use crate::http::document::Prepared;
use crate::http::layers::{self, Observed};
use crate::http::{cors, paths};
use crate::store::QueryStats;

/// The server's service; cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

/// Makes the service of each connection.
pub struct Connections(Front);

/// The service of one connection. It knows who is at the other end, and writes that into those requests only that need it: an
/// extension costs three allocations.
#[derive(Clone)]
pub struct Connection {
    front: Front,
    peer: SocketAddr,
}

struct Inner {
    routes: Router,
    ready: Option<Ready>,
}

/// What is answered without the routes, by its path.
pub(super) struct Ready {
    pub(super) app: App,
    pub(super) documents: Vec<(String, Document)>,
    pub(super) endpoints: Vec<Arc<Endpoint>>,
}

/// What is kept ready.
pub(super) enum Document {
    /// One that never changes.
    Fixed(Arc<Prepared>),
    /// The keys, which do.
    Keys(jwks::Current),
}

/// What is called at once.
pub(super) struct Endpoint {
    pub(super) app: App,
    pub(super) path: String,
    pub(super) machine: Machine,
}

/// What machines call.
#[derive(Clone, Copy)]
pub(super) enum Machine {
    Token,
    Introspect,
    Userinfo,
}

impl Front {
    /// Answers what is `ready`, and leaves the rest to `routes`.
    pub(super) fn new(ready: Ready, routes: Router) -> Self {
        let ready = Some(ready);
        Self(Arc::new(Inner { routes, ready }))
    }

    fn find(&self, path: &str) -> Option<(&App, &(String, Document))> {
        let ready = self.0.ready.as_ref()?;
        let found = ready.documents.iter().find(|(known, _)| known == path)?;
        Some((&ready.app, found))
    }

    fn endpoint(&self, method: &Method, path: &str) -> Option<&Arc<Endpoint>> {
        let endpoints = &self.0.ready.as_ref()?.endpoints;
        endpoints
            .iter()
            .find(|known| known.path == path && known.machine.takes(method))
    }

    /// Serves connections.
    pub fn into_connections(self) -> Connections {
        Connections(self)
    }

    fn answer<B>(&self, request: HttpRequest<B>, peer: Option<SocketAddr>) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (method, path) = (request.method(), request.uri().path());
        if let Some(endpoint) = self.endpoint(method, path) {
            let request = request.map(Body::new);
            return Answer::Awaited(Box::pin(call(endpoint.clone(), peer, request)));
        }
        match self.find(path) {
            Some((app, found)) if matches!(*method, Method::GET | Method::HEAD) => {
                self.document(app, found, request, peer)
            }
            _ => Answer::Awaited(Box::pin(self.by_the_routes(request.map(Body::new), peer))),
        }
    }

    fn by_the_routes(
        &self,
        mut request: Request,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static + use<> {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        self.0.routes.clone().call(request)
    }

    fn document<B>(
        &self,
        app: &App,
        (path, document): &(String, Document),
        request: HttpRequest<B>,
        peer: Option<SocketAddr>,
    ) -> Answer
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let at_hand = match document {
            Document::Fixed(document) => Some(document.clone()),
            Document::Keys(keys) => keys.at_hand(app),
        };
        let Some(document) = at_hand else {
            let request = request.map(Body::new);
            return Answer::Awaited(Box::pin(self.clone().answer_later(request, peer)));
        };
        let observed = Observed::begin(app, &request, peer, path);
        let response = document.answer(request.method(), request.headers());
        Answer::Known(Some(observed.end(response, QueryStats::default())))
    }

    async fn answer_later(self, request: Request, peer: Option<SocketAddr>) -> Result<Response, Infallible> {
        let Some((app, (path, document))) = self.find(request.uri().path()) else {
            return self.by_the_routes(request, peer).await;
        };
        let observed = Observed::begin(app, &request, peer, path);
        let (method, headers) = (request.method(), request.headers());
        let (response, queries) = match document {
            Document::Fixed(document) => (document.answer(method, headers), QueryStats::default()),
            Document::Keys(keys) => observed.run(keys.answer(app, method, headers)).await,
        };
        Ok(observed.end(response, queries))
    }
}

/// The layers of the routes, without the routes.
async fn call(endpoint: Arc<Endpoint>, peer: Option<SocketAddr>, request: Request) -> Result<Response, Infallible> {
    let Endpoint { app, path, machine } = &*endpoint;
    let answer = |request| {
        let call = |request| machine.call(app.clone(), request);
        layers::caught(cors::for_registered_origins(app, request, call))
    };
    Ok(layers::around(app, path, peer, request, answer).await)
}

impl Machine {
    /// Those that are called most.
    pub(super) const ALL: [Self; 3] = [Self::Token, Self::Introspect, Self::Userinfo];

    /// Where it is, below the issuer.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Token => paths::TOKEN,
            Self::Introspect => paths::INTROSPECT,
            Self::Userinfo => paths::USERINFO,
        }
    }

    fn takes(self, method: &Method) -> bool {
        *method == Method::POST || matches!(self, Self::Userinfo) && *method == Method::GET
    }

    fn call(self, app: App, request: Request) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        match self {
            Self::Token => token::post.call(request, app),
            Self::Introspect => introspect::post.call(request, app),
            Self::Userinfo => userinfo::answer.call(request, app),
        }
    }
}

impl From<Router> for Front {
    fn from(routes: Router) -> Self {
        Self(Arc::new(Inner { routes, ready: None }))
    }
}

impl<B> Service<HttpRequest<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Answer {
        let peer = layers::peer(request.extensions());
        self.answer(request, peer)
    }
}

impl Service<SocketAddr> for Connections {
    type Response = Connection;
    type Error = Infallible;
    type Future = Made<Result<Connection, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, peer: SocketAddr) -> Self::Future {
        let front = self.0.clone();
        ready(Ok(Connection { front, peer }))
    }
}

impl<B> Service<HttpRequest<B>> for Connection
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<B>) -> Answer {
        self.front.answer(request, Some(self.peer))
    }
}

/// An answer on its way.
pub enum Answer {
    /// It is there.
    Known(Option<Response>),
    /// It has to be made.
    Awaited(Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // Asked again after it was given, like any future, it has nothing more to say.
            Self::Known(response) => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Self::Awaited(answer) => answer.as_mut().poll(cx),
        }
    }
}

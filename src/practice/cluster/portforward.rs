//! Port forwarding to pods over a websocket, in the protocol `v4.channel.k8s.io` that kube clients speak.

use super::{
    Cluster,
    request::{Asked, Query},
    review::{self, Wish},
    status::{ApiError, Attempt},
};
use axum::{
    body::Bytes,
    extract::{
        FromRequestParts,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{header, request::Parts},
    response::Response,
};
use futures::{SinkExt, StreamExt};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

/// What answers a port forward: given namespace, pod and port, the near end of a stream to it, or `None` where nothing listens.
pub type ForwardHandler = dyn Fn(&str, &str, u16) -> Option<DuplexStream> + Send + Sync;

/// A shared [`ForwardHandler`].
#[derive(Clone)]
pub struct PortForward(pub Arc<ForwardHandler>);

impl std::fmt::Debug for PortForward {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PortForward")
    }
}

const PROTOCOL: &str = "v4.channel.k8s.io";

/// Answers `GET /api/v1/namespaces/NS/pods/POD/portforward?ports=...`.
pub(super) async fn serve(
    cluster: &Cluster,
    parts: &mut Parts,
    asked: &Asked,
    user: &str,
) -> Result<Response, ApiError> {
    let namespace = asked.namespace.clone().unwrap_or_default();
    let pod = asked.name.clone().unwrap_or_default();
    for verb in ["get", "create"] {
        let wish = Wish { verb, group: "", resource: "pods/portforward", namespace: &namespace };
        if !review::allows(&cluster.state(), &wish) {
            let namespace = Some(namespace.as_str());
            let attempt = Attempt { verb, group: "", resource: "pods/portforward", namespace, name: &pod };
            return Err(ApiError::forbidden(&attempt, user));
        }
    }
    let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let protocols = parts.headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    if upgrade.to_ascii_lowercase().starts_with("spdy") || protocols.is_some_and(|protocols| protocols.contains("SPDY"))
    {
        return Err(ApiError::bad_request(format!(
            "the practice ground forwards ports over a websocket with the protocol {PROTOCOL} alone, not over SPDY"
        )));
    }
    let wanted = ports(parts)?;
    let live = cluster.state().existing(&asked.kind, &namespace, &pod)?;
    let phase = live.pointer("/status/phase").and_then(serde_json::Value::as_str).unwrap_or("Pending").to_owned();
    if phase != "Running" {
        return Err(ApiError::bad_request(format!(
            "unable to forward port because pod is not running. Current status={phase}"
        )));
    }
    let upgrade = WebSocketUpgrade::from_request_parts(parts, &())
        .await
        .map_err(|_| ApiError::bad_request("Upgrade request required"))?;
    let handler = cluster.port_forward();
    Ok(upgrade.protocols([PROTOCOL]).on_upgrade(move |socket| async move {
        let streams = wanted
            .into_iter()
            .map(|port| (port, handler.as_ref().and_then(|handler| (handler.0)(&namespace, &pod, port))))
            .collect();
        forward_ports(socket, streams).await;
    }))
}

fn ports(parts: &Parts) -> Result<Vec<u16>, ApiError> {
    let query = Query::read(parts.uri.query());
    let Some(text) = query.get("ports") else {
        return Err(ApiError::bad_request("query parameter \"ports\" is required"));
    };
    text.split(',')
        .map(|port| port.parse().map_err(|_| ApiError::bad_request(format!("unable to parse {port:?} as a port"))))
        .collect()
}

/// Carries bytes between the websocket's channels and the streams: port number N of the request has channel 2N for data and
/// 2N+1 for errors, and each begins with the port's number.
pub async fn forward_ports(socket: WebSocket, streams: Vec<(u16, Option<DuplexStream>)>) {
    let (mut to_client, mut from_client) = socket.split();
    let (outgoing, mut messages) = mpsc::channel::<Message>(16 + 3 * streams.len());
    let mut writers: Vec<Option<WriteHalf<DuplexStream>>> = Vec::new();
    let mut pumps = tokio::task::JoinSet::new();
    for (at, (port, stream)) in streams.into_iter().enumerate() {
        let data = u8::try_from(at * 2).unwrap_or(u8::MAX);
        let errors = data.saturating_add(1);
        let [low, high] = port.to_le_bytes();
        for channel in [data, errors] {
            let _closed = outgoing.send(binary(channel, &[low, high])).await;
        }
        if let Some(stream) = stream {
            let (reader, writer) = tokio::io::split(stream);
            writers.push(Some(writer));
            pumps.spawn(pump(reader, data, outgoing.clone()));
        } else {
            writers.push(None);
            let text = format!("failed to connect to localhost:{port} inside namespace: connection refused");
            let _closed = outgoing.send(binary(errors, text.as_bytes())).await;
        }
    }
    drop(outgoing);
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Some(message) => if to_client.send(message).await.is_err() { break },
                None => break,
            },
            message = from_client.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let Some((channel, payload)) = bytes.split_first() else { continue };
                    let writer = writers.get_mut(usize::from(channel / 2)).and_then(Option::as_mut);
                    if let Some(writer) = writer.filter(|_| channel % 2 == 0) {
                        let _far_end_closed = writer.write_all(payload).await;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    let _closed_already = to_client.close().await;
}

async fn pump(mut reader: ReadHalf<DuplexStream>, channel: u8, outgoing: mpsc::Sender<Message>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let Some(read) = buffer.get(..count) else { return };
        if outgoing.send(binary(channel, read)).await.is_err() {
            return;
        }
    }
}

fn binary(channel: u8, payload: &[u8]) -> Message {
    let mut bytes = Vec::with_capacity(payload.len() + 1);
    bytes.push(channel);
    bytes.extend_from_slice(payload);
    Message::Binary(Bytes::from(bytes))
}

//! Serves an emulator on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

/// An emulator that answers; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Running {
    /// Returns the URL of the vendor's API host, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Starts an emulator on 127.0.0.1; port 0 takes any free one.
///
/// # Errors
/// Fails when the port is taken.
pub async fn serve(service: Router, port: u16) -> std::io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "emulator stopped");
        }
    });
    Ok(Running { address, server })
}

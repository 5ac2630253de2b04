// A server that sends back what it gets, and eight clients that wait for each answer, on one runtime
// over loopback: how many round trips a second, and how long one takes. Prints one JSON object a line.
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CLIENTS: usize = 8;
const BYTES: usize = 64;

async fn serve(listener: TcpListener) {
    while let Ok((mut peer, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buf = [0u8; BYTES];
            while peer.read_exact(&mut buf).await.is_ok() {
                if peer.write_all(&buf).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn ask(addr: std::net::SocketAddr, until: Instant) -> std::io::Result<Vec<u64>> {
    let mut server = TcpStream::connect(addr).await?;
    server.set_nodelay(true)?;
    let (said, mut heard) = ([7u8; BYTES], [0u8; BYTES]);
    let mut took_ns = Vec::with_capacity(1 << 20);
    while Instant::now() < until {
        let began = Instant::now();
        server.write_all(&said).await?;
        server.read_exact(&mut heard).await?;
        took_ns.push(began.elapsed().as_nanos() as u64);
    }
    assert_eq!(said, heard);
    Ok(took_ns)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(3);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(serve(listener));
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(ask(addr, until))).collect();
    let mut took_ns = Vec::new();
    for client in clients {
        took_ns.extend(client.await.expect("a client")?);
    }
    let rate = took_ns.len() as f64 / began.elapsed().as_secs_f64();
    took_ns.sort_unstable();
    let at = |p: usize| took_ns[(took_ns.len() - 1) * p / 100] as f64 / 1000.0;
    let row = |name: &str, unit: &str, better: &str, kind: &str, value: f64| {
        println!(
            r#"{{"benchmark":"echo","name":"{name}","unit":"{unit}","value":{value:.3},"better":"{better}","metric_kind":"{kind}","params":{{"clients":{CLIENTS},"bytes":{BYTES}}}}}"#
        );
    };
    row("round_trips", "1/s", "higher", "rate", rate);
    row("round_trip_p50", "us", "lower", "time", at(50));
    row("round_trip_p99", "us", "lower", "time", at(99));
    Ok(())
}

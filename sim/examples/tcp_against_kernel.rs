//! The TCP model against the Linux kernel: every condition of `sim/data/kernel-tcp.csv`, with quantiles of both and their
//! Kolmogorov-Smirnov distance, exact and with the slack of `kernel::SLACK`; then how many packets per second the model passes.
//!
//!     cargo run --release --example tcp_against_kernel [RUNS [CSV]]
//!
//! RUNS transfers per condition (default 2000); CSV gets both distribution functions, one row per transfer.

use std::fmt::Write as _;
use std::sync::Arc;

use rapprochement_core::time::Duration;
use rapprochement_sim::transport::tcp::TcpConfig;
use rapprochement_sim::transport::tcp::kernel::{Case, SLACK, cases, critical, distance, quantile};
use rapprochement_sim::transport::tcp::rig::{Link, Rig, Text};

const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let runs: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2000);
    let mut rows =
        String::from("congestion,loss_each_way,delay_ms_one_way,size_bytes,source,complete_ms,share_at_most\n");
    println!("algorithm  loss   delay      bytes  source      n      5 %     25 %     50 %     75 %     95 %");
    for case in cases() {
        let runs = if case.loss > 0.0 { runs } else { 1 };
        let model = case.models(0..runs);
        show(&case, "kernel", &case.kernel, &mut rows);
        show(&case, "model", &model, &mut rows);
        if case.loss > 0.0 {
            let d = |slack| distance(&case.kernel, &model, slack);
            let (exact, slack, limit) = (d(0.0), d(SLACK), critical(case.kernel.len(), model.len()));
            println!("{:42} distance {exact:.4}, with slack {slack:.4}; rejected at 1 % above {limit:.4}", "");
        } else {
            let (k, m) = (quantile(&case.kernel, 0.5), quantile(&model, 0.5));
            println!("{:47} {:+.2} %", "", (m / k - 1.0) * 100.0);
        }
    }
    if let Some(path) = arguments.next() {
        std::fs::write(path, rows)?;
    }
    let (packets, seconds) = speed();
    println!("{packets} packets through both ends, {:.2} M/s", packets as f64 / seconds / 1e6);
    Ok(())
}

fn show(case: &Case, source: &str, times: &[f64], rows: &mut String) {
    let algorithm = format!("{:?}", case.congestion).to_lowercase();
    let quantiles: String = SHARES.iter().map(|&share| format!(" {:8.1}", quantile(times, share))).collect();
    let (loss, delay, bytes) = (case.loss * 100.0, case.delay, case.bytes);
    println!("{algorithm:9} {loss:4.1} % {delay:3} ms {bytes:10}  {source:6} {:6}{quantiles}", times.len());
    for (index, time) in times.iter().enumerate() {
        let share = (index + 1) as f64 / times.len() as f64;
        let _ = writeln!(rows, "{algorithm},{},{delay},{bytes},{source},{time:.3},{share:.6}", case.loss);
    }
}

/// Packets of both directions in a transfer of 1 GB without losses, and the seconds of wall time that they took.
#[expect(clippy::disallowed_methods, reason = "what is measured is the machine")]
fn speed() -> (u64, f64) {
    let link = Link { rate: 10_000_000_000, delay: Duration::from_millis(1), queue: 100_000_000 };
    let mut rig = Rig::new(2, &TcpConfig::default(), link, |_, _| false);
    let message = Arc::new(Text(vec![0; 10_000_000]));
    let start = std::time::Instant::now();
    for count in 1..=100 {
        rig.send_message(0, 1, Arc::clone(&message));
        rig.run_until(count);
    }
    (rig.packets, start.elapsed().as_secs_f64())
}

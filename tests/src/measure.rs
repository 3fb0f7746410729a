//! What a running server costs.
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

/// Clock ticks of `/proc`, in microseconds; 100 a second on every Linux.
const TICK: f64 = 10_000.0;

/// Killed when the measurement ends, however it ends.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Memory in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub resident: u64,
    /// Pages shared with other processes count in part.
    pub proportional: u64,
    /// Without program text, which is paged in as it is first used and can be dropped again.
    pub anonymous: u64,
}

impl Server {
    pub fn start(binary: &str, state: &Path, config: &Path) -> Result<Self> {
        Self::spawn(Command::new(binary).args(["host", "--state-dir"]).arg(state).arg("--config").arg(config))
    }

    /// Starts any program, without its words.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", command.get_program().display()))?))
    }

    /// Id of the process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ids of the processes that it started.
    pub fn children(&self) -> Result<Vec<u32>> {
        let id = self.id();
        let text = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        text.split_whitespace().map(|child| Ok(child.parse()?)).collect()
    }

    /// Whether it runs, for people who read of a failure.
    pub fn fate(&mut self) -> String {
        match self.0.try_wait() {
            Ok(Some(status)) => format!("the server died ({status})"),
            _ => "the server runs".to_owned(),
        }
    }

    /// Waits until it listens and has nothing more to do.
    pub async fn settled(&self, addr: SocketAddr) -> Result<()> {
        self.listening(addr).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    }

    /// Waits until it listens.
    pub async fn listening(&self, addr: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            ensure!(Instant::now() < deadline, "the server does not listen");
            thread::yield_now();
        }
        Ok(())
    }

    /// What it takes now.
    pub fn memory(&self) -> Result<Memory> {
        memory(self.id())
    }
}

/// What a process takes now, in KiB.
pub fn memory(process: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let field = |name: &str| -> Result<u64> {
        let line = text.lines().find(|line| line.starts_with(name)).context("field")?;
        Ok(line.split_whitespace().nth(1).context("value")?.parse()?)
    };
    Ok(Memory { resident: field("Rss:")?, proportional: field("Pss:")?, anonymous: field("Anonymous:")? })
}

/// Processor time of a process in microseconds.
pub fn processor(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after = text.rsplit(')').next().context("stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(ticks as f64 * TICK)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: u64| kib as f64 / 1024.0;
        let (resident, data, proportional) = (mib(self.resident), mib(self.anonymous), mib(self.proportional));
        write!(f, "{resident:.1} MiB, of it {data:.1} MiB data (PSS {proportional:.1} MiB)")
    }
}

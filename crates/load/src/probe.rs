use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde::Serialize;

use super::{
    numbers::{float, per},
    target::Target,
};

/// What a process has used up to now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub memory_bytes: f64,
}

/// The server's processor and memory in one second of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When, in seconds since the run began.
    pub at: f64,
    /// Cores in use since the sample before.
    pub cores: f64,
    /// Resident memory, in bytes.
    pub memory_bytes: f64,
}

/// Where the server's figures come from.
#[derive(Debug)]
pub enum Probe {
    Process(u32),
    /// Its metrics.
    Metrics(Target),
}

impl Probe {
    /// What it has used up to now, where it tells.
    pub fn read(&self) -> Option<Usage> {
        match self {
            Self::Process(pid) => process(&format!("/proc/{pid}")),
            Self::Metrics(target) => metrics(&get(target)?),
        }
    }
}

/// What all of them have used up to now; nothing where one does not tell, since a part would look like all.
pub fn sum(probes: &[Probe]) -> Option<Usage> {
    let (first, others) = probes.split_first()?;
    others.iter().try_fold(first.read()?, |sum, probe| {
        let Usage { cpu_seconds, memory_bytes } = probe.read()?;
        Some(Usage { cpu_seconds: sum.cpu_seconds + cpu_seconds, memory_bytes: sum.memory_bytes + memory_bytes })
    })
}

/// What the generator itself has used.
pub fn own() -> Option<Usage> {
    process("/proc/self")
}

/// Reads what Linux says of a process (proc_pid_stat(5), proc_pid_statm(5)).
fn process(folder: &str) -> Option<Usage> {
    let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
    let statm = fs::read_to_string(format!("{folder}/statm")).ok()?;
    let ticks = ticks(&stat)?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(Usage {
        cpu_seconds: per(float(ticks), float(rustix::param::clock_ticks_per_second())),
        memory_bytes: float(pages) * float(super::numbers::count(rustix::param::page_size())),
    })
}

/// User and system time. The name before them may have blanks and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The metrics that every Prometheus client has.
fn metrics(text: &str) -> Option<Usage> {
    let value = |name: &str| {
        let mut values =
            text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
        values.next()
    };
    Some(Usage {
        cpu_seconds: value("process_cpu_seconds_total")?,
        memory_bytes: value("process_resident_memory_bytes")?,
    })
}

/// One request as old as HTTP, so that the answer ends with the connection.
fn get(target: &Target) -> Option<String> {
    let limit = Some(Duration::from_millis(800));
    let mut stream = TcpStream::connect_timeout(&target.address, Duration::from_millis(800)).ok()?;
    stream.set_read_timeout(limit).ok()?;
    stream.set_write_timeout(limit).ok()?;
    write!(stream, "GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", target.path, target.host).ok()?;
    let mut answer = Vec::new();
    stream.take(8 * 1024 * 1024).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200").map(|_| body.to_owned())
}

/// Samples of a run, one after the other.
#[derive(Debug, Default)]
pub struct Samples {
    last: Option<(f64, Usage)>,
    pub all: Vec<Sample>,
}

impl Samples {
    /// Takes in what was read `at` seconds.
    pub fn take(&mut self, at: f64, usage: Usage) {
        if let Some((before_at, before)) = self.last {
            let cores = per(usage.cpu_seconds - before.cpu_seconds, at - before_at).max(0.0);
            self.all.push(Sample { at, cores, memory_bytes: usage.memory_bytes });
        }
        self.last = Some((at, usage));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 0 0 20 0 4 0 100 1000 50";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 x"), None);
        assert!(own().is_some_and(|usage| usage.memory_bytes > 100_000.0));
    }

    #[test]
    fn a_part_of_the_servers_is_no_sum() {
        let (own, nobody) = (std::process::id(), u32::MAX);
        let sum = |pids: &[u32]| sum(&pids.iter().map(|pid| Probe::Process(*pid)).collect::<Vec<_>>());
        let (one, two) = (sum(&[own]).expect("this process"), sum(&[own, own]).expect("this process twice"));
        assert!(two.memory_bytes > one.memory_bytes * 1.5, "{one:?} {two:?}");
        assert_eq!((sum(&[]), sum(&[own, nobody])), (None, None));
    }

    #[test]
    fn metrics_are_read() {
        let text = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 12.5\nprocess_resident_memory_bytes 1048576\n";
        assert_eq!(metrics(text), Some(Usage { cpu_seconds: 12.5, memory_bytes: 1_048_576.0 }));
        assert_eq!(metrics("process_cpu_seconds_total_x 1\n"), None);
    }

    #[test]
    fn samples_are_what_was_used_between() {
        let mut samples = Samples::default();
        for (at, cpu_seconds) in [(1.0, 5.0), (2.0, 5.5), (4.0, 8.5)] {
            samples.take(at, Usage { cpu_seconds, memory_bytes: 1.0 });
        }
        assert_eq!(samples.all.iter().map(|s| s.cores).collect::<Vec<_>>(), [0.5, 1.5]);
    }
}

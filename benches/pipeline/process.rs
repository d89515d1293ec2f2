//! What Linux says of a process: its CPU time and its memory.

use super::Failure;

/// CPU seconds, user and system, of a process so far.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may hold spaces; the third field follows it.
    let (_, fields) = stat.rsplit_once(')').ok_or("no fields in stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64, Failure> {
        let field = fields.next().ok_or("a short stat")?;
        Ok(f64::from(field.parse::<u32>()?))
    };
    // utime and stime of proc(5), in hundredths of a second.
    Ok((ticks()? + ticks()?) / 100.0)
}

/// Resident memory of a process in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in status")?;
    let kib: u32 = line
        .split_whitespace()
        .next()
        .ok_or("no size in VmRSS")?
        .parse()?;
    Ok(f64::from(kib) / 1024.0)
}

/// What all processors together have done so far, in hundredths of a second.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    worked: f64,
    rested: f64,
}

impl Machine {
    /// The share of their time that they worked since `before`.
    pub(crate) fn busy_since(self, before: Self) -> f64 {
        let worked = self.worked - before.worked;
        worked / (worked + self.rested - before.rested).max(1.0)
    }
}

pub(crate) fn machine() -> Result<Machine, Failure> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("an empty stat")?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [user, nice, system, idle, waiting, irq, softirq, _stolen] = ticks[..] else {
        return Err("a short stat".into());
    };
    Ok(Machine {
        worked: user + nice + system + irq + softirq,
        rested: idle + waiting,
    })
}

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

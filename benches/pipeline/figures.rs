//! Medians and the conversions that figures need.

/// The middle one; of an even number the upper of the two.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The 99th percentile.
pub(crate) fn p99(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let index = figures.len().saturating_sub(1) * 99 / 100;
    figures.get(index).copied().unwrap_or(f64::NAN)
}

/// The median of the rounds' own ratios: what slows a whole round down cancels out.
pub(crate) fn median_ratio(of: &[f64], to: &[f64]) -> f64 {
    median(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

/// Counts of a bench are far below what a float holds exactly.
pub(crate) fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

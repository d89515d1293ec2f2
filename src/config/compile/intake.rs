//! `allow_ips` and `max_body`: what a source lets in before it looks at the proof.

use crate::network::Network;
use crate::size;

use super::super::problem::Finding;
use super::{Compiler, Spanned, Text, codes};

impl Compiler<'_> {
    pub(super) fn networks(&mut self, list: &Spanned<Vec<Text>>) -> Option<Vec<Network>> {
        if list.get_ref().is_empty() {
            let message = "`allow_ips` names no address, so nobody may send";
            self.findings.push(
                Finding::error(codes::BAD_VALUE, list.span(), message)
                    .help("leave it away to take events from everywhere"),
            );
            return None;
        }
        let parsed: Vec<_> = list
            .get_ref()
            .iter()
            .map(|text| {
                let network = text.get_ref().parse::<Network>();
                network.map_err(|why| {
                    let message = format!("`{}` is no network", text.get_ref());
                    self.findings
                        .push(Finding::error(codes::BAD_VALUE, text.span(), message).help(why));
                })
            })
            .collect();
        parsed.into_iter().collect::<Result<_, ()>>().ok()
    }

    /// It can only lower what the process takes.
    pub(super) fn max_body(&mut self, text: &Text) -> Option<usize> {
        let Some(bytes) = size::parse(text.get_ref()) else {
            let message = format!("`max_body` cannot be `{}`", text.get_ref());
            self.findings.push(
                Finding::error(codes::BAD_VALUE, text.span(), message)
                    .help("a number of bytes above 0, or one with KiB, MiB or GiB: \"64KiB\""),
            );
            return None;
        };
        if let Some(most) = self.options.max_body
            && bytes > most
        {
            let message = format!(
                "the process takes no body above {most} bytes, so neither does this source"
            );
            self.findings.push(
                Finding::warning(codes::MAX_BODY, text.span(), message)
                    .help("raise --max-body (SIGNALPOST_MAX_BODY), and lower the other sources"),
            );
        }
        Some(bytes)
    }
}

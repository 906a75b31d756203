//! Options that were not agreed on, and what the network says by ECN.

use wad_model::Counter;

use super::{Case, ask, finding, sysctl};
use crate::finding::Finding;
use crate::problem::Problem;
use crate::thresholds::{HARMLESS_LOSS, MARKED};

/// Without SACK a sender learns of one loss a round trip (RFC 6582, section 1).
pub(super) fn no_sack(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.view.evidence;
    let lacks = match &evidence.packets {
        Some(packets) => [packets.sender_offers_sack, packets.receiver_offers_sack].contains(&Some(false)),
        None => evidence.last(Counter::SACKEnabled)? == 0,
    };
    let loss = case.view.loss_rate()?;
    if !lacks || loss < HARMLESS_LOSS || case.losses.is_empty() {
        return None;
    }
    let facts = [("loss_rate", Some(loss)), ("retransmits", case.view.last(Counter::PktsRetrans))];
    let remedies = [
        sysctl("sender", "net.ipv4.tcp_sack", "1"),
        sysctl("receiver", "net.ipv4.tcp_sack", "1"),
        ask(
            "Does a firewall or middlebox on the path remove the TCP option \"SACK permitted\" from SYN segments?",
        ),
    ];
    Some(finding(Problem::NoSack, 0.97, case.limits.network(), &facts).with(remedies))
}

pub(super) fn ecn_marks(case: &Case<'_>) -> Option<Finding> {
    let marked =
        case.view.last(Counter::ECERcvd)? / case.view.last(Counter::Delivered).filter(|all| *all > 0.0)?;
    if marked < MARKED {
        return None;
    }
    let question = "Which link marks packets with ECN, and how loaded is it?";
    let facts = [("marked", Some(marked))];
    Some(finding(Problem::EcnMarks, 0.6, case.limits.network(), &facts).with([ask(question)]))
}

//! The table of counters.

use super::CounterInfo;
use super::Kind::{Counter as Count, Gauge, StateTime};
use super::Source::{Clock, Derived, Diag, Events, Kernel, TcpInfo};
use super::Unit::{Bytes, BytesPerSecond, Events as Times, Microseconds, Number, Segments, Switch};

/// Makes the counters' names and their table of one list, so that they cannot differ.
macro_rules! counters {
    ($($name:ident $rfc:literal, $unit:expr, $kind:expr, $source:expr, $since:literal: $description:literal;)*) => {
        /// A counter; the table says what each is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(non_camel_case_types, reason = "a name of Web100 has an underscore")]
        pub enum Counter {
            $(#[doc = $description] $name,)*
        }

        /// All counters, in the order of [`Counter`].
        pub const COUNTERS: [CounterInfo; [$(stringify!($name)),*].len()] = [
            $(CounterInfo {
                counter: Counter::$name,
                name: stringify!($name),
                rfc4898: $rfc,
                unit: $unit,
                kind: $kind,
                source: $source,
                since: $since,
                description: $description,
            },)*
        ];
    };
}

/// The hook that sees a flow leave or enter a state of congestion.
const CONGESTION: &str = "`tcp_cong_state_set`";
/// The hook that runs once a round trip.
const ROUND_TRIP: &str = "`RTT_CB`";
/// The hook that sees each segment arrive.
const ARRIVAL: &str = "`tcp_probe`";

// Versions of `struct tcp_info` before 6.1, the first kernel that WAD knows, are for the reader of old recordings.
counters! {
    // Time.
    CurrTime "", Microseconds, Gauge, Clock, "": "When the sample was taken, on the host's monotonic clock";
    StartTime "StartTimeStamp", Microseconds, Gauge, Kernel("established"), "6.1": "When the connection was established or adopted, on the same clock";

    // What went out and came in.
    PktsOut "SegsOut", Segments, Count, TcpInfo("segs_out"), "4.2": "Segments sent, retransmissions and pure acknowledgements included";
    DataPktsOut "DataSegsOut", Segments, Count, TcpInfo("data_segs_out"), "4.6": "Segments with data sent, retransmissions included";
    DataBytesOut "HCDataOctetsOut", Bytes, Count, TcpInfo("bytes_sent"), "4.19": "Payload sent, retransmissions included";
    PktsRetrans "SegsRetrans", Segments, Count, TcpInfo("total_retrans"), "2.6": "Segments sent again";
    BytesRetrans "OctetsRetrans", Bytes, Count, TcpInfo("bytes_retrans"), "4.19": "Payload sent again";
    ThruBytesAcked "HCThruOctetsAcked", Bytes, Count, TcpInfo("bytes_acked"), "4.1": "Payload acknowledged by the other end; the kernel counts SYN and FIN as a byte each";
    Delivered "", Segments, Count, TcpInfo("delivered"), "4.18": "Segments that arrived at the other end, as acknowledgements and SACK tell; SYN included";
    PktsIn "SegsIn", Segments, Count, TcpInfo("segs_in"), "4.2": "Segments received, pure acknowledgements included";
    DataPktsIn "DataSegsIn", Segments, Count, TcpInfo("data_segs_in"), "4.6": "Segments with data received";
    ThruBytesReceived "HCThruOctetsReceived", Bytes, Count, TcpInfo("bytes_received"), "4.1": "Payload received in order; the kernel counts a FIN as a byte";
    OutOfOrderIn "", Segments, Count, TcpInfo("rcv_ooopack"), "5.4": "Segments received out of order";

    // Round-trip times and time-outs.
    SampleRTT "SampleRTT", Microseconds, Gauge, Kernel(ROUND_TRIP), "6.1": "The latest sample of the round-trip time; before Linux 6.10 the smoothed one";
    SmoothedRTT "SmoothedRTT", Microseconds, Gauge, TcpInfo("rtt"), "2.6": "Smoothed round-trip time (RFC 6298)";
    RTTVar "RTTVar", Microseconds, Gauge, TcpInfo("rttvar"), "2.6": "Variation of the round-trip time (RFC 6298)";
    MinRTT "MinRTT", Microseconds, Gauge, TcpInfo("min_rtt"), "4.6": "Smallest round-trip time of the last five minutes; of a designated flow, of its whole life";
    MaxRTT "MaxRTT", Microseconds, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest sample, of one a round trip";
    SumRTT "HCSumRTT", Microseconds, Count, Kernel(ROUND_TRIP), "6.1": "Sum of the samples, of one a round trip; with CountRTT the mean";
    CountRTT "CountRTT", Times, Count, Kernel(ROUND_TRIP), "6.1": "Number of samples in SumRTT";
    RcvRTT "RcvRTT", Microseconds, Gauge, TcpInfo("rcv_rtt"), "2.6": "Round-trip time as the receiver estimates it";
    CurRTO "CurRTO", Microseconds, Gauge, TcpInfo("rto"), "2.6": "Retransmission time-out";
    MinRTO "MinRTO", Microseconds, Gauge, Kernel(ROUND_TRIP), "6.1": "Smallest retransmission time-out, looked at once a round trip";
    MaxRTO "MaxRTO", Microseconds, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest retransmission time-out, looked at once a round trip";
    CurATO "", Microseconds, Gauge, TcpInfo("ato"), "2.6": "How long an acknowledgement may wait";

    // Windows.
    CurCwnd "CurCwnd", Segments, Gauge, TcpInfo("snd_cwnd"), "2.6": "Congestion window (RFC 4898 has it in bytes: times CurMSS)";
    MinCwnd "", Segments, Gauge, Kernel(ROUND_TRIP), "6.1": "Smallest congestion window, looked at once a round trip and at each congestion signal";
    MaxCwnd "", Segments, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest congestion window, looked at once a round trip and at each congestion signal";
    MaxSsCwnd "MaxSsCwnd", Segments, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest congestion window in slow start";
    MaxCaCwnd "MaxCaCwnd", Segments, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest congestion window in congestion avoidance";
    CurSsthresh "CurSsthresh", Segments, Gauge, TcpInfo("snd_ssthresh"), "2.6": "Slow-start threshold; absent while it is infinite";
    MinSsthresh "MinSsthresh", Segments, Gauge, Kernel(ROUND_TRIP), "6.1": "Smallest slow-start threshold";
    MaxSsthresh "MaxSsthresh", Segments, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest slow-start threshold that was not infinite";
    CurRwinRcvd "CurRwinRcvd", Bytes, Gauge, TcpInfo("snd_wnd"), "5.4": "Receive window that the other end offers";
    MinRwinRcvd "", Bytes, Gauge, Kernel(ROUND_TRIP), "6.1": "Smallest window that the other end offered, looked at once a round trip";
    MaxRwinRcvd "MaxRwinRcvd", Bytes, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest window that the other end offered";
    ZeroRwinRcvd "ZeroRwinRcvd", Times, Count, Events(ARRIVAL), "6.1": "How often the other end closed its window";
    CurRwinSent "CurRwinSent", Bytes, Gauge, TcpInfo("rcv_wnd"), "6.2": "Receive window that this end offers";
    MaxRwinSent "MaxRwinSent", Bytes, Gauge, Kernel(ROUND_TRIP), "6.1": "Largest window that this end offered, looked at once a round trip";
    RcvSsthresh "", Bytes, Gauge, TcpInfo("rcv_ssthresh"), "2.6": "How far this end lets its window grow for now";
    RcvSpace "", Bytes, Gauge, TcpInfo("rcv_space"), "2.6": "What the application reads in a round trip, as receive buffer autotuning sees it";

    // What is on its way.
    UnackedPkts "", Segments, Gauge, TcpInfo("unacked"), "2.6": "Segments sent and not acknowledged";
    SackedPkts "", Segments, Gauge, TcpInfo("sacked"), "2.6": "Of them those that arrived, as SACK tells";
    LostPkts "", Segments, Gauge, TcpInfo("lost"), "2.6": "Of them those that are taken for lost";
    RetransPkts "", Segments, Gauge, TcpInfo("retrans"), "2.6": "Segments sent again and not acknowledged";

    // Congestion.
    CongSignals "CongSignals", Times, Count, Kernel(CONGESTION), "6.1": "Reductions of the congestion window, whatever the reason: fast retransmit, time-out, ECN, local congestion";
    FastRetran "FastRetran", Times, Count, Kernel(CONGESTION), "6.1": "Of them those by fast retransmit";
    ECNSignals "ECNsignals", Times, Count, Kernel(CONGESTION), "6.1": "Of them those by ECN, or by congestion of this host's own queue";
    Timeouts "Timeouts", Times, Count, TcpInfo("total_rto_recoveries"), "6.7": "Times that a first time-out expired; of a designated flow since Linux 6.1";
    SubsequentTimeouts "SubseqTimeouts", Times, Count, Derived("`tcpi_total_rto` - `tcpi_total_rto_recoveries`"), "6.7": "Times that a time-out expired again before an acknowledgement";
    RTORecoveryTime "", Microseconds, StateTime, TcpInfo("total_rto_time"), "6.7": "Time spent in the recovery from time-outs";
    CurTimeoutCount "CurTimeoutCount", Times, Gauge, TcpInfo("retransmits"), "2.6": "Time-outs since the last acknowledgement";
    CurBackoff "", Number, Gauge, TcpInfo("backoff"), "2.6": "How often the time-out has been doubled";
    CurProbes "", Segments, Gauge, TcpInfo("probes"), "2.6": "Window probes and keepalives without an answer";
    SlowStart "SlowStart", Times, Count, Kernel(ROUND_TRIP), "6.1": "Times that slow start began, looked at once a round trip (RFC 4898 counts each increase instead)";
    CongAvoid "CongAvoid", Times, Count, Kernel(ROUND_TRIP), "6.1": "Times that congestion avoidance began, looked at once a round trip (RFC 4898 counts each increase instead)";
    PreCongSumCwnd "PreCongSumCwnd", Segments, Count, Kernel(CONGESTION), "6.1": "Sum of the congestion windows at congestion signals, before the reduction";
    PreCongSumRTT "PreCongSumRTT", Microseconds, Count, Kernel(CONGESTION), "6.1": "Sum of the smoothed round-trip times at congestion signals";
    RandomLosses "", Times, Count, Kernel("control `wad`"), "6.1": "Of the signals those that the control `wad` took for random";
    DupAcksIn "DupAcksIn", Segments, Count, Events(ARRIVAL), "6.1": "Duplicate acknowledgements received (RFC 5681, section 2), since the event trace began";
    DSACKDups "DSACKDups", Segments, Count, TcpInfo("dsack_dups"), "4.19": "Segments that arrived twice, as D-SACK tells: retransmissions that were not needed";
    RetranThresh "RetranThresh", Segments, Gauge, TcpInfo("reordering"), "2.6": "How far segments may be out of order before they are taken for lost";
    ReordSeen "", Times, Count, TcpInfo("reord_seen"), "4.19": "Times that segments arrived out of order, as acknowledgements tell";
    ECERcvd "", Segments, Count, TcpInfo("delivered_ce"), "4.18": "Segments whose acknowledgement says that they met congestion (ECN)";
    CERcvd "CERcvd", Segments, Count, TcpInfo("received_ce"), "6.18": "Segments that arrived with the mark of congestion (ECN)";
    Rehashes "", Times, Count, TcpInfo("rehash"), "6.2": "Times that the flow looked for another way by a new hash";

    // What limits it.
    BusyTime "", Microseconds, StateTime, TcpInfo("busy_time"), "4.10": "Time with data to send or on its way; the rest of a flow's life the application had nothing to send";
    SndLimTimeRwin "SndLimTimeRwin", Microseconds, StateTime, TcpInfo("rwnd_limited"), "4.10": "Time limited by the window that the other end offers";
    SndLimTimeSnd "SndLimTimeSnd", Microseconds, StateTime, TcpInfo("sndbuf_limited"), "4.10": "Time limited by the send buffer";
    SndLimTimeCwnd "SndLimTimeCwnd", Microseconds, StateTime, Derived("`tcpi_busy_time` - `tcpi_rwnd_limited` - `tcpi_sndbuf_limited`"), "4.10": "The rest of the busy time: limited by congestion window, pacing or path";
    SndLimTransRwin "SndLimTransRwin", Times, Count, Kernel(ROUND_TRIP), "6.1": "Times that the other end's window became the limit, looked at once a round trip";
    SndLimTransSnd "SndLimTransSnd", Times, Count, Kernel(ROUND_TRIP), "6.1": "Times that the send buffer became the limit, looked at once a round trip";
    SndLimTransCwnd "SndLimTransCwnd", Times, Count, Kernel(ROUND_TRIP), "6.1": "Times that the congestion window became the limit, looked at once a round trip";
    AppLimited "", Switch, Gauge, TcpInfo("delivery_rate_app_limited"), "4.9": "Whether the application limited the delivery rate when it was measured";

    // Rates.
    DeliveryRate "", BytesPerSecond, Gauge, TcpInfo("delivery_rate"), "4.9": "Rate at which segments were delivered last";
    PacingRate "", BytesPerSecond, Gauge, TcpInfo("pacing_rate"), "3.15": "Rate at which segments may leave; absent without a bound";
    MaxPacingRate "", BytesPerSecond, Gauge, TcpInfo("max_pacing_rate"), "3.15": "Bound of the pacing rate (SO_MAX_PACING_RATE); absent without one";

    // Queues and buffers.
    CurRetxQueue "CurRetxQueue", Bytes, Gauge, Derived("`idiag_wqueue` - `tcpi_notsent_bytes`"), "4.6": "Payload sent and kept until it is acknowledged";
    CurAppWQueue "CurAppWQueue", Bytes, Gauge, TcpInfo("notsent_bytes"), "4.6": "Payload that the application wrote and that has not been sent";
    CurAppRQueue "CurAppRQueue", Bytes, Gauge, Diag("idiag_rqueue"), "2.6": "Payload that arrived in order and that the application has not read";
    X_Sndbuf "", Bytes, Gauge, Diag("INET_DIAG_SKMEMINFO"), "3.6": "Send buffer on the kernel's scale, twice what an application asks for";
    X_Rcvbuf "", Bytes, Gauge, Diag("INET_DIAG_SKMEMINFO"), "3.6": "Receive buffer on the kernel's scale";
    X_WmemQueued "", Bytes, Gauge, Diag("INET_DIAG_SKMEMINFO"), "3.6": "Memory of the send buffer in use";
    X_RmemAlloc "", Bytes, Gauge, Diag("INET_DIAG_SKMEMINFO"), "3.6": "Memory of the receive buffer in use";
    X_Drops "", Segments, Count, Diag("INET_DIAG_SKMEMINFO"), "4.6": "Segments that this host dropped at the socket";

    // What both ends agreed on, and where the connection stands.
    State "State", Number, Gauge, TcpInfo("state"), "2.6": "State of the connection, as Linux numbers it: 1 established, 2 SYN sent, 3 SYN received, 4 and 5 FIN wait, 6 time wait, 7 close, 8 close wait, 9 last ACK, 10 listen, 11 closing";
    CAState "", Number, Gauge, TcpInfo("ca_state"), "2.6": "State of congestion: 0 open, 1 disorder, 2 window reduced, 3 recovery, 4 loss";
    ActiveOpen "ActiveOpen", Switch, Gauge, Kernel("established"), "6.1": "Whether this host connected";
    CurMSS "CurMSS", Bytes, Gauge, TcpInfo("snd_mss"), "2.6": "Payload of a full segment that leaves";
    RcvMSS "", Bytes, Gauge, TcpInfo("rcv_mss"), "2.6": "Payload of a full segment that arrives, as estimated";
    MSSSent "MSSSent", Bytes, Gauge, TcpInfo("advmss"), "2.6": "Largest segment that this end offers to take";
    PathMTU "", Bytes, Gauge, TcpInfo("pmtu"), "2.6": "Largest packet of the path, as known";
    SndWinScale "WinScaleRcvd", Number, Gauge, TcpInfo("snd_wscale"), "2.6": "Power of two of the windows that the other end offers; absent without window scaling";
    RcvWinScale "WinScaleSent", Number, Gauge, TcpInfo("rcv_wscale"), "2.6": "Power of two of the windows that this end offers; absent without window scaling";
    TimestampsEnabled "TimeStamps", Switch, Gauge, TcpInfo("options"), "2.6": "Whether segments carry timestamps (RFC 7323)";
    SACKEnabled "WillSendSACK", Switch, Gauge, TcpInfo("options"), "2.6": "Whether both ends agreed on selective acknowledgements (RFC 2018)";
    ECNEnabled "ECN", Switch, Gauge, TcpInfo("options"), "2.6": "Whether both ends agreed on ECN (RFC 3168)";

    // How long nothing has happened.
    LastDataSent "", Microseconds, Gauge, TcpInfo("last_data_sent"), "2.6": "Time since data was sent";
    LastDataRcvd "", Microseconds, Gauge, TcpInfo("last_data_recv"), "2.6": "Time since data was received";
    LastAckRcvd "", Microseconds, Gauge, TcpInfo("last_ack_recv"), "2.6": "Time since an acknowledgement was received";

    // What BBR thinks.
    BbrBandwidth "", BytesPerSecond, Gauge, Diag("INET_DIAG_BBRINFO"), "4.9": "Bandwidth of the bottleneck, as BBR estimates it";
    BbrMinRTT "", Microseconds, Gauge, Diag("INET_DIAG_BBRINFO"), "4.9": "Round-trip time without a queue, as BBR estimates it";
    BbrPacingGain "", Number, Gauge, Diag("INET_DIAG_BBRINFO"), "4.9": "Pacing gain of BBR, times 256";
    BbrCwndGain "", Number, Gauge, Diag("INET_DIAG_BBRINFO"), "4.9": "Window gain of BBR, times 256";
}

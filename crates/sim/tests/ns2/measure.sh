#!/bin/sh
# Runs ns-2 (Debian package `ns2`) over the scenarios of the comparison and writes anchors.csv beside this file:
#     crates/sim/tests/ns2/measure.sh
# A row is a scenario, then what ns-2 made of it. Random losses are not here: their generators differ.
cd "$(dirname "$0")" || exit 1
exec > anchors.csv
echo "case,variant,flows,window,segment,delayed,stagger_s,access_mbps,access_ms,rate_mbps,delay_ms,queue,lost,until_s,acked,sent,retransmitted,timeouts,drops"
row() { # case flows window segment delayed stagger access access_ms rate delay queue until lost
    for variant in Tahoe Reno Newreno Sack1; do
        printf '%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,' "$1" $variant "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9" "${10}" "${11}" "${13}" "${12}"
        ns path.tcl variant $variant flows "$2" window "$3" segment "$4" delayed "$5" stagger "$6" access "$7Mb" \
            access_delay "$8ms" rate "$9Mb" delay "${10}ms" queue "${11}" until "${12}" lost "${13}"
    done
}
#   case              flows window segment delayed stagger access ms  rate delay queue   until lost
row window-limited    1     100    1460    0       0       90     20  50   100   1000000 60    ""
row one-loss          1     200    1460    0       0       90     20  50   100   1000000 60    "1000"
row four-losses       1     200    1460    0       0       90     20  50   100   1000000 60    "1000 1002 1004 1006"
row lost-twice        1     200    1460    0       0       90     20  50   100   1000000 60    "1000 1200"
row lost-syn          1     50     1460    0       0       90     20  50   100   1000000 20    "0"
row lost-first-data   1     50     1460    0       0       90     20  50   100   1000000 20    "1"
row burst-of-losses   1     300    1460    0       0       90     20  50   100   1000000 60    "2000 2001 2002 2003 2004 2005 2006 2007 2008 2009 2010 2011"
row scattered         1     120    1460    0       0       100    5   20   30    1000000 60    "500 700 701 1500 1900 2600 2602 2610 5000 7000 9000 9001 9002"
row tail-of-window    1     8      1460    0       0       10     10  2    40    1000000 30    "20 21 22 60 61 90 150 151 152 153"
row delayed-acks      1     100    1460    1       0       90     20  50   100   1000000 60    ""
row delayed-and-lost  1     200    1460    1       0       90     20  50   100   1000000 60    "1000 1003 3000"
row small-segments    1     64     512     0       0       10     1   1.5  50    20      60    ""
row queue-50          1     500    1460    0       0       100    1   10   20    50      60    ""
row queue-500         1     2000   1460    0       0       1000   1   100  25    500     30    ""
row queue-10-flows    10    200    1460    0       0.37    100    5   45   35    120     60    ""
row queue-3-flows     3     300    960     0       1.3     50     2   8    60    40      60    ""
row example-300       5     500    1460    0       0       90     20  50   100   300     60    ""
row example-1000      5     500    1460    0       0       90     20  50   100   1000    60    ""
row delayed-1000      5     500    1460    1       0       90     20  50   100   1000    60    ""

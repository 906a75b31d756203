# Bulk flows over one path in ns-2, for comparison with wad-sim under `conventions = "ns2"`.
#
#   left --access--> r1 --bottleneck--> r2 --access--> right
#
# usage: ns path.tcl [key value]...      prints one line of CSV, see measure.sh for its columns
# `growth` is ns-2's windowOption_: 1 is standard TCP, 8 HighSpeed TCP. `phases` seeds the dice with which ns-2 draws the
# phase of each agent's clock; without it they are always the same.
array set p {
    variant Reno  flows 1  window 100  segment 1460  delayed 0  stagger 0  growth 1
    access 90Mb  access_delay 20ms  rate 50Mb  delay 100ms  queue 1000000
    lost {}  probability 0  seed 1  warm_up 0  until 60  phases {}
}
array set p $argv

remove-all-packet-headers
add-packet-header IP TCP Flags
set ns [new Simulator]
if {$p(phases) ne ""} { ns-random $p(phases) }
foreach node {left r1 r2 right} { set $node [$ns node] }
foreach {a b rate delay limit} [list \
        left r1 $p(access) $p(access_delay) 1000000 \
        r1 r2 $p(rate) $p(delay) $p(queue) \
        r2 right $p(access) $p(access_delay) 1000000] {
    $ns duplex-link [set $a] [set $b] $rate $delay DropTail
    $ns queue-limit [set $a] [set $b] $limit
    $ns queue-limit [set $b] [set $a] 1000000
}

# Losses stand before the queue of r1-r2, in the direction of the data only.
proc lose_with {model} {
    global ns r1 r2
    $model drop-target [new Agent/Null]
    $ns lossmodel $model $r1 $r2
}
if {$p(lost) ne ""} {
    set model [new ErrorModel/List]
    $model droplist [split $p(lost) " "]
    lose_with $model
} elseif {$p(probability) > 0} {
    set model [new ErrorModel]
    $model unit pkt
    $model set rate_ $p(probability)
    set dice [new RNG]
    $dice seed $p(seed)
    set variable [new RandomVariable/Uniform]
    $variable use-rng $dice
    $model ranvar $variable
    lose_with $model
}

set agent Agent/TCP
if {$p(variant) ne "Tahoe"} { append agent / $p(variant) }
set sink Agent/TCPSink
if {$p(variant) eq "Sack1"} { append sink /Sack1 }
if {$p(delayed)} { append sink /DelAck }
for {set i 0} {$i < $p(flows)} {incr i} {
    set sender($i) [new $agent]
    $sender($i) set window_ $p(window)
    $sender($i) set packetSize_ $p(segment)
    $sender($i) set windowOption_ $p(growth)
    set receiver [new $sink]
    $ns attach-agent $left $sender($i)
    $ns attach-agent $right $receiver
    $ns connect $sender($i) $receiver
    set source [new Application/FTP]
    $source attach-agent $sender($i)
    $ns at [expr {$i * $p(stagger)}] "$source start"
    set before($i) 0
}
set monitor [$ns monitor-queue $r1 $r2 ""]

proc total {variable} {
    global sender p
    set sum 0
    for {set i 0} {$i < $p(flows)} {incr i} { incr sum [$sender($i) set $variable] }
    return $sum
}
proc warm {} {
    global sender p before
    for {set i 0} {$i < $p(flows)} {incr i} { set before($i) [$sender($i) set ack_] }
}
proc finish {} {
    global p before monitor
    set acked [total ack_]
    for {set i 0} {$i < $p(flows)} {incr i} { incr acked -$before($i) }
    # ndatapack_ counts the SYN of each flow; nrexmit_ counts time-outs.
    set sent [expr {[total ndatapack_] - $p(flows)}]
    puts "$acked,$sent,[total nrexmitpack_],[total nrexmit_],[$monitor set pdrops_]"
    exit 0
}
if {$p(warm_up) > 0} { $ns at $p(warm_up) warm }
$ns at $p(until) finish
$ns run

// The dumbbell of ../ns2/path.tcl in ns-3.37, to compare speed: five NewReno flows, access links of 90 Mbit/s and 20 ms, a
// bottleneck of 50 Mbit/s and 100 ms with a drop-tail queue. Debian: libns3-dev libgsl-dev libxml2-dev libsqlite3-dev.
//
//   g++ -O2 -o /tmp/ns3-path path.cc $(pkg-config --cflags --libs ns3-core ns3-network ns3-internet \
//       ns3-point-to-point ns3-applications ns3-traffic-control)
//   /tmp/ns3-path --queue=1000 --until=60 --sack=false
//
// prints the data segments sent.
#include <cstdint>
#include <iostream>

#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/traffic-control-module.h"

using namespace ns3;

static uint64_t sent = 0;

static void Sent(Ptr<const Packet> packet, const TcpHeader&, Ptr<const TcpSocketBase>) {
    if (packet->GetSize() > 0) ++sent;
}

static void Watch(Ptr<Node> node) {
    Config::ConnectWithoutContextFailSafe(
        "/NodeList/" + std::to_string(node->GetId()) + "/$ns3::TcpL4Protocol/SocketList/*/Tx", MakeCallback(&Sent));
}

int main(int argc, char** argv) {
    uint32_t queue = 1000, flows = 5, window = 500;
    double until = 60;
    bool sack = false;
    CommandLine line;
    line.AddValue("queue", "packets", queue);
    line.AddValue("flows", "how many", flows);
    line.AddValue("window", "segments", window);
    line.AddValue("until", "seconds", until);
    line.AddValue("sack", "selective acknowledgements", sack);
    line.Parse(argc, argv);

    Config::SetDefault("ns3::TcpL4Protocol::SocketType", TypeIdValue(TcpNewReno::GetTypeId()));
    Config::SetDefault("ns3::TcpSocketBase::Sack", BooleanValue(sack));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1460));
    Config::SetDefault("ns3::TcpSocket::DelAckCount", UintegerValue(1));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(window * 1460));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(window * 1460));

    PointToPointHelper access, bottleneck;
    access.SetDeviceAttribute("DataRate", StringValue("90Mbps"));
    access.SetChannelAttribute("Delay", StringValue("20ms"));
    bottleneck.SetDeviceAttribute("DataRate", StringValue("50Mbps"));
    bottleneck.SetChannelAttribute("Delay", StringValue("100ms"));
    bottleneck.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue(std::to_string(queue) + "p"));

    NodeContainer routers, left, right;
    routers.Create(2);
    left.Create(flows);
    right.Create(flows);
    InternetStackHelper stack;
    stack.InstallAll();
    Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.252");
    addresses.Assign(bottleneck.Install(routers));
    for (uint32_t i = 0; i < flows; ++i) {
        addresses.NewNetwork();
        addresses.Assign(access.Install(left.Get(i), routers.Get(0)));
        addresses.NewNetwork();
        auto ends = addresses.Assign(access.Install(routers.Get(1), right.Get(i)));
        PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 5000));
        sink.Install(right.Get(i));
        BulkSendHelper bulk("ns3::TcpSocketFactory", InetSocketAddress(ends.GetAddress(1), 5000));
        bulk.Install(left.Get(i));
        Simulator::Schedule(MilliSeconds(1), &Watch, left.Get(i));
    }
    // The device's queue is the only one.
    TrafficControlHelper control;
    for (uint32_t i = 0; i < NodeList::GetNNodes(); ++i) {
        Ptr<Node> node = NodeList::GetNode(i);
        for (uint32_t j = 0; j < node->GetNDevices(); ++j) {
            if (DynamicCast<PointToPointNetDevice>(node->GetDevice(j))) control.Uninstall(node->GetDevice(j));
        }
    }
    Ipv4GlobalRoutingHelper::PopulateRoutingTables();
    Simulator::Stop(Seconds(until));
    Simulator::Run();
    std::cout << sent << std::endl;
    Simulator::Destroy();
}

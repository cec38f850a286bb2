/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "testpmd.h"

static const char text[] =
	"Usage: baton-testpmd [ENVIRONMENT OPTIONS] -- [APPLICATION OPTIONS]\n"
	"\n"
	"Forwards packets between ports in pairs, 0 <-> 1, 2 <-> 3; a port alone forwards to itself.\n"
	"Options and tables are those of dpdk-testpmd.\n"
	"\n"
	"  baton-testpmd -l 0,1 --vdev=net_virtio_user0,path=/tmp/s0 -- --forward-mode=macswap \\\n"
	"                --auto-start --stats-period=1\n"
	"  baton-testpmd --vdev=net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap -- --run-time=1\n"
	"  baton-testpmd --vdev=net_null0 --vdev=net_null1 -- -i\n"
	"\n"
	"Environment options:\n"
	"  -l CORES             cores as a list of numbers and ranges: 0,1 or 0-3. The lowest is the\n"
	"                       main thread's, the others forward; one alone does both.\n"
	"  --lcores=CORES       the same, with the CPUs they run on: 0@2,1@3 or (0-2)@4 or 0@0,(1,2)@(2-3)\n"
	"  -c MASK              the same as a hexadecimal mask\n"
	"  --main-lcore=N       the main thread's, in place of the lowest\n"
	"  --vdev=NAME[,ARGS]   add a port; may be repeated\n"
	"  -a BDF[,ARGS]        add a port on a PCI device bound to vfio-pci, -a 0000:00:03.0,ioas=type1\n"
	"  --no-huge            take ordinary pages, not hugepages\n"
	"  --huge-dir=DIR       take hugepages from this mounted hugetlbfs\n"
	"  --log-level=LEVEL    error, warning, info (the default) or debug\n"
	"  -h, --help           this text          -v, --version\n"
	"  Accepted, as they change nothing: -m -n -b --no-pci --socket-mem --file-prefix --in-memory\n"
	"  --single-file-segments --proc-type --iova-mode --legacy-mem --no-telemetry and their like\n"
	"\n"
	"Application options, forwarding:\n"
	"  --forward-mode=MODE  (or --fwd) io: unchanged, the default; macswap: with the Ethernet\n"
	"                       addresses swapped; rxonly: drop; txonly: send UDP packets; csum: with\n"
	"                       new addresses and checksums; icmpecho: answer ARP and ping, drop the rest\n"
	"  --port-topology=T    paired (the default), chained or loop\n"
	"  --retry[=N]          when a TX ring is full, try N times more, 1 us apart (N: 64); without\n"
	"                       it what the ring has no room for is dropped at once\n"
	"  --sleep-idle         a core without packets for a while sleeps until there are some\n"
	"  --tx-first           send one burst per port first\n"
	"  --txpkts=LEN[,...]   lengths of the segments of a sent packet (64)\n"
	"  --nb-cores=N         how many cores forward (1); streams are divided among them in blocks\n"
	"  -a, --auto-start     forward at once with -i; without -i it always does\n"
	"  -i, --interactive    a prompt; \"help\" lists its commands. Reads plain lines when standard\n"
	"                       input is not a terminal.\n"
	"\n"
	"Application options, ports and memory:\n"
	"  --rxd=N, --txd=N     ring sizes, powers of two\n"
	"  --rxq=N, --txq=N     queues per port and direction (1); the ports' queues of one number make\n"
	"                       streams, as many as both directions have\n"
	"  --enable-rx-cksum    let devices check the checksums of what they receive\n"
	"  --burst=N            buffers a burst, 1 to 512 (32); more where a packet may span more\n"
	"  --mtu=N              MTU, 68 to 9000\n"
	"  --max-pkt-len=N      the same as a frame's length with header and CRC, 86 to 9018\n"
	"  --total-num-mbufs=N  buffers in the pool; as many as needed unless given\n"
	"  --mbuf-size=N        bytes a buffer, 64 of headroom included (2112)\n"
	"  --mbcache=N          buffers a core keeps cached (512)\n"
	"\n"
	"Application options, the memory that devices use (of all ports with a device; a port's own\n"
	"arguments, --vdev=net_virtio_user0,path=/tmp/s0,bounce=always, come first):\n"
	"  --bounce=HOW         auto (the default): copy packets where the device cannot or must not\n"
	"                       reach the buffers; always; never: refuse a port that would have to\n"
	"  --confine=on         map nothing but rings and slots, and copy every packet (off)\n"
	"  --dma-limit=BITS     address bits for packets, 12 to 64; as many as the device has\n"
	"  --ring-limit=BITS    the same for rings and control blocks\n"
	"  --window=START-END   use only these addresses, 0x100000-0x1fffff; more with + between them\n"
	"\n"
	"Application options, measuring and ending:\n"
	"  --stats-period=S     print the port statistics every S seconds\n"
	"  --record-core-cycles count CPU cycles per packet\n"
	"  --stats-json=FILE    write the final statistics as JSON\n"
	"  --stop-after=N       end after N packets received (txonly: sent), all ports together\n"
	"  --run-time=S         end after S seconds\n"
	"\n"
	"SIGINT and SIGTERM end forwarding and print the final tables. Exit status: 0; 1 when a port\n"
	"cannot be set up, a queue stopped with an error, a packet could not be written or a buffer was\n"
	"lost; 2 for a command line that cannot be. A device that went away is no failure.\n";

void
help_print(void)
{
	const char *const *drivers = baton_drivers();

	fputs(text, stdout);
	printf("Drivers:");
	for (unsigned i = 0; drivers[i]; i++)
		printf(" %s", drivers[i]);
	printf("\n");
}

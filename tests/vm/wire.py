# SPDX-License-Identifier: BSD-3-Clause
"""The host's end of a guest's NIC: frames go in, come back with their MAC addresses swapped, and are compared."""
import fcntl
import os
import random
import select
import socket
import struct
import threading
import time

ETHERTYPE = b"\x88\xb5"  # local experiment
HOST_MAC = bytes.fromhex("020000000001")
PROBES = 0xFF000000  # and above: numbers of probes
STREAM = 0xFF800000  # and above: of a stream
QUEUE_OF_SOCKET = 8 << 20


class Datagrams:
    """QEMU's `-netdev dgram` over a pair of unix sockets: nothing is lost, a full end makes the other wait."""

    def __init__(self, folder, number):
        self.mine = os.path.join(folder, f"host{number}")
        self.its = os.path.join(folder, f"nic{number}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE_OF_SOCKET)
        self.socket.bind(self.mine)
        self.socket.setblocking(False)
        self.fds = ()

    def netdev(self, name):
        return (f"dgram,id={name},local.type=unix,local.path={self.its},"
                f"remote.type=unix,remote.path={self.mine}")

    def send(self, frame):
        """False when there is no room."""
        try:
            self.socket.sendto(frame, self.its)
            return True
        except (BlockingIOError, ConnectionRefusedError, FileNotFoundError):
            return False

    def receive(self):
        return self.socket.recv(65536)

    def drain(self):
        """Frames that QEMU still has for us come within that time, too."""
        while select.select([self.socket], [], [], 0.1)[0]:
            self.receive()

    def close(self):
        self.socket.close()


class Tap:
    """A TAP interface with several queues, the kernel's side of it through a packet socket: QEMU's NIC has as many."""

    def __init__(self, queues):
        self.name = f"baton{os.getpid() % 100000}x{random.randrange(100)}"
        self.fds = []
        for _ in range(queues):
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            # TUNSETIFF: IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR
            fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", self.name.encode(), 0x0002 | 0x1000 | 0x0100 | 0x4000))
            self.fds.append(fd)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        try:
            with open(f"/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6", "w") as f:
                f.write("1")
        except OSError:
            pass
        # SIOCGIFFLAGS, SIOCSIFFLAGS: up
        request = struct.pack("16sH22x", self.name.encode(), 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(self.socket, 0x8913, request))[1]
        fcntl.ioctl(self.socket, 0x8914, struct.pack("16sH22x", self.name.encode(), flags | 1))
        self.socket.bind((self.name, 3))
        self.socket.setblocking(False)

    @staticmethod
    def lacking():
        """Why there can be none here, or None."""
        try:
            os.close(os.open("/dev/net/tun", os.O_RDWR))
        except OSError as e:
            return f"/dev/net/tun: {e.strerror}"
        return None

    def netdev(self, name):
        return f"tap,id={name},fds={':'.join(map(str, self.fds))},vhost=off"

    def send(self, frame):
        try:
            self.socket.send(frame)
            return True
        except (BlockingIOError, OSError):
            return False

    def send_segmented(self, frame, headers, segment):
        """A TCP packet over IPv4 that is to be cut: its checksum is not there yet."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
            s.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
            s.bind((self.name, 0))
            # struct virtio_net_hdr: NEEDS_CSUM, GSO_TCPV4
            s.send(struct.pack("<BBHHHH", 1, 1, headers, segment, headers - 20, 16) + frame)

    def receive(self):
        while True:
            frame, address = self.socket.recvfrom(65536)
            if address[2] != socket.PACKET_OUTGOING:
                return frame

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)


def swapped(frame):
    return frame[6:12] + frame[:6] + frame[12:]


class Traffic:
    """Frames to one NIC, and what comes back."""

    def __init__(self, wire, mac, flows=1):
        self.wire, self.mac, self.flows = wire, mac, flows
        self.random = random.Random(4)
        self.stop = None
        self.probes = 0
        self.counts = [0, 0]

    def frame(self, number):
        """Of any size; number `number` for its flow. With several flows, UDP, so that they spread over queues."""
        size = self.random.choice((60, 64, 128, 512, 1514, self.random.randrange(60, 1515)))
        flow = number % self.flows
        if self.flows == 1:
            head = ETHERTYPE
        else:
            ip = struct.pack(">BBHHHBBHII", 0x45, 0, size - 14, 0, 0, 64, 17, 0, 0x0A000001, 0x0A000002)
            head = b"\x08\x00" + ip + struct.pack(">HHHH", 1000 + flow, 2000, size - 34, 0)
        head = self.mac + HOST_MAC + head + struct.pack(">II", flow, number)
        return head + self.random.randbytes(max(0, size - len(head)))

    def number_of(self, frame):
        at = 14 if self.flows == 1 else 42
        flow, number = struct.unpack_from(">II", frame, at)
        return flow, number

    def ours(self, frame):
        return len(frame) >= 50 and frame[:6] == HOST_MAC and frame[6:12] == self.mac

    def returned(self, seconds):
        """The next frame of ours that came back, or None."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.wire.socket], [], [], left)[0]:
                return None
            try:
                frame = self.wire.receive()
            except BlockingIOError:
                continue
            if self.ours(frame):
                return frame

    def probe(self, seconds, gone=lambda: False):
        """Milliseconds until a first frame comes back. A frame a millisecond is sent."""
        begin = time.monotonic()
        self.probes += 1  # those of an earlier program may still come back
        number = PROBES + self.probes
        frame = self.frame(0)
        at = 14 if self.flows == 1 else 42
        frame = frame[:at] + struct.pack(">II", 0, number) + frame[at + 8:]
        while time.monotonic() - begin < seconds:
            if gone():
                raise RuntimeError("the application is gone")
            self.wire.send(frame)
            back = self.returned(0.001)
            if back is not None and self.number_of(back) == (0, number):
                return (time.monotonic() - begin) * 1000
        raise RuntimeError(f"no frame came back within {seconds} s")

    def exchange(self, count, slow=1, window=64):
        """`count` frames there and back; in order in each flow, every byte compared."""
        begin = time.monotonic()
        while self.returned(0.05) is not None:  # probes
            pass
        waiting = [[] for _ in range(self.flows)]
        sent = back = size = out = 0
        pending = None
        while back < count:
            if pending is None and sent < count and out < window:
                pending = self.frame(sent)
            if pending is not None and self.wire.send(pending):
                waiting[sent % self.flows].append(pending)
                sent, out, pending = sent + 1, out + 1, None
                continue
            frame = self.returned(0.01 if pending is not None else 10 * slow)
            if frame is None:
                if pending is not None and time.monotonic() - begin < 30 * slow:
                    continue
                raise RuntimeError(f"{out} of {sent} frames did not come back ({back} did)")
            flow, number = self.number_of(frame)
            if number >= PROBES:
                continue
            if flow >= self.flows or not waiting[flow]:
                raise RuntimeError(f"a frame that was not sent: {frame[:64].hex()}")
            expected = swapped(waiting[flow].pop(0))
            if frame != expected:
                raise RuntimeError(f"frame {number}: {len(frame)} bytes came back as {frame[:64].hex()}, "
                                   f"expected {len(expected)}: {expected[:64].hex()}")
            back, out, size = back + 1, out - 1, size + len(frame)
        return back, size, time.monotonic() - begin

    def start(self):
        """A stream in the background, not compared."""
        self.stop = threading.Event()
        self.counts = [0, 0]
        self.thread = threading.Thread(target=self._stream, daemon=True)
        self.thread.start()

    def _stream(self):
        while not self.stop.is_set():
            if self.counts[0] - self.counts[1] < 64 or self.counts[0] % 64 == 0:
                # Late ones are for nobody: exchange() skips these numbers.
                self.counts[0] += self.wire.send(self.frame(STREAM + self.counts[0]))
            if self.returned(0.001) is not None:
                self.counts[1] += 1

    def finish(self):
        """End the stream. Return how many were sent and came back."""
        if self.stop:
            self.stop.set()
            self.thread.join()
            self.stop = None
        return self.counts

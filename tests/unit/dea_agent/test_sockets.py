"""The kernel's table of sockets."""

from chalicelib.adapters.sockets import ESTABLISHED, LISTEN, Socket, parse

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000 22001        0 12345 1 0 20 4 30 10 -1
   1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 1
"""


def test_rows_are_read_for_both_address_families() -> None:
    assert list(parse(TABLE)) == [Socket(8080, 41394, ESTABLISHED, 22001), Socket(22, 0, LISTEN, 0)]

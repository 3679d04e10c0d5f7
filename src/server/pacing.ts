/**
 * Sending within this machine: no pacing where no network is between.
 *
 * Invariant: only what listens on a loopback address is touched. On all other addresses the
 * administrator's choice decides how fast is sent (net.ipv4.tcp_congestion_control).
 * Why: docs/decisions/0021-no-pacing-over-loopback.md.
 */
import { filesOf, type SocketCalls, socketsAt } from './sockets.ts'

/** In every kernel, allowed to everybody, and without timers between what it sends. */
const unpaced = 'reno'
const loopback = /^127\.|^(?:0:){7}1$/

/** What is accepted by this process at the port from now on is sent to without pacing. */
export function unpaceLoopback(port: number, calls: SocketCalls): void {
  const local = socketsAt(port, 'listening').filter(({ address }) => loopback.test(address))
  // What is accepted takes over what was chosen for the socket that listens.
  for (const file of filesOf(local)) calls.setCongestionControl(file, unpaced)
}

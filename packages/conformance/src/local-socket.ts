import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TunnelListener } from '@postern/ssm-tunnel';

/** A connection to a listener, as an application makes it. Its errors are for who looks for them. */
export async function connectTo(
  { address }: TunnelListener,
  options: { allowHalfOpen?: boolean } = {},
): Promise<Socket> {
  const socket = connect({ ...address, ...options });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}
